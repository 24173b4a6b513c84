"""Looks at what bots have heard as soon as there is a whole window of it, some at a time."""

from collections.abc import Sequence

import numpy as np

from softphone.load.media.codes import WORD
from softphone.load.media.ears import listen
from softphone.load.media.plane import LoadPlane
from softphone.load.media.tally import FULL
from softphone.load.truth import Truth

__all__ = ["Listening"]

PAIRS = 1024
"""Pairs of window and talker that are looked at in one go, some 3 µs each, so that no step waits for them."""
FIRST_TICKS = 2 * WORD
"""Who was sent nothing in so many ticks is sent nothing; before that, it or this program may have been held up."""


class Listening:
    """What a plane's bots hear of some talkers.

    Parameters
    ----------
    plane
        Whose windows are looked at.
    talkers
        The bots that ever talk.

    Attributes
    ----------
    truth
        What was heard so far.
    """

    def __init__(self, plane: LoadPlane, talkers: Sequence[int]) -> None:
        self._plane = plane
        self.truth = Truth(plane.ears, talkers, np.array([plane.phase_s(bot) for bot in talkers]))
        self._names = plane.names(talkers)
        self._column = np.array([plane.tones[tone] for tone in plane.tone_of(talkers)], np.int64)
        self._ticks = 0
        self._stalls = plane.stalls

    def forget(self) -> None:
        """Count anew from here on."""
        self.truth.forget()
        self._ticks = 0

    def is_undecided(self) -> bool:
        """Whether there are pairs that listening on would decide: their listener is sent sound, or may yet be."""
        comes = self._plane.bots["received"][: self._plane.ears] > 0
        return bool(self.truth.undecided()[comes | (self._ticks < FIRST_TICKS)].any())

    def look(self) -> None:
        """Look, at each tick, at some windows that are full, and let them be filled anew."""
        self._ticks += 1
        if self._plane.stalls != self._stalls:
            self._stalls = self._plane.stalls
            self.truth.held_up(self._plane.count, self._plane.due_s() - self._plane.epoch_s)
        plane, bots = self._plane, self._plane.bots[: self._plane.ears]
        rows = np.flatnonzero(bots["window"] == FULL)[: max(1, PAIRS // max(1, len(self._names)))]
        if not len(rows):
            return
        if len(self._names):
            frames = bots["frames"][rows].astype(np.int64)
            answers = listen(plane.series[rows], frames, self._names, self._column)
            self.truth.add(rows, answers, bots["wait_s"][rows] / np.maximum(frames, 1))
        plane.series[rows] = 0.0
        bots["window"][rows] = 0
