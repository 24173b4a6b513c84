"""Arrivals as tables, time as an argument: what must be heard, and what counted."""

import dataclasses
import itertools
from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.packets import Packet, bridge_of, deliver, packets_of, play, play_all

Pcm = NDArray[np.int16]


def ramp(samples: int, first: int = 1) -> Pcm:
    """Every sample its own value, so that the output tells which input it is."""
    return np.arange(first, first + samples).astype(np.int16)


def voice_of(said: Pcm) -> Pcm:
    """Cut leading and trailing silence."""
    there = np.flatnonzero(said)
    return said[there[0] : there[-1] + 1]


def tone(seconds: float, rate_hz: int = 8000, hz: float = 1000.0, amplitude: float = 8000.0) -> Pcm:
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("packet_ms", [10, 20, 30, 40, 60, 120])
def test_any_packet_length_comes_out_bit_by_bit(rate_hz: int, packet_ms: int) -> None:
    sent = ramp(rate_hz * 6 // 10)
    packets = packets_of(sent, rate_hz * packet_ms // 1000, rate_hz=rate_hz)
    said = play(bridge_of(rate_hz=rate_hz), packets, 30)
    heard = voice_of(said)[: rate_hz * 4 // 10]
    np.testing.assert_array_equal(heard, sent[: len(heard)])


@pytest.mark.parametrize("phase_s", [0.0005, 0.004, 0.0101, 0.0195])
def test_steady_packets_wait_no_longer_than_a_tick_and_the_margin(phase_s: float) -> None:
    bridge = bridge_of()
    play(bridge, packets_of(ramp(16000), start_s=phase_s), 90)
    counters = bridge.counters(0)
    assert counters.delay_s <= 0.0305
    assert (counters.late, counters.lost, counters.duplicate, counters.overrun) == (0, 0, 0, 0)


def test_reordered_packets_are_put_in_order() -> None:
    sent = ramp(16000)
    packets = packets_of(sent, 80, delay_s=lambda k: -0.0101 if k % 7 == 4 else 0.0)
    bridge = bridge_of()
    said = play(bridge, packets, 80)
    np.testing.assert_array_equal(voice_of(said)[:10000], sent[:10000])
    assert bridge.counters(0).lost == 0


def test_duplicates_are_dropped_and_counted() -> None:
    sent = ramp(8000)
    packets = [p for packet in packets_of(sent) for p in (packet, packet)]
    bridge = bridge_of()
    said = play(bridge, packets, 45)
    np.testing.assert_array_equal(voice_of(said)[:7000], sent[:7000])
    counters = bridge.counters(0)
    assert counters.duplicate == counters.received // 2
    assert counters.lost == 0


def test_a_stream_that_begins_with_a_key_is_heard_from_its_first_sound_on() -> None:
    bridge = bridge_of()
    key = Packet(0.19, 7, 50, np.zeros(0, np.int16), ssrc=2)
    voice = packets_of(ramp(3200, 5000), start_s=0.21, seq=8, timestamp=50 + 0x80001000, ssrc=2)
    voice[0] = dataclasses.replace(voice[0], marker=False)
    said = play(bridge, [key, *voice], 40)
    assert np.isin(ramp(3200, 5000)[:1600], said).all()
    assert (bridge.counters(0).received, bridge.counters(0).lost, bridge.counters(0).stray) == (21, 0, 0)


@pytest.mark.parametrize("back", [150, 1000, 2990])
def test_a_sender_that_starts_its_numbers_anew_is_heard_on(back: int) -> None:
    before = packets_of(ramp(8000), seq=3000)
    sent = ramp(16000, 10000)
    after = packets_of(sent, start_s=1.005, seq=3050 - back, timestamp=99)
    bridge = bridge_of()
    said = play(bridge, [*before, *after], 155)
    # The first waits for the second to confirm it (RFC 3550 A.1); some milliseconds behind the gap belong to the blend.
    np.testing.assert_array_equal(np.setdiff1d(sent[240:], said), [])
    counters = bridge.counters(0)
    assert (counters.received, counters.stray) == (149, 1)
    assert (counters.duplicate, counters.late, counters.lost) == (0, 0, 0)


def test_sequence_and_timestamp_wrap_around() -> None:
    sent = ramp(16000)
    bridge = bridge_of()
    said = play(bridge, packets_of(sent, seq=65530, timestamp=2**32 - 777), 95)
    np.testing.assert_array_equal(voice_of(said)[:15000], sent[:15000])
    counters = bridge.counters(0)
    assert (counters.lost, counters.late, counters.duplicate) == (0, 0, 0)
    assert counters.extended_highest_sequence > 65536


def test_lost_packets_are_counted_and_the_rest_keeps_its_time() -> None:
    sent = ramp(16000)
    packets = [p for k, p in enumerate(packets_of(sent)) if k not in (20, 21, 40)]
    bridge = bridge_of()
    said = voice_of(play(bridge, packets, 95))
    assert bridge.counters(0).lost == 3
    # some milliseconds behind a gap belong to the blend
    for begin, end in ((0, 20), (23, 40), (42, 90)):
        np.testing.assert_array_equal(said[begin * 160 : end * 160], sent[begin * 160 : end * 160])


def test_a_late_packet_is_played_and_moves_everything_back() -> None:
    sent = ramp(16000)
    packets = packets_of(sent, delay_s=lambda k: 0.03 if k >= 30 else 0.0)
    bridge = bridge_of()
    said = play(bridge, packets, 95)
    counters = bridge.counters(0)
    assert (counters.late, counters.lost, counters.overrun) == (0, 0, 0)
    late = np.flatnonzero(said == sent[31 * 160])
    assert len(late) == 1
    assert counters.concealed in (1, 2)


def test_after_a_stall_the_wait_comes_back_to_that_of_a_steady_sender() -> None:
    cases = list(itertools.product([0.001, 0.008, 0.013, 0.019], [0.033, 0.047, 0.090]))
    bridge, sound, packets = bridge_of(len(cases)), tone(17.0), []
    for row, (phase_s, stall_s) in enumerate(cases):

        def stalled(k: int, stall_s: float = stall_s) -> float:
            return max(0.0, stall_s - (k - 50) * 0.02) if k >= 50 else 0.0

        packets += packets_of(sound, start_s=phase_s, delay_s=stalled, row=row)
    said = play_all(bridge, packets, 800)
    for row, case in enumerate(cases):
        assert bridge.counters(row).delay_s <= 0.0325, case
        # At rest again: bit by bit what was sent, so nothing is stretched any more.
        assert len(np.unique(said[row, -1600:].reshape(-1, 160), axis=0)) == 1, case


def test_a_packet_whose_successor_was_played_is_late() -> None:
    packets = packets_of(ramp(16000), delay_s=lambda k: 0.07 if k == 30 else 0.0)
    bridge = bridge_of()
    play(bridge, packets, 95)
    assert bridge.counters(0).late == 1


def test_a_burst_longer_than_the_bound_loses_its_oldest_audio() -> None:
    packets = packets_of(ramp(16000), delay_s=lambda k: max(0.0, (40 - k) * 0.02 + k * 1e-6) if 20 <= k < 40 else 0.0)
    bridge = bridge_of()
    play(bridge, packets, 60)
    counters = bridge.counters(0)
    assert counters.overrun > 0
    assert counters.delay_s <= 0.1


def test_a_new_ssrc_begins_a_new_stream() -> None:
    first, second = ramp(4000), ramp(4000, 10000)
    begin = packets_of(first)
    follow = packets_of(second, start_s=0.505, seq=7, timestamp=5, ssrc=2)
    bridge = bridge_of()
    said = play(bridge, begin + follow, 45)
    # The source before it stays until it has been quiet for some 60 ms.
    at = int(np.flatnonzero(said == second[480])[0])
    np.testing.assert_array_equal(said[at : at + 2400], second[480:2880])
    assert bridge.counters(0).lost == 0
    assert bridge.counters(0).stray == 2


def test_a_gap_of_silence_is_no_loss() -> None:
    first, second = ramp(3200), ramp(3200, 10000)
    begin = packets_of(first)
    follow = packets_of(second, start_s=2.0, seq=120, timestamp=1000 + 16000)
    bridge = bridge_of()
    said = play(bridge, begin + follow, 120)
    at = int(np.flatnonzero(said == 10100)[0]) - 100
    np.testing.assert_array_equal(said[at + 50 : at + 2400], second[50:2400])
    assert bridge.counters(0).lost == 0
    assert bridge.counters(0).delay_s <= 0.0305


def test_one_stray_timestamp_is_dropped_and_two_are_a_jump() -> None:
    packets = packets_of(ramp(16000))
    packets[30] = dataclasses.replace(packets[30], timestamp=99_999_999)
    bridge = bridge_of()
    said = play(bridge, packets, 60)
    assert np.flatnonzero(said == packets[40].pcm[0]).size == 1
    jumped = [dataclasses.replace(p, timestamp=p.timestamp + 5_000_000) for p in packets[60:]]
    assert np.flatnonzero(play(bridge, jumped, 25, first=60) == packets[70].pcm[0]).size == 1


def test_more_packets_than_anybody_needs_are_a_flood() -> None:
    bridge = bridge_of()
    flood = [Packet(0.0, k, k * 80, ramp(80)) for k in range(40)]
    deliver(bridge, flood, 0.02)
    assert bridge.counters(0).received == 40
    assert bridge.counters(0).overrun >= 24


def test_packets_without_audio_count_but_play_nothing() -> None:
    bridge = bridge_of()
    event = Packet(0.001, 5, 160, np.zeros(0, np.int16))
    assert not play(bridge, [event, dataclasses.replace(event, seq=6)], 2).any()
    assert (bridge.counters(0).received, bridge.counters(0).lost) == (2, 0)


def test_jitter_is_that_of_the_rfc() -> None:
    bridge = bridge_of()
    packets = packets_of(ramp(16000), delay_s=lambda k: 0.004 * (k % 2))
    play(bridge, packets, 95)
    assert bridge.counters(0).jitter_s == pytest.approx(0.004, rel=0.05)


def test_jitter_costs_delay_but_no_audio() -> None:
    jitters_s, sound, packets = (0.0, 0.015, 0.04), tone(40.0), []
    bridge = bridge_of(len(jitters_s))
    for row, jitter_s in enumerate(jitters_s):
        wander = np.random.default_rng(5).uniform(0, jitter_s, 2000)
        packets += packets_of(sound, delay_s=wander.__getitem__, row=row)
    play(bridge, packets, 500)
    before = [bridge.counters(row).concealed for row in range(len(jitters_s))]
    play(bridge, [p for p in packets if p.at_s > 499 * 0.02], 1400, first=500)
    for row, jitter_s in enumerate(jitters_s):
        counters = bridge.counters(row)
        assert counters.concealed - before[row] <= 14, jitter_s
        assert counters.delay_s <= jitter_s + 0.06, jitter_s


@pytest.mark.parametrize(
    ("rate_hz", "clocks_ppm"), [(8000, (-10_000.0, -7_000.0, 200.0, 10_000.0)), (16000, (-10_000.0, 10_000.0))]
)
def test_a_wrong_clock_neither_grows_the_delay_nor_clicks(rate_hz: int, clocks_ppm: tuple[float, ...]) -> None:
    rows = range(len(clocks_ppm))
    bridge, sound = bridge_of(len(rows), rate_hz=rate_hz), tone(165, rate_hz)
    streams = [packets_of(sound, rate_hz // 50, rate_hz=rate_hz, ppm=clocks_ppm[row], row=row) for row in rows]
    packets = sorted(itertools.chain(*streams), key=lambda p: p.at_s)
    delays, said, ticks, come = [], [], 1000, 0
    for part in range(8):
        before, come = come, bisect_right(packets, ((part + 1) * ticks - 1) * 0.02, key=lambda p: p.at_s)
        said.append(play_all(bridge, packets[before:come], ticks, first=part * ticks))
        delays.append([bridge.counters(row).delay_s for row in rows])
    for row, ppm in enumerate(clocks_ppm):
        counters = bridge.counters(row)
        assert (counters.late, counters.overrun) == (0, 0), ppm
        assert counters.concealed <= 2, ppm
        assert max(delay[row] for delay in delays) <= 0.075, ppm
        wave = np.concatenate([part[row] for part in said[1:]]).astype(np.float64)
        assert _residue_db(wave, rate_hz) < -45, ppm


def test_silence_is_shortened_and_lengthened_unheard() -> None:
    clocks_ppm, sound = (-10_000.0, 10_000.0), np.concatenate((np.zeros(320_000, np.int16), tone(2)))
    bridge = bridge_of(2)
    packets = [p for row, ppm in enumerate(clocks_ppm) for p in packets_of(sound, ppm=ppm, row=row)]
    said = play_all(bridge, packets, 2030)
    for row, ppm in enumerate(clocks_ppm):
        begin = int(np.flatnonzero(said[row])[0])
        assert begin / 8000 == pytest.approx(40 / (1 + ppm * 1e-6), abs=0.08)
        assert bridge.counters(row).concealed <= 2
        assert (bridge.counters(row).late, bridge.counters(row).overrun) == (0, 0)


def _residue_db(wave: NDArray[np.float64], rate_hz: int) -> float:
    """The worst 5 ms, against the tone, of what remains when each 5 ms is fitted by a sine of a free frequency."""
    size = rate_hz // 200
    blocks = wave[: len(wave) // size * size].reshape(-1, size)
    # x[n-1] + x[n+1] = 2 cos(w) x[n] for a pure tone; 3 % either side of 1 kHz
    middle, sides = blocks[:, 1:-1], blocks[:, :-2] + blocks[:, 2:]
    turn = (middle * sides).sum(axis=1) / (middle * middle).sum(axis=1)
    residue = np.abs(sides - turn[:, None] * middle).max()
    assert np.all(np.abs(np.arccos(turn / 2) * rate_hz / 2 / np.pi - 1000) < 60)
    return float(20 * np.log10(residue / np.abs(wave).max()))


LATE_MS = {0: 25, 13: 0, 15: 0, 18: 0, 19: 46, 20: 138, 21: 126, 22: 137, 25: 107, 26: 0, 29: 0, 30: 56}
"""How late some packets of 10 ms come; the others are lost. Two make the row wait so long that the next has it skip."""


def test_nobody_goes_back_to_what_was_skipped_nor_to_a_piece_that_was_played() -> None:
    sent = packets_of(ramp(31 * 80), 80, seq=100, delay_s=lambda k: LATE_MS.get(k, 0) / 1000)
    pending = [packet for packet in sent if packet.seq - 100 in LATE_MS]
    bridge, furthest = bridge_of(), 0
    for k in range(30):
        here = [p for p in pending if p.at_s <= k * 0.02]
        pending = pending[len(here) :]
        for packet in here:
            skipped = bridge.counters(0).overrun
            deliver(bridge, [packet], k * 0.02)
            if bridge.counters(0).overrun > skipped:
                furthest = int(bridge.parties[0].cursor)
            assert int(bridge.parties[0].cursor) >= furthest
        bridge.tick(k * 0.02)
        assert int(bridge.parties[0].cursor) >= int(bridge.parties[0].played) or bridge.parties[0].resting
    counters = bridge.counters(0)
    assert (counters.overrun, counters.late) == (7, 2)


@st.composite
def arrivals(draw: st.DrawFn) -> list[Packet]:
    count = draw(st.integers(5, 60))
    samples = draw(st.sampled_from([80, 160, 240, 480]))
    late = draw(st.lists(st.integers(0, 150), min_size=count, max_size=count))
    copies = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    packets = packets_of(
        ramp(count * samples),
        samples,
        seq=draw(st.integers(0, 65535)),
        timestamp=draw(st.integers(0, 2**32 - 1)),
        delay_s=lambda k: late[k] / 1000,
    )
    first = packets[0].seq
    return [p for p in packets for _ in range(copies[(p.seq - first) % count])]


@settings(max_examples=60, deadline=None)
@given(arrivals())
def test_whatever_comes_nothing_is_played_twice_and_every_packet_is_accounted_for(packets: list[Packet]) -> None:
    bridge = bridge_of()
    cursors, seen, heard = [], 0, 0
    pending = list(packets)
    for k in range(230):
        here = [p for p in pending if p.at_s <= k * 0.02]
        pending = pending[len(here) :]
        deliver(bridge, here, k * 0.02)
        p = bridge.parties[0]
        before = int(p.cursor)
        assert heard <= before, "the cursor went back over audio that was played"
        bridge.tick(k * 0.02)
        heard = int(p.played) if not p.resting else heard
        cursors.append(int(p.cursor) - before)
    stretched, spliced = range(152, 165), (*range(160 - 120, 160 - 19), *range(160 + 20, 160 + 121))
    assert set(cursors) <= {0, *stretched, *spliced}, "a gap may be played twice; a piece of 2.5 to 15 ms, too"
    counters = bridge.counters(0)
    seen = len({p.seq for p in packets})
    assert counters.received + counters.stray == len(packets)
    assert counters.late <= seen
    if not counters.stray:
        assert counters.duplicate == len(packets) - seen
        assert counters.expected == counters.lost + seen
