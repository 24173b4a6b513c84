"""The playout of a party: packets in at any time and in any order, one frame a tick out.

A row's audio lies in its ring at the position its RTP timestamp says; a cursor per row tells what is played next. So
any packet length, reordering and duplicates are one indexed write, and what never came is simply absent.

The rules, in the order they are tried:

* a packet that does not belong to the row's stream (`mixer.stream`) is dropped and counted as stray;
* a packet seen before is dropped and counted as duplicate;
* the first packet of a stream, or the first after 100 ms of nothing, sets the cursor so that packets of its kind could
  come 10 ms later and be in time;
* a packet whose time has been played is dropped and counted as late; one that comes more than `max_delay_s` too late
  slows nobody down, for no delay that is permitted would have saved it;
* a packet whose time has passed in silence (nothing was played instead but concealment) moves the cursor back to it:
  nothing is lost and the delay grows by just that. What a jump of the sender has left out has no such time: it is late;
* a packet that would wait longer than `max_delay_s` moves the cursor forward until it waits half of that. What is
  skipped is the oldest audio; it counts as overrun, and nobody goes back to it;
* between these, a row that waits for too long or not long enough leaves out a piece or plays one twice where that is
  not heard (`mixer.splice`), or is played a little faster or slower (`mixer.pace`).
"""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from mixer import pace, ring
from mixer.arrival import accept, change_source, follow_jitter
from mixer.frame import ABSENT
from mixer.kernel import Int, kernel
from mixer.party import Party
from mixer.ramp import rising
from mixer.rate import Rate
from mixer.resample import HALF_TAPS, stretch
from mixer.splice import is_whole, splice
from mixer.stream import BEGINS, CHANGED, PAUSED, STRAY, TAKES, gap_of, judge, newest, note

Samples = NDArray[np.int16]
Float = NDArray[np.float32]

IDLE_TICKS = 5
"""After 100 ms of nothing a row is idle, and its next packet starts anew. More than `REACH_TICKS`: all is cleared."""
NOWHERE = -1
"""The position of a packet that is not played."""


@kernel
def place(
    p: Party,
    rate: Rate,
    own: Samples,
    seq: Int,
    timestamp: Int,
    ssrc: Int,
    length: int,
    arrival_s: float,
    next_s: float,
) -> int:
    """
    Find where a packet with sound is played.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    own : ndarray of int16
        The row's ring.
    seq, timestamp, ssrc : int
        The RTP header (RFC 3550 5.1), the timestamp in samples.
    length : int
        Samples in the packet.
    arrival_s, next_s : float
        When it came and when the next tick is due, seconds.

    Returns
    -------
    int
        The position of its first sample, which the caller writes there; `NOWHERE`: it is not played.
    """
    gap, early = gap_of(p, timestamp), int((next_s - arrival_s) * rate.hz)
    verdict = judge(p, rate, seq, timestamp, ssrc, length, early)
    if verdict & STRAY:
        p.stray += 1
        return NOWHERE
    if verdict & PAUSED:
        p.concealed -= p.latest
        p.latest = 0
    if verdict & CHANGED:
        change_source(p)
    fresh, begins = accept(p, seq, verdict & TAKES != 0), verdict & BEGINS != 0
    follow_jitter(p, rate, timestamp, arrival_s, fresh and not begins and not p.resting)
    if not fresh:
        return NOWHERE
    return _seat(p, rate, own, p.end + gap, length, begins, early)


@kernel
def put(p: Party, rate: Rate, own: Samples, position: int, pcm: Samples, length: int) -> None:
    """Write the samples of a packet where `place` has said."""
    gone = max(p.cursor - rate.reach - position, 0)  # nobody forgets what is written so far behind
    if gone < length:
        ring.write(own, rate, position + gone, pcm[gone:], length - gone)
    promise(p, position, length)


@kernel
def promise(p: Party, position: int, length: int) -> None:
    """Note that there is sound for a place that `place` has given, which is written before it is played."""
    if position >= p.end:
        p.hushed = False
    p.end = max(p.end, position + length)


@kernel
def push(p: Party, rate: Rate, own: Samples, pcm: Samples) -> None:
    """Append to a row that is played as it is; no more than half a ring."""
    p.end = max(p.end, p.cursor)
    ring.write(own, rate, p.end, pcm, len(pcm))
    p.end += len(pcm)


@kernel
def flush(p: Party, rate: Rate, own: Samples) -> int:
    """Drop what waits in a row that is fed by `push`, but for 10 ms that fade; gives how many samples are dropped."""
    waits = max(p.end - p.cursor, 0)
    kept = min(waits, rate.ramp)
    sound = own[ring.place_of(rate, p.cursor) :]
    for j in range(kept):
        sound[j] = np.int16(np.rint(sound[j] * (1.0 - rising(rate, j))))
    ring.write(own, rate, p.cursor, sound, kept)
    ring.forget(own, rate, p.cursor + kept, waits - kept)
    p.end = p.cursor + kept
    return waits - kept


@kernel
def count(p: Party, seq: Int, ssrc: Int) -> None:
    """Count a packet that holds no sound."""
    verdict = note(p, seq, ssrc)
    if verdict & STRAY:
        p.stray += 1
    else:
        accept(p, seq, verdict & TAKES != 0)


@kernel
def outdate(p: Party) -> None:
    """Count a packet that has lain for too long to be played."""
    p.received += 1
    p.late += 1


@kernel
def hush(p: Party, seq: Int, ssrc: Int) -> bool:
    """
    Let a row rest that says it is silent from now on, once all before is played.

    Returns
    -------
    bool
        The packet was believed: the last of its stream, or any in a row that has run dry.
    """
    believed = newest(p, seq, ssrc) or p.idle > 0
    count(p, seq, ssrc)
    p.hushed |= believed
    return believed


@kernel
def _seat(p: Party, rate: Rate, own: Samples, position: int, length: int, begins: bool, early: int) -> int:
    """Move the cursor back to a packet that can still be played, and forward where the wait is too long."""
    p.grain = gcd(length, rate.samples)
    anew = begins or p.resting and position + length > p.played
    if anew:
        position = _begin(p, rate, own, position, begins, early)
    usable, wait = position + length > p.played, position - p.cursor + early
    if usable and not anew:
        behind = p.cursor - max(position, p.played)
        move = -max(behind, 0)
        if wait > rate.max_delay:
            move = wait - rate.max_delay // 2
            _skip(p, rate, own, move, length)
        if move != 0:
            p.cursor += move
            p.played = max(p.played, p.cursor) if move > 0 else p.played  # nobody goes back to what is skipped
            pace.moved(p, move)
            wait -= move
    if wait >= -rate.max_delay:  # by some delay that is permitted; the others say nothing of how long to wait
        pace.observe(p, wait, anew, usable)
    if not usable:
        p.late += 1
        return NOWHERE
    p.wait = max(wait, 0)
    return position


@kernel
def _begin(p: Party, rate: Rate, own: Samples, position: int, begins: bool, early: int) -> int:
    """Set the cursor of a stream that begins, or goes on after a rest; gives the position, a new one if it begins."""
    ring.clear(own, rate)
    left_out = begins and not p.resting
    if begins:
        position = p.cursor + rate.ring
        p.end, p.played = position, position - 2 * rate.samples
    frames = -(-(rate.start + rate.samples - p.grain - early) // p.grain)
    frames = min(max(frames, 0), 2 * rate.samples // p.grain)
    p.cursor = max(position - frames * p.grain, p.played)
    if left_out:
        p.played = position  # for what the line before left out nobody waits
    p.resting, p.begun, p.hushed, p.idle = False, False, False, 0
    return position


@kernel
def _skip(p: Party, rate: Rate, own: Samples, samples: int, length: int) -> None:
    """Forget audio that will never be played, and count it."""
    p.overrun += -(-min(samples, max(p.end - p.cursor, 0)) // length)
    ring.forget(own, rate, p.cursor - rate.reach, min(samples + rate.reach, rate.ring))


LACKING, QUIET, LEAVING, SEAM = 1, 2, 4, 8
"""
What `read` finds, any of:

* `LACKING`: samples are absent;
* `QUIET`: that is no loss: the row is idle, has not begun, is silent by its own word, or is fed by `push`;
* `LEAVING`: its sound ends by the word of its sender;
* `SEAM`: a place was looked for where it becomes longer or shorter.
"""


@kernel
def read(
    p: Party, rate: Rate, own: Samples, taps: Float, total: Float, frame: Samples, dialling: bool, splicing: bool
) -> int:
    """
    Take the next frame of a row.

    Parameters
    ----------
    p, rate : records
        The row and its rate.
    own : ndarray of int16
        The row's ring.
    taps, total : ndarray of float32
        `mixer.resample.stretch_taps` of the rate; a frame to work in.
    frame : ndarray of int16
        Where to put it: `rate.samples` of it, `ABSENT` where nothing came.
    dialling : bool
        Keys are listened for in its sound.
    splicing : bool
        A piece may be left out or played twice in this tick.

    Returns
    -------
    int
        What was found: `LACKING`, `QUIET`, `LEAVING`, `SEAM`.
    """
    at, lowest = np.uint64(ring.place_of(rate, p.cursor)), np.int16(0)
    for j in range(np.uint64(0), np.uint64(rate.samples)):
        frame[j] = own[at + j]
        lowest = min(lowest, frame[j])
    found = LACKING if lowest == ABSENT else 0
    if p.local or p.resting or p.hushed or not p.begun:
        found |= QUIET
    if found & LACKING and p.hushed and not p.resting:
        found |= LEAVING
    steps = 0
    if not (found & LACKING or p.local or p.resting):
        excess = pace.excess(p, rate)
        if splicing and not dialling and abs(excess) >= rate.shortest:
            found |= SEAM
            steps = splice(p, rate, own, frame, excess)
        if steps == 0:
            steps = _change_speed(p, rate, own, taps, total, frame, pace.step(rate, excess, dialling))
    _note_played(p, rate, frame, found & LACKING != 0, steps)
    _go_on(p, rate, own, steps)
    return found


@kernel
def _change_speed(p: Party, rate: Rate, own: Samples, taps: Float, total: Float, frame: Samples, steps: int) -> int:
    """Play a frame faster or slower; gives by how many samples that was possible."""
    if steps == 0 or _still(own[ring.place_of(rate, p.cursor) :], rate.samples + max(steps, 0)):
        return steps
    wide = own[ring.place_of(rate, p.cursor - HALF_TAPS) :]
    if is_whole(wide, rate.samples + steps + 2 * HALF_TAPS):
        stretch(wide, taps[steps + rate.most], rate.samples, steps, total, frame)
        return steps
    if steps > 0 or not is_whole(wide, rate.samples + HALF_TAPS):
        return 0
    # Nothing behind the frame has come yet: leave its last samples to serve the interpolation.
    stretch(wide, taps[-1], rate.samples, -HALF_TAPS, total, frame)
    return -HALF_TAPS


@kernel
def _still(sound: Samples, length: int) -> bool:
    """Tell whether nothing moves: samples can be skipped or repeated there, and nobody hears it."""
    lowest = highest = sound[0]
    for j in range(np.uint64(1), np.uint64(length)):
        lowest, highest = min(lowest, sound[j]), max(highest, sound[j])
    return bool(lowest == highest)


@kernel
def _note_played(p: Party, rate: Rate, frame: Samples, lacking: bool, steps: int) -> None:
    """Note how far the row has been played, and whether it runs dry."""
    last = rate.samples
    if lacking:
        while last > 0 and frame[last - 1] == ABSENT:
            last -= 1
    p.idle += 1
    if not lacking:
        p.played, p.idle, p.begun = p.cursor + steps + rate.samples, 0, True
    elif not p.resting:
        if last > 0:
            p.played, p.idle, p.begun = p.cursor + last, 0, True
        p.resting = (p.idle >= IDLE_TICKS or p.hushed) and p.end <= p.cursor


@kernel
def _go_on(p: Party, rate: Rate, own: Samples, steps: int) -> None:
    """Move the cursor behind the frame, and make room for new samples."""
    pace.moved(p, steps)
    before = p.cursor
    p.cursor += steps + rate.samples
    if p.local:
        p.cursor = min(p.cursor, max(p.end, before + steps))
    ring.forget(own, rate, before - rate.reach, p.cursor - before)


@kernel
def reach_of(p: Party, rate: Rate) -> int:
    """Give one past the last sample that the next `read` may look at."""
    further = max(pace.excess(p, rate), rate.most + HALF_TAPS)
    return p.cursor + rate.samples + min(further, rate.longest) + HALF_TAPS


@kernel
def stay(p: Party, rate: Rate) -> None:
    """Play the frame again that was just read, for it holds nothing: what comes after it has a tick more to come."""
    p.cursor -= rate.samples
    p.concealed -= 1
    p.latest -= 1
    pace.moved(p, -rate.samples)
