"""Packet loss concealment: repeats the last pitch periods, with a crossfade into the next packet or into silence.

In the way of ITU-T G.711 appendix I. The pitch is where the recent past correlates best with itself. The last period is
repeated, after 10 ms the last two, after 20 ms the last three, lest it sounds of metal; they are made to loop without a
step, and what is made up starts exactly at the last true sample. Sound without pitch is played backwards instead, to
and fro, for a loop of noise would hum.

Other than appendix I it adds no delay, and looks ahead: where the packet after the loss is there already, as with half
of all rows, its first period is repeated backwards into the loss, and the one goes over into the other. Nothing of what
came is changed then. Else, what is made up is blended into the true audio when that returns. Rows that lose packets
again and again are given a tick more of delay (`mixer.pace`), so that theirs is there.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.frame import ABSENT
from mixer.kernel import kernel
from mixer.pace import note_loss
from mixer.party import Party
from mixer.pitch import closest
from mixer.rate import Rate

Samples = NDArray[np.int16]
Float = NDArray[np.float32]

SEARCHED = 256
"""When more rows than this lose a packet in the same tick, it is the network or this machine that stopped; the others
repeat their last 15 ms, for a late tick would harm everybody."""
ALIKE = 0.3
"""Correlation from which on there is a pitch."""
NO_PITCH = 0


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
    future: Samples,
    kept: Samples,
    ahead: Samples,
    made: Float,
    search: bool,
) -> None:
    """
    Put sound where a packet is lost, that goes over into what comes after.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    frame : ndarray of int16
        `rate.samples` of it, `ABSENT` where nothing came; changed in place.
    older, newer : ndarray of int16
        What was played in the two ticks before.
    future : ndarray of int16
        What will be played in the next tick, as far as it has come; `rate.samples` of it.
    kept : ndarray of int16, at least 2 * `samples` long
        What the row said before the loss, kept from tick to tick.
    ahead : ndarray of int16, at least `samples` long
        To work in.
    made : ndarray of float32, shape (2, `samples`)
        To work in.
    search : bool
        Look for the pitch, should the loss begin here; else the longest period is repeated.
    """
    first, last = _absent(frame, rate.samples)
    lacking = last >= 0
    starts = lacking and p.age == 0
    if starts:
        p.latest, p.first = 0, first
        note_loss(p)
        _recall(rate, older, newer, kept)
        p.lag = _pitch(rate, kept, 2 * rate.samples, rate.longest, search)
    _repeat(rate, kept, 2 * rate.samples, p.lag, p.age, made[0])
    if starts:  # from the last true sample, whatever the period says
        before = frame[first - 1] - made[0, first - 1] if first > 0 else _step(kept, 2 * rate.samples, p.lag)
        _lead(rate, made[0], first, before)
    foreseen = lacking and p.age < rate.silent and _foresee(rate, frame, last, future, ahead, search, made[1])
    _fill(p, rate, frame, first, last, foreseen, made)
    silent = rate.silent + p.first
    if lacking and p.age < silent:
        p.concealed += 1
        p.latest += 1
    p.age = min(p.age + rate.samples, silent) if last == rate.samples - 1 and not foreseen else 0


@kernel
def _fill(p: Party, rate: Rate, frame: Samples, first: int, last: int, foreseen: bool, made: Float) -> None:
    """Put what is made up where samples are absent, and lead from there to the true ones."""
    since = -1 if p.age > 0 else -(rate.merge + 1)
    for j in range(last + 1 if foreseen else rate.samples):
        true = frame[j]
        if true == ABSENT:
            since = j
        weight = max(np.float32(since - j) / np.float32(rate.merge + 1) + np.float32(1), np.float32(0))
        if weight > 0:
            value = made[0, j] * _fade(rate, p.age - p.first + j)
            if foreseen:
                value += (made[1, last - j] - value) * np.float32(j - first + 1) / np.float32(last - first + 2)
            frame[j] = _blend(value, true, weight)


@kernel
def _foresee(rate: Rate, frame: Samples, last: int, future: Samples, ahead: Samples, search: bool, out: Float) -> bool:
    """Repeat backwards, from `last` on, what comes after the last absent sample, if a whole frame of that is there."""
    for j in range(rate.samples):
        k = last + 1 + j
        ahead[rate.samples - 1 - j] = frame[k] if k < rate.samples else future[k - rate.samples]
        if ahead[rate.samples - 1 - j] == ABSENT:
            return False
    lag = _pitch(rate, ahead, rate.samples, rate.samples - rate.match, search)
    _repeat(rate, ahead, rate.samples, lag, 0, out)
    _lead(rate, out, 0, _step(ahead, rate.samples, lag))
    return True


@kernel
def _blend(made: np.float32, true: np.int16, weight: np.float32) -> np.int16:
    """Go from what is made up to a true sample, or stay where there is none."""
    if true != ABSENT:
        made = (made - np.float32(true)) * weight + np.float32(true)
    return np.int16(min(max(np.rint(made), np.float32(-32767)), np.float32(32767)))


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
def _step(sound: Samples, end: int, lag: int) -> np.float32:
    """Give how much higher the end of a sound is than what is repeated would have been there."""
    if lag == NO_PITCH:
        return np.float32(0)
    return np.float32(sound[end - 1]) - np.float32(sound[end - 1 - lag])


@kernel
def _lead(rate: Rate, made: Float, first: int, step: np.float32) -> None:
    """Begin at the last true sample: a step to what is made up is gone when a loop is over."""
    for j in range(min(rate.loop, rate.samples - first)):
        made[first + j] += step * (np.float32(1) - np.float32(j + 1) / np.float32(rate.loop))


@kernel
def _repeat(rate: Rate, sound: Samples, end: int, lag: int, since: int, out: Float) -> None:
    """Make a frame from so many samples after the end of a sound on: one, two, three periods of it, or to and fro."""
    if lag == NO_PITCH:
        around = 2 * end - 2
        for j in range(rate.samples):
            at = (since + j) % around
            out[j] = np.float32(sound[end - 2 - at] if at < end - 1 else sound[at - end + 2])
        return
    _loop(rate, sound, end, lag, since, -2 * rate.loop, out)
    for more in range(1, 3):
        if (more + 1) * lag + rate.loop <= end and since + rate.samples > more * rate.hold:
            _loop(rate, sound, end, (more + 1) * lag, since, more * rate.hold, out)


@kernel
def _loop(rate: Rate, sound: Samples, end: int, length: int, since: int, begin: int, out: Float) -> None:
    """Repeat the last `length` samples of a sound, blending into it from sample `begin` after its end on."""
    glide = length - rate.loop
    first = max(begin - since, 0)
    at = (since + first) % length
    for j in range(first, rate.samples):
        value = np.float32(sound[end - length + at])
        # The last bit glides into what preceded the period, so that its end fits its beginning.
        if at >= glide:
            before = np.float32(sound[end - 2 * length + at])
            value += (before - value) * (np.float32(at - glide + 1) / np.float32(rate.loop))
        weight = np.float32(since + j - begin + 1) / np.float32(2 * rate.loop)
        out[j] = value if weight >= 1 else out[j] + (value - out[j]) * weight
        at = at + 1 if at + 1 < length else 0


@kernel
def _pitch(rate: Rate, sound: Samples, end: int, longest: int, search: bool) -> int:
    """Find the lag at which the end of a sound correlates best with what was before; `NO_PITCH` if it does nowhere."""
    if not search:
        return longest
    lag, alike = closest(rate, sound, end - rate.match, rate.match, -1, rate.shortest, longest)
    return lag if alike >= ALIKE else NO_PITCH
