"""Which packets a row hears: one packet, or one source, moves nothing that is another's."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import Bridge, PartyCounters, ring
from mixer.kernel import COMPILED
from tests.support.packets import Packet, bridge_of, deliver, packets_of

Pcm = NDArray[np.int16]
NOTHING = np.zeros(0, np.int16)
LOUD = np.full(160, 9999, np.int16)
TICKS, AT = 100, 50  # when something odd comes, and how long is looked at


def voice(packets: int = TICKS) -> list[Packet]:
    """A steady sender, every sample of its own."""
    return packets_of(np.arange(1, packets * 160 + 1).astype(np.int16))


class Run:
    """A row that hears a steady sender and something else."""

    def __init__(self, odd: dict[int, list[Packet]], sent: list[Packet] | None = None) -> None:
        self.bridge = bridge_of()
        sent = voice() if sent is None else sent
        frames, self.delays_s = [], []
        for k in range(TICKS):
            now = 0.02 * k
            deliver(self.bridge, [p for p in sent if now - 0.02 < p.at_s <= now] + odd.get(k, []), now)
            frames.append(self.bridge.tick(now).said_by(0).copy())
            self.delays_s.append(self.counters.delay_s)
        self.frames = np.array(frames)

    @property
    def counters(self) -> PartyCounters:
        return self.bridge.counters(0)


@pytest.fixture(scope="module")
def undisturbed() -> Run:
    return Run({})


def stray(tick: int = AT, *, ahead: int = 0, samples: int = 0, ssrc: int = 1, marker: bool = False) -> Packet:
    """A packet with sound, so far beside the one that is due at a tick."""
    due = voice()[tick]
    seq, timestamp = due.seq + ahead & 0xFFFF, due.timestamp + samples & 0xFFFFFFFF
    return Packet(0.02 * tick - 0.002, seq, timestamp, LOUD, ssrc=ssrc, marker=marker)


AHEAD = [0, 1, 7, 50, 2999, 3000, 20000, 0x8000, -1, -20, -99, -100, -30000]
BESIDE = [8000 * 400, 2**30, 2**31 - 1, -(2**31), 80_000, 16_000, 2048, 1600, 801, 777, 400, 161, 159, 80, 1]
BESIDE += [-1, -80, -159, -161, -400, -1000, -2049, -40_000, -28_800_000]


def test_one_packet_out_of_line_moves_nothing() -> None:
    """A row for each kind of packet, and last one that gets none."""
    kinds = [
        stray(ahead=ahead, samples=samples, marker=marker)
        for ahead, samples, marker in itertools.product(AHEAD, BESIDE, (False, True))
    ]
    bridge = bridge_of(len(kinds) + 1)
    for k, packet in enumerate(voice()):
        now = 0.02 * k + 0.02
        odd = [dataclasses.replace(each, row=row) for row, each in enumerate(kinds)] if k == AT else []
        usual = [dataclasses.replace(packet, row=row) for row in range(bridge.capacity)]
        deliver(bridge, odd + usual, now)
        bridge.tick(now)
        heard = bridge.usual.heard
        np.testing.assert_array_equal(heard[:-1], np.broadcast_to(heard[-1], heard[:-1].shape))
    usually = bridge.counters(len(kinds))
    for row in range(len(kinds)):
        found = bridge.counters(row)
        assert found.stray + found.duplicate == 1
        assert dataclasses.replace(found, stray=0, duplicate=0, received=found.received - found.duplicate) == usually


@pytest.mark.parametrize("ahead", [1, 4, 6, 9, 11, 13])
@pytest.mark.parametrize("after", [0, 2, 6])
@pytest.mark.parametrize("before", [0, 3])
def test_one_packet_out_of_line_takes_no_other_place_in_a_gap(before: int, after: int, ahead: int) -> None:
    """Number and time of it fit together, and it comes when packets of the row are missing."""
    sent = [p for k, p in enumerate(voice()) if not AT - before <= k < AT + after]
    heard = Run({AT - 1: [stray(AT - 1, ahead=ahead, samples=160 * ahead)]}, sent).frames
    lacking = np.setdiff1d(np.arange((AT + after) * 160 + 1, (TICKS - 5) * 160), heard) // 160
    (lost,) = np.nonzero(np.bincount(lacking) > 60)  # of what follows a gap, some is blended
    assert set(lost.tolist()) <= {AT - 1 + ahead}


@pytest.mark.parametrize(
    ("ahead", "samples"), [(30, 4800), (12, 1920), (60, 9600), (30, 480), (3, 700), (-1, 700), (90, 0)]
)
@pytest.mark.parametrize("missing", [0, 2])
def test_two_packets_out_of_line_cost_no_more_than_200_ms(ahead: int, samples: int, missing: int) -> None:
    """Two in sequence are a sender that has jumped; when the others go on it has jumped back, and waits as before."""
    sent = [p for k, p in enumerate(voice()) if not AT - missing <= k < AT]
    run = Run({AT - 1: [stray(AT - 1, ahead=ahead + k, samples=samples + 160 * k) for k in (0, 1)]}, sent)
    lacking = np.setdiff1d(np.arange((AT + 10) * 160 + 1, (TICKS - 5) * 160), run.frames) // 160
    assert set(lacking.tolist()) <= {AT - 1 + ahead, AT + ahead}
    assert max(run.delays_s[AT + 10 :]) <= max(run.delays_s[:AT]) + 0.021


@pytest.mark.parametrize(("ahead", "samples"), [(12, 1920), (10, 160), (30, 480), (90, 0)])
def test_nobody_waits_for_what_a_jump_has_left_out(ahead: int, samples: int) -> None:
    """A packet that was of no line, or never came, comes after all when the row is back on its own."""
    jump = {AT - 1: [stray(AT - 1, ahead=ahead + k, samples=samples + 160 * k) for k in (0, 1)]}
    usual_s = max(Run(jump).delays_s[AT + 2 :])
    for left_out, late in itertools.product((-1, 0, 1), (2, 3)):
        again = dataclasses.replace(voice()[AT + left_out], at_s=0.02 * (AT + late) - 0.002)
        assert max(Run(jump | {AT + late: [again]}).delays_s[AT + 2 :]) <= usual_s + 0.001


def counted(real: Callable[..., object], calls: list[str]) -> Callable[..., object]:
    def call(*args: object) -> object:
        calls.append(real.__name__)
        return real(*args)

    return call


@pytest.mark.skipif(COMPILED, reason="what kernels call is counted where they are not compiled")
@pytest.mark.parametrize("samples", [2**30, 2**31 - 1, -(2**31), 8000 * 400, 2048, 1600])
@pytest.mark.parametrize("rested", [False, True])
def test_the_work_for_a_packet_does_not_grow_with_its_jump(
    monkeypatch: pytest.MonkeyPatch, samples: int, rested: bool
) -> None:
    calls: list[str] = []
    for name in ("forget", "clear", "write"):
        monkeypatch.setattr(ring, name, counted(getattr(ring, name), calls))
    bridge = bridge_of()
    sent = [p for p in voice() if not (rested and 30 * 0.02 < p.at_s < AT * 0.02)]
    most = 0
    for k in range(TICKS):
        before, now = len(calls), 0.02 * k
        odd = [stray(samples=samples + n, ahead=n) for n in range(0, 320, 160)] if k == AT else []
        deliver(bridge, [p for p in sent if now - 0.02 < p.at_s <= now] + odd, now)
        most = max(most, len(calls) - before)
        bridge.tick(now)
    assert most <= 12


@pytest.mark.parametrize("pcm", [LOUD, NOTHING])
@pytest.mark.parametrize("ssrc", [2, 0, 0xFFFFFFFF])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_another_source_silences_nobody(undisturbed: Run, ssrc: int, pcm: Pcm, every: int) -> None:
    odd = {k: [Packet(0.02 * k - 0.001, k // every, k // every * 160, pcm, ssrc=ssrc)] for k in range(AT, TICKS, every)}
    run = Run(odd)
    np.testing.assert_array_equal(run.frames, undisturbed.frames)
    assert (run.counters.lost, run.counters.concealed, run.counters.stray) == (0, 0, len(odd))
    assert run.counters.received == undisturbed.counters.received


@pytest.mark.parametrize("others", [2, 5])
def test_nor_do_many(undisturbed: Run, others: int) -> None:
    rng = np.random.default_rng(1)
    odd = {
        k: [
            Packet(0.02 * k - 0.001, int(seq), int(timestamp), LOUD, ssrc=2 + ssrc)
            for ssrc, (seq, timestamp) in enumerate(
                zip(rng.integers(0, 65536, others), rng.integers(0, 2**32, others), strict=True)
            )
        ]
        for k in range(AT, TICKS)
    }
    np.testing.assert_array_equal(Run(odd).frames, undisturbed.frames)


def heard_at(run: Run, pcm: Pcm) -> float | None:
    """When the first sample of these was heard whole, in seconds."""
    said = run.frames.ravel()
    found = np.flatnonzero(np.isin(said, pcm))
    return None if not len(found) else float(found[0]) / 8000


@pytest.mark.parametrize("pause_s", [0.0, 0.03, 0.2, 0.5])
def test_another_source_is_heard_when_the_one_before_is_quiet(pause_s: float) -> None:
    follow = packets_of(
        np.arange(20000, 26400).astype(np.int16), start_s=0.505 + pause_s, seq=7, timestamp=2**32 - 100, ssrc=2
    )
    run = Run({}, [*voice(25), *follow])
    begins = heard_at(run, np.arange(20000, 26400).astype(np.int16))
    assert begins is not None and begins <= max(0.505 + 0.12, 0.505 + pause_s + 0.08)
    assert run.counters.lost == 0
    assert run.counters.stray <= 3


def test_the_first_source_of_a_row_is_heard_from_its_first_packet_on() -> None:
    run = Run({}, voice(20))
    assert heard_at(run, np.arange(1, 161).astype(np.int16)) is not None
    assert (run.counters.stray, run.counters.received) == (0, 20)


@pytest.mark.parametrize("ssrc", [1, 9])
def test_a_packet_before_the_first_costs_one_at_most(ssrc: int) -> None:
    """The last of a call before, from the same address."""
    run = Run({0: [Packet(-0.001, 40_000, 123456, LOUD, ssrc=ssrc)]})
    assert np.isin(np.arange(400, 15000), run.frames).all()
    assert run.counters.stray == 1


@pytest.mark.parametrize("jump", [0x30000000, -5_000_000, 4000])
@pytest.mark.parametrize("marker", [False, True])
def test_a_sender_that_jumps_is_heard_after_one_packet(jump: int, marker: bool) -> None:
    moved = [
        dataclasses.replace(p, timestamp=p.timestamp + jump * (k >= AT) & 0xFFFFFFFF, marker=marker and k == AT)
        for k, p in enumerate(voice())
    ]
    run = Run({}, moved)
    assert np.isin(np.arange((AT + 1) * 160 + 40, (AT + 40) * 160), run.frames).all()
    assert (run.counters.lost, run.counters.stray) == (1, 1)
    assert run.counters.jitter_s < 0.010


@pytest.mark.parametrize("back", [5, 40, 63, 64, 99, 150, 3500, 20_000])
def test_a_sender_whose_numbers_start_anew_is_heard_after_one_packet(back: int) -> None:
    moved = [dataclasses.replace(p, seq=p.seq + 30_000 - back * (k >= AT) & 0xFFFF) for k, p in enumerate(voice())]
    run = Run({}, moved)
    assert np.isin(np.arange((AT + 1) * 160 + 40, (AT + 40) * 160), run.frames).all()
    assert (run.counters.lost, run.counters.duplicate) == (0, 0)


@pytest.mark.parametrize("late", [-40_000, -28_800_000, -900, -320])
def test_one_old_packet_slows_nobody_down(undisturbed: Run, late: int) -> None:
    for ahead in (late // 160, -1, 0):
        run = Run({AT: [stray(ahead=ahead, samples=late)]})
        assert run.delays_s == undisturbed.delays_s
        np.testing.assert_array_equal(run.frames, undisturbed.frames)


def test_the_delay_is_never_negative() -> None:
    sent = [dataclasses.replace(p, at_s=p.at_s + 0.195 * (k == AT)) for k, p in enumerate(voice())]
    assert min(Run({}, sorted(sent, key=lambda p: p.at_s)).delays_s) >= 0


def test_key_packets_of_a_source_of_their_own_disturb_no_sound(undisturbed: Run) -> None:
    odd = {k: [Packet(0.02 * k - 0.001, k, 8000, NOTHING, ssrc=5)] for k in range(AT, AT + 10)}
    np.testing.assert_array_equal(Run(odd).frames, undisturbed.frames)


def test_lost_key_packets_cost_no_sound() -> None:
    """Events have numbers, but no time: one of them missing leaves sound that goes on without a gap."""
    sent = [dataclasses.replace(p, seq=p.seq + 3 * (k >= AT)) for k, p in enumerate(voice())]
    run = Run({}, sent)
    assert np.isin(np.arange(400, 15000), run.frames).all()
    assert (run.counters.stray, run.counters.lost) == (0, 3)


def test_counts_of_a_report_are_those_of_one_source() -> None:
    bridge = Bridge(1, gate=None)
    bridge.add_party(bridge.roster.add_room())
    first = voice(50)[::2]
    second = packets_of(np.ones(160 * 30, np.int16), start_s=1.205, seq=9, timestamp=77, ssrc=8)
    for k in range(100):
        now = 0.02 * k
        deliver(bridge, [p for p in [*first, *second] if now - 0.02 < p.at_s <= now], now)
        bridge.tick(now)
    heard = bridge.reception(np.array([0]))
    assert (int(heard.ssrc[0]), int(heard.received[0]), int(heard.expected[0])) == (8, 29, 29)
    assert float(heard.jitter[0]) < 1
    counters = bridge.counters(0)
    assert (counters.received, counters.expected, counters.lost) == (25 + 29, 49 + 29, 24)
