"""Who whispers to whom: voices that go to certain listeners only, not to the room.

The relation is sparse and changes seldom, so it is kept as sets and turned into arrays after a change. Listeners with
the same whisperers form a circle: what is whispered to a circle is summed once, however many listen.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mixer.mix import sums_by

Rows = NDArray[np.intp]
NOBODY: Rows = np.zeros(0, np.intp)


class Whispers:
    """
    The relation from whisperers to listeners.

    Parameters
    ----------
    capacity : int
        Number of rows.

    Attributes
    ----------
    private : ndarray of bool, shape (capacity,)
        Rows that whisper: what they say is kept from their room.
    listeners : ndarray of intp, shape (listeners,)
        Rows that somebody may whisper to, ascending.
    """

    def __init__(self, capacity: int) -> None:
        self.private: NDArray[np.bool_] = np.zeros(capacity, bool)
        self.listeners: Rows = NOBODY
        self._to: dict[int, frozenset[int]] = {}
        self._circle_of: Rows = NOBODY  # of each listener
        # Who belongs to which circle, a pair each.
        self._whisperer: Rows = NOBODY
        self._circle: Rows = NOBODY
        self._circles = 0

    def __bool__(self) -> bool:
        """Whether anybody whispers."""
        return bool(self._to)

    def set(self, row: int, listeners: Iterable[int] | None) -> None:
        """Let a row whisper to these only, perhaps to nobody; None: it speaks to its room again."""
        if listeners is None:
            self._to.pop(row, None)
        else:
            self._to[row] = frozenset(listeners) - {row}
        self.private[row] = listeners is not None
        self._arrange()

    def forget(self, row: int) -> None:
        """Take a row out, as whisperer and as listener; who whispered to it alone now whispers to nobody."""
        if self._to:
            self._to = {speaker: to - {row} for speaker, to in self._to.items() if speaker != row}
            self.private[row] = False
            self._arrange()

    def _arrange(self) -> None:
        """Make the arrays."""
        ears: dict[int, list[int]] = {}
        for speaker, to in self._to.items():
            for row in to:
                ears.setdefault(row, []).append(speaker)
        circles: dict[tuple[int, ...], int] = {}
        listeners = sorted(ears)
        circle_of = [circles.setdefault(tuple(sorted(ears[row])), len(circles)) for row in listeners]
        pairs = [(speaker, circle) for speakers, circle in circles.items() for speaker in speakers]
        self.listeners, self._circle_of = np.array(listeners, np.intp), np.array(circle_of, np.intp)
        self._whisperer, self._circle = np.array(pairs, np.intp).reshape(-1, 2).T
        self._circles = len(circles)

    def gather(
        self, heard: NDArray[np.int16], voiced: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[np.intp], NDArray[np.int32]]:
        """
        Sum what is whispered in this tick.

        Parameters
        ----------
        heard : ndarray of int16, shape (capacity, samples)
            What each row says.
        voiced : ndarray of bool, shape (capacity,)
            Whose voice counts.

        Returns
        -------
        rows : ndarray of intp, shape (n,)
            Who hears a whisper now, ascending.
        circle : ndarray of intp, shape (n,)
            The circle of each of them.
        sums : ndarray of int32, shape (circles, samples)
            What is whispered to each circle, exact.
        """
        sums = np.zeros((self._circles, heard.shape[1]), np.int32)
        now = np.flatnonzero(voiced[self._whisperer])
        sums_by(heard, self._whisperer[now], self._circle[now], sums)
        lively = np.zeros(self._circles, bool)
        lively[self._circle[now]] = True
        ears = np.flatnonzero(lively[self._circle_of])
        return self.listeners[ears], self._circle_of[ears], sums
