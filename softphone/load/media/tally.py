"""What came to each bot: a record per bot, counted packet by packet, and the loudness of each tone frame by frame.

The loss is exact: a number is missing when a later one came and it did not, whenever it comes after all it is missing
no more (it was reordered), and coming again it is a duplicate. Only what comes more than 64 numbers late is counted as
`stale`, and stays missing.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.load.media.codes import WORD
from softphone.load.media.lately import SAMPLES, Lately, energy_of, loudness, measured

__all__ = ["BOT", "FULL", "Bots", "count_sound", "settle", "take"]

BOT = np.dtype(
    [
        ("open", np.bool_),
        ("heard", np.bool_),  # a packet has come since it was opened
        ("payload_type", np.uint8),  # of sound
        ("law", np.int8),  # table of its codec; -1: it has a decoder
        ("clock", np.int64),  # ticks of the RTP clock in a frame of 20 ms
        ("ssrc", np.int64),
        ("first", np.int64),  # extended number of the stream's first packet
        ("top", np.int64),  # and of its highest
        ("recent", np.uint64),  # bit k: number top - k has come
        ("received", np.int64),  # packets, duplicates left out
        ("expected", np.int64),  # by streams that are over
        ("duplicate", np.int64),
        ("reordered", np.int64),
        ("stale", np.int64),
        ("other", np.int64),  # of them, those of another payload type: keys, comfort noise
        ("invalid", np.int64),
        ("streams", np.int64),  # sources that followed each other
        ("timestamp", np.int64),  # of the last in order
        ("arrival_s", np.float64),  # when it came
        ("jitter_s", np.float64),  # RFC 3550 section 6.4.1
        ("gaps", np.int64),  # the sound was late by more than GAP_S
        ("gap_s", np.float64),  # the longest of them
        ("began", np.int64),  # timestamp at which the window begins
        ("window", np.int64),  # 0: none, 1: it is being filled, 2: full
        ("frames", np.int64),  # in it
        ("wait_s", np.float64),  # sum of: when a frame came, less when it would have by the timestamps
        ("energy", np.float64),  # sum of the squares of samples
        ("samples", np.int64),
        ("clipped", np.int64),
        ("odd", np.int64),  # packets that are no whole frame: no sound is measured in them
    ],
    align=True,
)
"""What is known of a bot's sound. `payload_type`, `law`, `clock` and `open` are told, the rest is counted."""
Bots: TypeAlias = Any
"""Records of dtype `BOT`, or one of them, as kernels see them."""

GAP_S = 0.04
"""So much later than its predecessor's pace a frame has to come that it is a gap: most telephones hold no more back."""
PAUSE_TICKS = 16
"""Frames that a timestamp leaps over without a number missing: a pause of the sender, and no gap."""
WHOLE, FULL = 1, 2
"""Of a window: it is being filled; it can be looked at."""


@kernel
def take(
    data: NDArray[np.uint8],
    length: NDArray[np.uint32],
    arrival_s: NDArray[np.float64],
    row: NDArray[np.int64],
    count: int,
    bots: Bots,
    decoding: NDArray[np.int16],
    waves: NDArray[np.float32],
    known: Lately,
    series: NDArray[np.float32],
    kept: NDArray[np.int64],
) -> int:
    """Count packets, and measure the sound of those that a table decodes.

    Parameters
    ----------
    data, length
        uint8, shape (n, size), and uint32, shape (n,): a datagram per row, and its bytes.
    arrival_s
        float64, shape (n,): when each came, seconds.
    row
        int64, shape (n,): to which bot; -1: to none.
    count
        How many there are.
    bots
        Records of dtype `BOT`.
    decoding
        int16, shape (laws, 256).
    waves
        float32, shape (blocks, 160, 8): of four tones each the cosines and the sines at 8000 Hz.
    known
        Frames that were measured lately.
    series
        float32, shape (bots, 127, 4 * blocks): loudness of each tone in the frames of the window.
    kept
        int64, shape (n,), written: packets that are left to others, reports and what is to be decoded.

    Returns
    -------
    int
        How many are left.
    """
    left = 0
    for i in range(count):
        if row[i] >= 0 and bots[row[i]].open:
            window = series[row[i] : row[i] + 1]
            if _is_left(data[i], np.int64(length[i]), arrival_s[i], bots[row[i]], decoding, waves, known, window):
                kept[left] = i
                left += 1
    return left


@kernel
def _is_left(
    d: NDArray[np.uint8],
    size: Int,
    arrival_s: float,
    bot: Bots,
    decoding: NDArray[np.int16],
    waves: NDArray[np.float32],
    known: Lately,
    window: NDArray[np.float32],
) -> bool:
    """Count a packet; whether it is left to others. `window` is empty for a bot that does not listen."""
    if size >= 8 and 192 <= d[1] < 224:  # RTCP (RFC 5761 section 4)
        return True
    start = _offset(d, size)
    if not _is_sound(d, start, arrival_s, bot):
        return False
    if bot.law >= 0 and len(window) > 0:
        if size - start == SAMPLES:
            at = measured(d, start, np.int64(bot.law), decoding, waves, known)
            bot.energy, bot.samples = bot.energy + known.energy[at], bot.samples + SAMPLES
            bot.clipped += known.clipped[at]
            _fill(_place(d, arrival_s, bot), known.tones[at], window[0])
        else:
            bot.odd += 1
    return bool(bot.law < 0)


@kernel
def _is_sound(d: NDArray[np.uint8], start: Int, arrival_s: float, bot: Bots) -> bool:
    """Count a packet; whether it is new and of sound. Its payload begins at `start`, -1: nowhere."""
    if start < 0:
        bot.invalid += 1
        return False
    if not _follow(d, arrival_s, bot):
        return False
    sound = d[1] & np.uint8(0x7F) == bot.payload_type
    bot.other += not sound
    return bool(sound)


@kernel
def count_sound(
    data: NDArray[np.uint8],
    arrival_s: NDArray[np.float64],
    row: NDArray[np.int64],
    which: NDArray[np.int64],
    count: int,
    bots: Bots,
    pcm: NDArray[np.int16],
    samples: int,
    waves: NDArray[np.float32],
    sound: NDArray[np.float32],
    series: NDArray[np.float32],
) -> None:
    """Measure the sound of packets that somebody has decoded.

    Parameters
    ----------
    which
        int64, shape (n,): which packets they are, of those in `data`.
    count
        How many.
    pcm, samples
        int16, shape (n, at least samples): their sound, a frame of 20 ms.
    waves
        float32, shape (blocks, samples, 8), at the rate of the sound.
    sound
        float32, shape (at least samples,): for a frame.
    data, arrival_s, row, bots, series
        As of `take`.
    """
    for j in range(count):
        i = which[j]
        bot = bots[row[i]]
        for k in range(samples):
            sound[k] = pcm[j, k]
        energy, clipped = energy_of(sound, samples)
        bot.energy, bot.samples, bot.clipped = bot.energy + energy, bot.samples + samples, bot.clipped + clipped
        place = _place(data[i], arrival_s[i], bot)
        if place >= 0:
            loudness(sound, samples, waves, series[row[i], place])


@kernel
def settle(bots: Bots, expected: NDArray[np.int64], lost: NDArray[np.int64]) -> None:
    """Say how many packets each bot should have had, and how many never came: int64, shape (bots,), written."""
    for i in range(len(bots)):
        expected[i] = bots[i].expected + (bots[i].top - bots[i].first + 1 if bots[i].heard else 0)
        lost[i] = expected[i] - bots[i].received


@kernel
def _offset(d: NDArray[np.uint8], size: Int) -> Int:
    """Give where the payload of an RTP packet begins; -1: it is none (RFC 3550 section 5.1)."""
    if size < 12 or d[0] & 0xC0 != 0x80:
        return np.int64(-1)
    start: Int = np.int64(12) + np.int64(4) * np.int64(d[0] & 0x0F)
    if d[0] & 0x10:
        if start + 4 > size:
            return np.int64(-1)
        start += np.int64(4) + np.int64(4) * (np.int64(d[start + 2]) << 8 | np.int64(d[start + 3]))
    return start if start <= size else np.int64(-1)


@kernel
def _word(d: NDArray[np.uint8], at: int) -> Int:
    return np.int64(d[at]) << 24 | np.int64(d[at + 1]) << 16 | np.int64(d[at + 2]) << 8 | np.int64(d[at + 3])


@kernel
def _follow(d: NDArray[np.uint8], arrival_s: float, bot: Bots) -> bool:
    """Count a packet by its number; whether its sound is new and its stream's own."""
    seq, ssrc = np.int64(d[2]) << 8 | np.int64(d[3]), _word(d, 8)
    if not bot.heard or ssrc != bot.ssrc:
        if bot.heard:
            bot.expected += bot.top - bot.first + 1
        bot.heard, bot.ssrc, bot.streams = True, ssrc, bot.streams + 1
        bot.first, bot.top, bot.recent = seq, seq, np.uint64(1)
        bot.received, bot.window = bot.received + 1, 0
        bot.timestamp, bot.arrival_s = _word(d, 4), arrival_s
        return True
    ahead = ((seq - bot.top + 0x8000) & 0xFFFF) - 0x8000
    if ahead > 0:
        bot.recent = (bot.recent << np.uint64(ahead) if ahead < 64 else np.uint64(0)) | np.uint64(1)
        bot.top += ahead
        bot.received += 1
        _pace(_word(d, 4), arrival_s, bot)
        return True
    return _late(-ahead, bot)


@kernel
def _late(behind: Int, bot: Bots) -> bool:
    """Count a packet whose number is not above all others."""
    if behind >= 64:
        bot.stale += 1
        return False
    bit = np.uint64(1) << np.uint64(behind)
    if bot.recent & bit:
        bot.duplicate += 1
        return False
    bot.recent |= bit
    bot.received += 1
    bot.reordered += 1
    bot.first = min(bot.first, bot.top - behind)
    return True


@kernel
def _pace(timestamp: Int, arrival_s: float, bot: Bots) -> None:
    """Take note of how evenly packets come."""
    ticks = ((timestamp - bot.timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    late_s = arrival_s - bot.arrival_s - 0.02 * ticks / bot.clock
    if abs(ticks) < PAUSE_TICKS * bot.clock:
        bot.jitter_s += (abs(late_s) - bot.jitter_s) / 16.0
        if late_s > GAP_S:
            bot.gaps += 1
            bot.gap_s = max(bot.gap_s, late_s)
    bot.timestamp, bot.arrival_s = timestamp, arrival_s


@kernel
def _place(d: NDArray[np.uint8], arrival_s: float, bot: Bots) -> Int:
    """Give the place of a frame in its bot's window; -1: it has none."""
    timestamp = _word(d, 4)
    if bot.window == 0:
        bot.window, bot.began, bot.frames, bot.wait_s = WHOLE, timestamp, 0, 0.0
    if bot.window == FULL:
        return np.int64(-1)
    ticks = ((timestamp - bot.began + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    place: Int = ticks // bot.clock
    if place >= WORD:
        bot.window = FULL
        return np.int64(-1)
    if place < 0:
        return np.int64(-1)
    bot.frames += 1
    bot.wait_s += arrival_s - 0.02 * ticks / bot.clock
    return place


@kernel
def _fill(place: Int, tones: NDArray[np.float32], window: NDArray[np.float32]) -> None:
    """Say how loud each tone is in a frame of a window, where it has a place."""
    if place >= 0:
        for k in range(len(tones)):
            window[place, k] = tones[k]
