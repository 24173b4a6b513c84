"""What is played when nothing came: the last pitch period again and again, fading to silence.

The way of ITU-T G.711 appendix I, for all rows that lack samples in a tick at once. The pitch is where the recent past
correlates best with itself; the period is made to loop without a step; what is made up starts exactly at the last true
sample and is blended into the true audio when that returns. Other than appendix I it adds no delay.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import ABSENT
from mixer.kernel import Int, kernel
from mixer.party import Party
from mixer.rate import Rate

Samples = NDArray[np.int16]
Float = NDArray[np.float32]

SEARCHED = 256
"""When more rows than this lose a packet in the same tick, it is the network or this machine that stopped; the others
repeat their last 15 ms, for a late tick would harm everybody."""


@kernel
def silence(p: Party, rate: Rate, frame: Samples) -> None:
    """Put silence where nothing came, and nothing was to come."""
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        frame[j] = 0 if frame[j] == ABSENT else frame[j]
    p.age = 0


@kernel
def conceal(
    p: Party,
    rate: Rate,
    frame: Samples,
    older: Samples,
    newer: Samples,
    history: Samples,
    period: Float,
    search: bool,
) -> None:
    """
    Put sound where a packet is lost, and blend from it into what comes after.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    frame : ndarray of int16
        `rate.samples` of it, `ABSENT` where nothing came; changed in place.
    older, newer : ndarray of int16
        What was played in the two ticks before.
    history : ndarray of int16, at least 2 * `samples` long
        To work in.
    period : ndarray of float32, at least `longest` + `samples` + `loop` long
        The last pitch period of the row over and over, kept from tick to tick.
    search : bool
        Look for the pitch, should the loss begin here; else the longest period is repeated.
    """
    first, last = _absent(frame, rate.samples)
    lacking = last >= 0
    starts = lacking and p.age == 0
    if starts:
        p.latest, p.first = 0, first
        _recall(rate, older, newer, history)
        p.lag = _pitch(rate, history) if search else rate.longest
        _learn(p, rate, history, period)
    at = p.age % p.lag
    gap = np.float32(0)  # start from the last true sample, whatever the period says
    if starts:
        gap = np.float32(frame[first - 1]) - period[at + first - 1] if first > 0 else p.step
    since = -1 if p.age > 0 else -(rate.merge + 1)
    for j in range(rate.samples):
        true = frame[j]
        if true == ABSENT:
            since = j
        weight = max(np.float32(since - j) / np.float32(rate.merge + 1) + np.float32(1), np.float32(0))
        if weight > 0:
            made = period[at + j] + gap * _return(rate, j - first)
            made *= _fade(rate, p.age - p.first + j)
            frame[j] = _blend(made, true, weight)
    silent = rate.silent + p.first
    if lacking and p.age < silent:
        p.concealed += 1
        p.latest += 1
    p.age = min(p.age + rate.samples, silent) if last == rate.samples - 1 else 0


@kernel
def _blend(made: np.float32, true: np.int16, weight: np.float32) -> np.int16:
    """Go from what is made up to a true sample, or stay where there is none."""
    if true != ABSENT:
        made = (made - np.float32(true)) * weight + np.float32(true)
    return np.int16(min(max(np.rint(made), np.float32(-32767)), np.float32(32767)))


@kernel
def _return(rate: Rate, since: int) -> np.float32:
    """Weigh the step to the period so many samples after the beginning of a loss: it is gone when a loop is over."""
    if since < 0 or since >= rate.loop:
        return np.float32(0)
    return np.float32(1) - np.float32(since + 1) / np.float32(rate.loop)


@kernel
def _absent(frame: Samples, samples: int) -> tuple[int, int]:
    """Give the first and the last absent sample, -1 and -1 when there is none."""
    first = last = -1
    for j in range(samples):
        if frame[j] == ABSENT:
            last = j
            if first < 0:
                first = j
    return first, last


@kernel
def _fade(rate: Rate, elapsed: int) -> np.float32:
    """Give the level of what is made up so many samples after the last true one."""
    level = np.float32(1) - np.float32(elapsed - rate.hold) / np.float32(rate.silent - rate.hold)
    return min(max(level, np.float32(0)), np.float32(1))


@kernel
def _recall(rate: Rate, older: Samples, newer: Samples, history: Samples) -> None:
    """Write the two frames one after the other."""
    n = np.uint64(rate.samples)
    for j in range(np.uint64(0), n):
        history[j] = older[j]
        history[n + j] = newer[j]


@kernel
def _learn(p: Party, rate: Rate, history: Samples, period: Float) -> None:
    """Keep the last `lag` samples as a period that loops without a step."""
    end, lag = 2 * rate.samples, p.lag
    for i in range(lag):
        value = np.float32(history[end + i - lag])
        # The last bit of the period glides into what preceded the period, so that its end fits its beginning.
        glide = np.float32(i - lag + rate.loop + 1) / np.float32(rate.loop)
        if glide > 0:
            value += (np.float32(history[end + i - 2 * lag]) - value) * min(glide, np.float32(1))
        period[i] = value
    for i in range(lag, rate.longest + rate.samples + rate.loop):
        period[i] = period[i - lag]
    p.step = np.float32(history[end - 1]) - np.float32(history[end - 1 - lag])


@kernel
def _pitch(rate: Rate, history: Samples) -> int:
    """Find the lag with the highest normalised correlation, coarsely first."""
    best, lag = -np.inf, rate.longest
    for coarse in range(rate.longest, rate.shortest - 1, -rate.coarse):
        score = _likeness(rate, history, coarse, rate.coarse)
        if score > best:
            best, lag = score, coarse
    if rate.coarse == 1:
        return lag
    best, around = -np.inf, lag
    for fine in range(max(around - rate.coarse + 1, rate.shortest), min(around + rate.coarse, rate.longest + 1)):
        score = _likeness(rate, history, fine, 1)
        if score > best:
            best, lag = score, fine
    return lag


@kernel
def _likeness(rate: Rate, history: Samples, lag: int, stride: int) -> float:
    """Compare the last 10 ms with those `lag` samples before, taking each `stride`-th sample."""
    score: Int = 0
    power: Int = 0
    last = 2 * rate.samples - 1
    for i in range(rate.match // stride):
        now, then = np.int64(history[last - i * stride]), np.int64(history[last - i * stride - lag])
        score += now * then
        power += then * then
    return score / np.sqrt(power + 1.0)
