"""Whispering: voices that go to certain listeners only, not to the room.

The relation is sparse and changes seldom, so it is kept as sets and turned into arrays after a change. Listeners with
the same whisperers form a circle: what is whispered to a circle is summed once, however many listen.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mixer.desk import add, clear, compose, ear_of, finish, wants_own
from mixer.kernel import kernel
from mixer.party import Parties
from mixer.ramp import is_scaled
from mixer.rate import Rate

Rows = NDArray[np.int64]
Samples = NDArray[np.int16]
Wide = NDArray[np.int32]
NOBODY: Rows = np.zeros(0, np.int64)


class Whispers:
    """
    The relation from whisperers to listeners.

    Parameters
    ----------
    parties : record array
        The rows; their `private` and `listener` are written here only.

    Attributes
    ----------
    listeners : ndarray of intp, shape (listeners,)
        Rows that somebody may whisper to, ascending.
    to : dict
        Of each row that whispers the rows it whispers to.
    """

    def __init__(self, parties: Parties) -> None:
        self.private: NDArray[np.bool_] = parties["private"]
        self._listening: NDArray[np.bool_] = parties["listener"]
        self.listeners: Rows = NOBODY
        self.to: dict[int, frozenset[int]] = {}
        self.circle_of: Rows = NOBODY  # of each listener
        # Who belongs to which circle, a pair each.
        self.whisperer: Rows = NOBODY
        self.circle: Rows = NOBODY
        self.lively = np.zeros(0, bool)  # circles to which something is whispered

    def __bool__(self) -> bool:
        """Whether anybody whispers."""
        return bool(self.to)

    def set(self, row: int, listeners: Iterable[int] | None) -> None:
        """Let a row whisper to these only, perhaps to nobody, or to itself, an echo; None: it speaks to its room."""
        if listeners is None:
            self.to.pop(row, None)
        else:
            self.to[row] = frozenset(listeners)
        self.private[row] = listeners is not None
        self._arrange()

    def forget(self, row: int) -> None:
        """Take a row out, as whisperer and as listener; who whispered to it alone now whispers to nobody."""
        if self.to:
            self.to = {speaker: to - {row} for speaker, to in self.to.items() if speaker != row}
            self.private[row] = False
            self._arrange()

    def _arrange(self) -> None:
        """Make the arrays."""
        ears: dict[int, list[int]] = {}
        for speaker, to in self.to.items():
            for row in to:
                ears.setdefault(row, []).append(speaker)
        circles: dict[tuple[int, ...], int] = {}
        listeners = sorted(ears)
        circle_of = [circles.setdefault(tuple(sorted(ears[row])), len(circles)) for row in listeners]
        pairs = [(speaker, circle) for speakers, circle in circles.items() for speaker in speakers]
        self.listeners, self.circle_of = np.array(listeners, np.int64), np.array(circle_of, np.int64)
        # In one piece, however many there are: kernels are compiled for one layout of arrays.
        self.whisperer, self.circle = np.ascontiguousarray(np.array(pairs, np.int64).reshape(-1, 2).T)
        self.lively = np.zeros(len(circles), bool)
        self._listening[:] = False
        self._listening[self.listeners] = True


@kernel
def whisper(
    parties: Parties,
    rate: Rate,
    heard: Samples,
    leaving: Samples,
    sums: Wide,
    whisperer: Rows,
    circle: Rows,
    listeners: Rows,
    circle_of: Rows,
    whispered: Wide,
    lively: NDArray[np.bool_],
    key: Rows,
    wide: Wide,
    frames: Samples,
) -> int:
    """
    Make the frames of those who are whispered to in a lane in this tick, once for all who hear the very same.

    Parameters
    ----------
    parties, rate
        The rows and their rate.
    heard, leaving, sums
        As `mixer.desk` has them.
    whisperer, circle : ndarray of int64, shape (pairs,)
        Who whispers to which circle.
    listeners, circle_of : ndarray of int64, shape (listeners,)
        Who belongs to which circle.
    whispered : ndarray of int32, shape (circles, samples)
        To work in, as are `lively` (bool, circles), `key` (int64, two per row) and `wide` (int32, shape (2, samples)).
    frames : ndarray of int16, shape (frames, samples)
        Out.

    Returns
    -------
    int
        How many frames were made.
    """
    _gather(parties, rate, heard, whisperer, circle, whispered, lively)
    count = 0
    for i in range(len(listeners)):
        row, ring = listeners[i], circle_of[i]
        p = parties[row]
        if p.ear_lane != rate.lane or not (lively[ring] and p.active and p.send):
            continue
        alone = wants_own(p) or is_scaled(p.gain_out_before, p.gain_out)
        same = -1 - row if alone else ring * (len(sums) + 1) + ear_of(p) + 1
        k = _find(key, count, same)
        if k < count:
            p.frame, p.limit_out = k, parties[key[2 * k + 1]].limit_out
            continue
        compose(p, rate, sums, heard[row], leaving[row], wide)
        _join(wide[0], rate, whispered[ring])
        finish(p, rate, wide[0], frames[count])
        p.frame, key[2 * count], key[2 * count + 1] = count, same, row
        count += 1
    return count


@kernel
def _gather(
    parties: Parties,
    rate: Rate,
    heard: Samples,
    whisperer: Rows,
    circle: Rows,
    whispered: Wide,
    lively: NDArray[np.bool_],
) -> None:
    """Sum what is whispered to each circle, and note to which something is."""
    for i in range(len(lively)):
        lively[i] = False
        clear(whispered[i], rate)
    for i in range(len(whisperer)):
        if parties[whisperer[i]].voiced:
            lively[circle[i]] = True
            add(whispered[circle[i]], rate, heard[whisperer[i]])


@kernel
def _find(key: Rows, count: int, same: int) -> int:
    """Give which frame is made for those who hear the same, `count` when none is."""
    k = 0
    while k < count and key[2 * k] != same:
        k += 1
    return k


@kernel
def _join(total: Wide, rate: Rate, voices: Wide) -> None:
    """Add a sum to another."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        total[j] += voices[j]
