"""How fast each row is played: the control that keeps waiting times short, whatever jitter and clocks do.

The *wait* of a packet is the time from its arrival to the playing of its first sample, in samples. Its *slack* is how
early it came before the tick that reads it: less than the wait when the packet begins in the middle of a frame. The
least slack of the last one to two seconds says how much later packets could have come without being missed. Below
`LOW_S` the row is played slower, above `HIGH_S` faster. A sender whose clock drifts moves the slack slowly and is
thereby followed; a network that jitters lowers the least slack and thereby gets a longer wait. In between, a row whose
frames begin in the middle of packets is brought to their edge: it waits that much less and has the same slack. There it
is played untouched.
"""

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

# 10 ms, half a packet time. Playing slower helps only when the cursor has fallen back behind a packet's edge, up to a
# whole frame away: with a clock 1 % slow that takes 9 ms at the greatest speed.
LOW_S = 0.010
# One tick and 2 ms above: a steady sender starts anywhere between LOW_S and a tick more, and is played bit by bit.
HIGH_S = 0.032
# Each millisecond below LOW_S, or eight above HIGH_S (too much delay is no haste), changes the speed by one step of
# 0.6 %, up to 2.5 %: inaudible in
# speech, and more than twice the worst clock the playout has to follow (1 %).
SLOWER_S, FASTER_S = 0.001, 0.008
STEPS_AT_8_KHZ = 4
# Who dials in the sound is played at most 1.2 % faster or slower, still enough for a clock 1 % off: a key is told from
# others by tones that may be 1.5 % off and not 3.5 % (Q.24).
DIALLING_STEPS_AT_8_KHZ = 2
# The least slack is kept for this long at least and twice as long at most: a jitter spike per second is remembered.
MEMORY_TICKS = 50

NOTHING = np.int64(1 << 40)


class Pace:
    """
    Least wait per row, in samples.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        Samples per second.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self._low, self._high = round(LOW_S * rate_hz), round(HIGH_S * rate_hz)
        self._slower, self._faster = round(SLOWER_S * rate_hz), round(FASTER_S * rate_hz)
        self.most = STEPS_AT_8_KHZ * rate_hz // 8000
        self._scale = self.most // STEPS_AT_8_KHZ
        self._most_dialling = DIALLING_STEPS_AT_8_KHZ * self._scale
        self._recent: Index = np.full(capacity, NOTHING)
        self._older: Index = np.full(capacity, NOTHING)
        self._late = np.zeros(
            capacity, np.int8
        )  # how many times the memory will turn before a late packet is forgotten
        self._age = 0

    def observe(self, rows: Index, wait: Index, anew: Flags, usable: Flags) -> None:
        """
        Take in the wait of one packet of each of several rows.

        Parameters
        ----------
        rows, wait : ndarray of int64, shape (n,)
            The rows, and the waits in samples.
        anew : ndarray of bool, shape (n,)
            Forget what was before, late packets too.
        usable : ndarray of bool, shape (n,)
            The packet can be played. Of those that cannot, the first in a while says nothing: it may be one packet that
            lost its way, for which nobody should wait.
        """
        if not usable.all():
            late = rows[~usable]
            wait = np.where(usable | (self._late[rows] > 0), wait, NOTHING)
            self._late[late] = 2
        self._recent[rows] = np.where(anew, wait, np.minimum(self._recent[rows], wait))
        self._older[rows[anew]] = NOTHING
        self._late[rows[anew]] = 0

    def moved(self, rows: Index | slice, samples: Index) -> None:
        """Follow the cursor: every wait shrinks by what it went beyond its regular steps."""
        self._recent[rows] -= samples
        self._older[rows] -= samples

    def steps(self, inside: Index, spare: Index, dialling: Index) -> Index:
        """
        Decide the speed of the first rows for one tick.

        Parameters
        ----------
        inside : ndarray of int64, shape (rows,)
            How deep inside a frame packets begin at most: the difference between wait and slack.
        spare : ndarray of int64, shape (rows,)
            The part of it that is gone when frames begin where packets do.
        dialling : ndarray of int64, shape (n,)
            The rows in whose sound keys are listened for.

        Returns
        -------
        ndarray of int64, shape (rows,)
            Samples to play beyond the regular ones.
        """
        self._age += 1
        if self._age == MEMORY_TICKS:
            self._age = 0
            self._older[:] = self._recent
            self._recent[:] = NOTHING
            np.maximum(self._late - 1, 0, out=self._late)
        count = len(inside)
        least = np.minimum(self._recent[:count], self._older[:count]) - inside
        excess = np.minimum(least - self._high, 1 << 20)
        faster = np.maximum(-(-excess // self._faster), 0)
        slower = np.maximum(-((least - self._low) // self._slower), 0)
        step: Index = np.clip((faster - slower) * self._scale, -self.most, self.most)
        step[step == 0] = np.minimum(spare, self._scale)[step == 0]
        if len(dialling):
            step[dialling] = np.clip(step[dialling], -self._most_dialling, self._most_dialling)
        step[least > NOTHING // 2] = 0
        return step
