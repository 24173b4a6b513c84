"""Sampling rates, and durations in samples of each; one record per rate, read by the kernels."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from mixer.frame import TICK_S, samples_per_tick
from mixer.kernel import records

RING_S = 0.512
"""A power of two of samples at 8 kHz, several times the longest delay."""
REACH_TICKS = 4
"""Played audio is kept as long; the longest piece that is read at once."""
LOW_S = 0.010
"""Half a packet time of slack. Playing slower helps only when the cursor has fallen back behind a packet's edge, up to
a whole frame away: with a clock 1 % slow that takes 9 ms at the greatest speed."""
HIGH_S = 0.032
"""One tick and 2 ms above: a steady sender starts anywhere between LOW_S and a tick more, and is played bit by bit."""
# Each millisecond below LOW_S, or eight above HIGH_S (too much delay is no haste), changes the speed by one step of
# 0.6 %, up to 2.5 %: inaudible in speech, and more than twice the worst clock the playout has to follow (1 %).
SLOWER_S, FASTER_S = 0.001, 0.008
STEPS_AT_8_KHZ = 4
# Who dials in the sound is played at most 1.2 % faster or slower, still enough for a clock 1 % off: a key is told from
# others by tones that may be 1.5 % off and not 3.5 % (Q.24).
DIALLING_STEPS_AT_8_KHZ = 2
# Pitch of human voices: 66 to 400 Hz. Matched over 7.5 ms; at higher rates coarsely first.
LONGEST_S, SHORTEST_S, MATCH_S, COARSE_HZ = 0.015, 0.0025, 0.0075, 8000
# Full level for one period of a deep voice, silence after 80 ms: longer repetition sounds like a buzz.
HOLD_S, SILENT_S = 0.010, 0.080
# Blends: long enough to be no click, short enough not to smear the onset of the next sound.
MERGE_S, LOOP_S = 0.004, 0.0025
# The gain of a limiter comes down over the 5 ms before the peak, or what the frame has of them: no edge to be heard.
ATTACK_S = 0.005
# Back up: 6 dB per second, slower than a syllable, so that the level does not pump; and the faster the deeper it is, by
# twice what is missing per second. Who talks after a crowd has laughed is not soft for long.
RELEASE_DB_PER_S, RELEASE_S = 6.0, 0.5
# Keys in the sound are blanked: long enough to be no click; a key that has begun is heard for no longer.
BLANK_S = 0.0025
# Gains, and whoever comes or goes: no edge to be heard, and over within the frame.
RAMP_S = 0.010
# Gates: a beginning of a word is hardly softer, noise that ends is hardly noticed.
OPENING_S, CLOSING_TICKS = 0.005, 5

RATE = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("hz", "samples", "ring", "reach", "max_delay", "start", "low", "high", "slower", "faster", "scale"),
            *("most", "most_dialling", "longest", "shortest", "match", "coarse", "hold", "silent", "merge", "loop"),
            *("attack", "blank", "ramp", "opening", "lane"),
        )
    ]
    + [("release", np.float32)]
)
Rate: TypeAlias = Any
"""A record of dtype `RATE`, as kernels see it: everything in samples but `hz`."""
Rates: TypeAlias = Any
"""Records of dtype `RATE`, one for each lane."""


def rate_record(rate_hz: int, max_delay_s: float, lane: int) -> Rate:
    """
    Work out one rate.

    Parameters
    ----------
    rate_hz : int
        One of `mixer.frame.RATES_HZ`.
    max_delay_s : float
        The longest a packet may wait.
    lane : int
        The number of the lane that has it.

    Returns
    -------
    record
        Of dtype `RATE`, writing to which changes nothing else.
    """
    samples = samples_per_tick(rate_hz)
    scale = rate_hz // 8000
    values = {
        "hz": rate_hz,
        "samples": samples,
        "ring": 1 << (round(RING_S * rate_hz) - 1).bit_length(),
        "reach": REACH_TICKS * samples,
        "max_delay": round(max_delay_s * rate_hz),
        "start": round(LOW_S * rate_hz),
        "low": round(LOW_S * rate_hz),
        "high": round(HIGH_S * rate_hz),
        "slower": round(SLOWER_S * rate_hz),
        "faster": round(FASTER_S * rate_hz),
        "scale": scale,
        "most": STEPS_AT_8_KHZ * scale,
        "most_dialling": DIALLING_STEPS_AT_8_KHZ * scale,
        "longest": round(LONGEST_S * rate_hz),
        "shortest": round(SHORTEST_S * rate_hz),
        "match": round(MATCH_S * rate_hz),
        "coarse": max(1, rate_hz // COARSE_HZ),
        "hold": round(HOLD_S * rate_hz),
        "silent": round(SILENT_S * rate_hz),
        "merge": round(MERGE_S * rate_hz),
        "loop": round(LOOP_S * rate_hz),
        "attack": round(ATTACK_S * rate_hz),
        "blank": round(BLANK_S * rate_hz),
        "ramp": round(RAMP_S * rate_hz),
        "opening": round(OPENING_S * rate_hz),
        "lane": lane,
        "release": 10 ** (RELEASE_DB_PER_S / 20 * TICK_S),
    }
    rates = records(1, RATE)
    for name, value in values.items():
        rates[0][name] = value
    return rates[0]


def rates_of(rates: Sequence[Rate]) -> Rates:
    """Give the records of some rates, by lane, in one piece, as kernels read them that look at rows of all lanes."""
    table = records(len(rates), RATE)
    for number, rate in enumerate(rates):
        table[number] = rate
    return table
