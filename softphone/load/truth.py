"""What was heard over a run, pair by pair, and what of it is not as it should be.

A window of 2.54 s says of each talker whether a listener heard it, did not, or that this is not known. Windows in which
a talker began or ceased, or in which it changed who should hear it, are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone.load.faults import Fault
from softphone.load.media.codes import WORD
from softphone.load.media.ears import HEARD, NOT_HEARD, HeardWindows
from softphone.load.quantiles import Quantiles

__all__ = ["FEW", "WINDOW_S", "Truth"]

WINDOW_S = WORD * TICK_S
MARGIN_S = 1.0
"""So long after a change sound may still come that was sent before it: more than any bridge holds back."""
CREEP_MS_PER_S = 1.0
CREEP_MS = 15.0
CREEP_WINDOWS = 4
CREEP_LIKENESS = 0.94
"""Delay creeps when it grows so fast, by so much in all, over so many windows at least, and so evenly (r squared).

A playout buffer that has grown in one leap, after a stall, has 0.9 at most.
"""
FEW = 2
"""So many windows have to say the same before it is a fault."""


class Truth:
    """Counts windows.

    Parameters
    ----------
    listeners
        How many bots listen.
    talkers
        Numbers of those that ever talk.
    phase_s
        float64, shape (talkers,): when the first frame of each one's word left, seconds after the epoch.

    Attributes
    ----------
    expected
        bool, shape (listeners, talkers): who should hear whom; change it by `expect`.
    heard, silent, unknown
        int32, same shape: windows in which a talker talked and was heard, was not, or this is not known.
    missed
        bool, same shape: pairs that were not judged before it changed who should hear whom.
    level_dbov
        float32: the loudest that it was heard.
    delays_ms
        Of all windows in which somebody was heard, packet to packet.
    """

    def __init__(self, listeners: int, talkers: Sequence[int], phase_s: NDArray[np.float64]) -> None:
        shape = listeners, len(talkers)
        self.talkers, self.phase_s = np.array(talkers, np.int64), phase_s
        self.expected = np.ones(shape, np.bool_)
        own = np.flatnonzero((self.talkers >= 0) & (self.talkers < listeners))
        self.expected[self.talkers[own], own] = False
        self.since_s = np.full(shape, np.inf)
        self._there_s = np.full(listeners, np.inf)
        self.heard, self.silent, self.unknown, self.leaks, self.deaf = (np.zeros(shape, np.int32) for _ in range(5))
        self._agreed, self._wrong = np.zeros(shape, np.int32), np.zeros(shape, np.int32)  # since it was last changed
        self.missed = np.zeros(shape, np.bool_)
        self.level_dbov, self.leak_dbov = (np.full(shape, -127.0, np.float32) for _ in range(2))
        self.delays_ms = Quantiles()
        self._sums = np.zeros((6, *shape))  # of 1, t, d, t*t, t*d, d*d for the heard windows
        self._last_s = np.full(shape, np.nan)

    def expect(self, wanted: NDArray[np.bool_] | bool, talker: int, now_s: float, *, anew: bool = True) -> None:
        """Say who should hear a talker from now on, of all listeners; its own never does.

        Parameters
        ----------
        wanted
            bool, shape (listeners,); one for all.
        anew
            Whether it is judged again where that is as before.
        """
        k = int(np.flatnonzero(self.talkers == talker)[0])
        before = self.expected[:, k].copy()
        self.expected[:, k] = wanted
        if 0 <= talker < len(self.expected):
            self.expected[talker, k] = False
        changed = slice(None) if anew else self.expected[:, k] != before
        self.missed[changed, k] |= self.undecided()[changed, k]
        self._agreed[changed, k] = self._wrong[changed, k] = 0
        self.since_s[changed, k] = np.where(np.isfinite(self.since_s[changed, k]), now_s, np.inf)

    def talking(self, talker: int, on: bool, now_s: float) -> None:
        """Say that a talker begins or ceases."""
        self.since_s[:, np.flatnonzero(self.talkers == talker)] = now_s if on else np.inf

    def held_up(self, count: int, now_s: float) -> None:
        """Say that the first so many bots, this program's, could say nothing for a while that ends now."""
        own = (self.talkers >= 0) & (self.talkers < count)
        self.since_s[:, own] = np.where(np.isfinite(self.since_s[:, own]), now_s, np.inf)

    def away(self, bot: int) -> None:
        """Say that a bot is not there, or holds: what it hears and who hears it is not judged.

        A number that is none of the listeners' is a bot of another process, here and in `back`.
        """
        if 0 <= bot < len(self._there_s):
            self._there_s[bot] = np.inf
        self.since_s[:, np.flatnonzero(self.talkers == bot)] = np.inf

    def back(self, bot: int, now_s: float, *, talks: bool) -> None:
        """Say that it is there, or there again; whether it talks."""
        if 0 <= bot < len(self._there_s):
            self._there_s[bot] = now_s
        self.talking(bot, talks, now_s)

    def forget(self) -> None:
        """Count anew from here on."""
        for counts in (self.heard, self.silent, self.unknown, self.leaks, self.deaf, self._agreed, self._wrong):
            counts[:] = 0
        self.missed[:] = False
        self.level_dbov[:], self.leak_dbov[:] = -127.0, -127.0
        self._sums[:], self._last_s[:] = 0.0, np.nan
        self.delays_ms = Quantiles()

    def undecided(self) -> NDArray[np.bool_]:
        """Tell which pairs can be judged and are not yet: no window agrees, and too few do not; shape as `heard`.

        Only windows count that follow the last change of who should hear whom.
        """
        judged = np.isfinite(np.maximum(self.since_s, self._there_s[:, None]))
        undecided: NDArray[np.bool_] = judged & (self._agreed == 0) & (self._wrong < FEW)
        return undecided

    def not_known(self) -> NDArray[np.bool_]:
        """Tell which pairs were never judged, or not in each part of the run; shape as `heard`."""
        unknown: NDArray[np.bool_] = (self.heard + self.silent == 0) | self.missed | self.undecided()
        return unknown

    def add(self, rows: NDArray[np.int64], answers: HeardWindows, began_s: NDArray[np.float64]) -> None:
        """Count windows of some listeners that began at these seconds after the epoch (mean of their frames)."""
        since_s = np.maximum(self.since_s[rows], self._there_s[rows, None])
        counts = began_s[:, None] >= since_s + MARGIN_S
        known, expected = np.where(counts, answers.known, -1), self.expected[rows]
        heard, silent = known == HEARD, known == NOT_HEARD
        self.heard[rows] += heard
        self.silent[rows] += silent
        self.unknown[rows] += known == 0
        self.leaks[rows] += heard & ~expected
        self.deaf[rows] += silent & expected
        self._agreed[rows] += (known > 0) & (heard == expected)
        self._wrong[rows] += (known > 0) & (heard != expected)
        level = np.where(heard, answers.level_dbov, -127.0)
        self.level_dbov[rows] = np.maximum(self.level_dbov[rows], level)
        self.leak_dbov[rows] = np.maximum(self.leak_dbov[rows], np.where(expected, -127.0, level))
        self._delays(rows, heard, answers.shift, began_s)

    def _delays(
        self,
        rows: NDArray[np.int64],
        heard: NDArray[np.bool_],
        shift: NDArray[np.float64],
        began_s: NDArray[np.float64],
    ) -> None:
        delay_s = (began_s[:, None] - self.phase_s - shift * TICK_S) % WINDOW_S
        delay_s[delay_s > WINDOW_S - 0.1] -= WINDOW_S  # a clock that is some milliseconds off, and no delay
        time_s = np.broadcast_to(began_s[:, None], delay_s.shape)
        summands = np.ones_like(delay_s), time_s, delay_s, time_s**2, time_s * delay_s, delay_s**2
        for sum_, value in zip(self._sums, summands, strict=True):
            sum_[rows] += np.where(heard, value, 0.0)
        self._last_s[rows] = np.where(heard, delay_s, self._last_s[rows])
        for value in delay_s[heard]:
            self.delays_ms.add(max(1000 * float(value), 0.0))

    @property
    def delay_ms(self) -> NDArray[np.float64]:
        """Mean delay of each pair, shape (listeners, talkers); nan where nothing was heard."""
        count, _, total = self._sums[:3]
        mean: NDArray[np.float64] = np.divide(1000 * total, count, out=np.full(count.shape, np.nan), where=count > 0)
        return mean

    def creep(self) -> NDArray[np.float64]:
        """By how much each pair's delay grows, in ms a second (least squares); nan: too few windows."""
        n, t, d, tt, td, dd = self._sums
        spread, along = n * tt - t * t, n * td - t * d
        enough = (n >= CREEP_WINDOWS) & (spread > 1e-6) & (along**2 >= CREEP_LIKENESS * spread * (n * dd - d * d))
        slope = np.divide(along, spread, out=np.full(n.shape, np.nan), where=enough)
        length_s = np.sqrt(12 * np.divide(spread, n * n, out=np.zeros(n.shape), where=enough))
        return np.where(enough & (np.abs(1000 * slope * length_s) >= CREEP_MS), 1000 * slope, np.nan)

    def faults(self) -> list[Fault]:
        """List what is not as it should be, the worst kinds first."""
        found = [*self._swapped()]
        swapped = {(fault.listener, fault.talker) for fault in found}
        swapped |= {(talker, listener) for listener, talker in swapped}
        swapped |= {(one, one) for pair in swapped for one in pair}
        rest = [*self._leaks(), *self._deaf(), *self._creeping()]
        return found + [fault for fault in rest if (fault.listener, fault.talker) not in swapped]

    def _leaks(self) -> list[Fault]:
        found = []
        for i, k in np.argwhere(self.leaks >= FEW):
            kind = "echo" if i == self.talkers[k] else "leak"
            found.append(Fault(kind, int(i), int(self.talkers[k]), float(self.leak_dbov[i, k]), int(self.leaks[i, k])))
        return found

    def _deaf(self) -> list[Fault]:
        found = []
        for i, k in np.argwhere(self.deaf >= FEW):
            heard, deaf = int(self.heard[i, k]), int(self.deaf[i, k])
            kind, share = ("partly deaf" if heard else "deaf"), deaf / (heard + deaf)
            found.append(Fault(kind, int(i), int(self.talkers[k]), share, deaf))
        return found

    def _creeping(self) -> list[Fault]:
        slope, count = self.creep(), self._sums[0]
        with np.errstate(invalid="ignore"):
            where = np.argwhere(slope > CREEP_MS_PER_S)
        return [Fault("creep", int(i), int(self.talkers[k]), float(slope[i, k]), int(count[i, k])) for i, k in where]

    def _swapped(self) -> list[Fault]:
        place = {int(talker): k for k, talker in enumerate(self.talkers) if 0 <= talker < len(self.heard)}
        echoing = [talker for talker, k in place.items() if self.leaks[talker, k] >= FEW]
        return [
            Fault("swapped", a, b, 1.0, int(self.leaks[a, place[a]]))
            for a in echoing
            for b in echoing
            if a < b and min(self.deaf[a, place[b]], self.deaf[b, place[a]]) >= FEW and self._is_heard(a, b, place)
        ]

    def _is_heard(self, a: int, b: int, place: dict[int, int]) -> bool:
        """Whether somebody else hears one of two talkers: where nobody does, each is only returned its own sound."""
        others = np.delete(self.heard, [a, b], axis=0)
        return bool(others[:, [place[a], place[b]]].any())
