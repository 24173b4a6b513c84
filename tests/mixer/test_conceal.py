import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.conceal import SEARCHED
from tests.mixer.test_playout import tone
from tests.support.packets import Packet, bridge_of, deliver, packets_of, play

Pcm = NDArray[np.int16]


def with_losses(sent: Pcm, lost: set[int], rate_hz: int = 8000, *, start_s: float = 0.015) -> tuple[Pcm, int]:
    """What is heard, from the first packet on, and how many frames were concealed.

    Packets wait for 25 ms, so that the next is there when one is lost; 15 ms with a start at 5 ms.
    """
    bridge = bridge_of(rate_hz=rate_hz)
    packets = packets_of(sent, rate_hz // 50, rate_hz=rate_hz, start_s=start_s)
    packets = [p for k, p in enumerate(packets) if k not in lost]
    said = play(bridge, packets, len(sent) // (rate_hz // 50))
    return said[np.flatnonzero(said)[0] :], bridge.counters(0).concealed


def frame_power(pcm: Pcm, samples: int) -> NDArray[np.float64]:
    cut = pcm[: len(pcm) // samples * samples].reshape(-1, samples).astype(np.float64)
    power: NDArray[np.float64] = (cut**2).mean(axis=1)
    return power


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_five_percent_loss_leaves_no_hole_and_no_click_in_a_tone(rate_hz: int) -> None:
    sent = tone(10, rate_hz, 440)
    lost = set((np.random.default_rng(3).permutation(np.arange(10, 480, 2))[:24]).tolist())
    said, concealed = with_losses(sent, lost, rate_hz)
    assert concealed == len(lost)
    power = frame_power(said[: 480 * rate_hz // 50], rate_hz // 50)
    assert power.min() > 0.5 * np.median(power)
    # a click would step further than the tone itself ever does
    limit = 1.25 * float(np.abs(np.diff(sent.astype(int))).max())
    assert np.abs(np.diff(said.astype(int))).max() < limit


@pytest.mark.parametrize("pitch_hz", [90.0, 133.3, 200.0])
def test_a_steady_voice_goes_on_through_the_gap(pitch_hz: float) -> None:
    at = np.arange(80000) / 8000
    wave = sum(np.sin(2 * np.pi * h * pitch_hz * at + h) / h for h in range(1, 12))
    sent = np.rint(4000 * np.asarray(wave)).astype(np.int16)
    said, _ = with_losses(sent, set(range(10, 450, 7)))
    missing = np.arange(10, 440, 7)
    truth, made = (pcm[: 450 * 160].reshape(-1, 160)[missing].astype(float) for pcm in (sent, said))
    ratio_db = 10 * np.log10((truth**2).sum(axis=1) / ((truth - made) ** 2).sum(axis=1))
    assert ratio_db.min() > 12


def test_a_voice_whose_periods_differ_does_not_go_on_as_one_of_them() -> None:
    """After 10 ms the last two are repeated, after 20 ms the last three, which are loud, less so, and soft."""
    at, loud = np.arange(40) / 40, np.array([5120, 8000, 6400, 5120])
    pulse = sum(np.cos(2 * np.pi * h * (at - 0.5)) for h in range(1, 9)) / 8
    sent = np.rint(np.tile(np.outer(loud, pulse).reshape(-1), 60)).astype(np.int16)
    said, concealed = with_losses(sent, {30, 31, 32})
    assert concealed == 3
    made = said[30 * 160 : 32 * 160] / np.clip(1 - (np.arange(320) - 80) / 560, 0, 1)
    first, second, third = loud[:0:-1]
    one, two, three = [first, first], [(first + second) / 2, first], [second, first, third, second]
    assert made.reshape(8, 40).max(axis=1) == pytest.approx([*one, *two, *three], rel=0.03)


def test_when_everybody_loses_a_packet_everybody_is_concealed() -> None:
    parties = SEARCHED + 20
    bridge = bridge_of(parties)
    voice = tone(0.2, hz=400).reshape(-1, 160)
    for k in range(8):
        packets = [Packet(k * 0.02, k, k * 160, voice[k], row) for row in range(parties)] if k != 5 else []
        deliver(bridge, packets, (k + 1) * 0.02)
        bridge.tick((k + 1) * 0.02)
        heard = bridge.usual.heard.astype(float)
        if k > 1:
            assert (heard**2).mean(axis=1).min() > 0.5 * 8000**2 / 2
    assert all(bridge.counters(row).concealed == 1 for row in (0, parties - 1))


def test_a_long_loss_fades_within_100_ms() -> None:
    said, concealed = with_losses(tone(2), set(range(20, 60)))
    power = frame_power(said, 160)
    assert power[20] > 0.5 * power[10]
    assert np.all(np.diff(power[20:26]) <= 0)
    assert not power[25:59].any()
    assert concealed == 4


def test_audio_that_returns_is_blended_in() -> None:
    sent = tone(2, hz=440)[1:]
    said, _ = with_losses(sent, set(range(20, 23)))
    assert np.abs(np.diff(said.astype(int)))[: 60 * 160].max() < 1.25 * np.abs(np.diff(sent.astype(int))).max()
    np.testing.assert_array_equal(said[24 * 160 : 60 * 160], sent[24 * 160 : 60 * 160])


def test_a_loss_inside_a_frame_starts_at_the_last_true_sample() -> None:
    bridge = bridge_of()
    sent = tone(1, hz=300)
    packets = [p for k, p in enumerate(packets_of(sent, 80)) if k not in (41, 60)]
    said = play(bridge, packets, 45)
    assert np.abs(np.diff(said.astype(int)))[400:].max() < 1.3 * np.abs(np.diff(sent.astype(int))).max()


@pytest.mark.parametrize("first", [20, 40, 80, 120, 140])
def test_a_loss_inside_a_frame_fades_from_where_it_begins(first: int) -> None:
    """A steady sound of constant level fades evenly: no step where the next frame begins, silence 80 ms later."""
    bridge = bridge_of()
    *whole, last = packets_of(np.full(160 * 21, 8000, np.int16))
    said = play(bridge, [*whole, dataclasses.replace(last, pcm=last.pcm[:first])], 40).astype(int)
    end = int(np.flatnonzero(said == 8000)[-1]) + 1
    steps = np.diff(said[end - 1 : end + 700])
    assert np.abs(steps).max() <= 8000 / 560 + 2
    assert said[end + 500] != 0 and not said[end + 641 :].any()
    assert bridge.counters(0).concealed == 5


def test_where_nothing_repeats_the_joint_is_still_smooth() -> None:
    # a slow swing has no period that fits: repeating any of it would begin with a step
    sent = tone(2, hz=23)[1:]
    said, _ = with_losses(sent, set(range(10, 80, 3)))
    starts = np.arange(10, 70, 3) * 160
    assert np.abs(said[starts].astype(int) - said[starts - 1]).max() < 450


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_gap_goes_over_into_what_comes_after_it(rate_hz: int) -> None:
    """A voice that grows from packet to packet: what is made up grows, too, and what came is as it came."""
    size = rate_hz // 50
    at = np.arange(1, 40 * size + 1) / rate_hz + 0.1
    wave = sum(np.sin(2 * np.pi * h * 150 * at + h) / h for h in range(1, 12))
    sent = np.rint(np.asarray(wave) * 8000 * at).astype(np.int16)
    said, concealed = with_losses(sent, {15, 25}, rate_hz)
    assert concealed == 2
    for k in (15, 25):
        truth, made = (pcm[k * size : (k + 1) * size].astype(float) for pcm in (sent, said))
        assert 10 * np.log10((truth**2).sum() / ((truth - made) ** 2).sum()) > 15
        np.testing.assert_array_equal(said[(k + 1) * size : (k + 9) * size], sent[(k + 1) * size : (k + 9) * size])


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_lost_noise_does_not_hum(rate_hz: int) -> None:
    sent = np.random.default_rng(4).normal(0, 1000, rate_hz).astype(np.int16)
    said, _ = with_losses(sent, {20, 21}, rate_hz)
    size = rate_hz // 50
    made = said[20 * size : 22 * size].astype(float)
    own = np.correlate(made, made, "full")[len(made) - 1 :] / (made**2).sum()
    assert np.abs(own[rate_hz // 400 : rate_hz // 60]).max() < 0.5
    assert frame_power(said, size)[20:22].min() > 0.2 * frame_power(sent, size).mean()


def test_who_loses_again_and_again_hears_a_tick_later_once() -> None:
    """With 15 ms of wait the packet after a lost one is not there in time; from the third loss on it is."""
    sent = tone(4, hz=440)[1:]
    said, concealed = with_losses(sent, set(range(20, 180, 10)), start_s=0.005)
    assert concealed == 16
    np.testing.assert_array_equal(said[31 * 160 + 40 : 40 * 160], sent[31 * 160 + 40 : 40 * 160])
    for k in range(50, 170, 10):
        came = slice((k + 1) * 160, (k + 10) * 160)
        np.testing.assert_array_equal(said[160:][came], sent[came])


@pytest.mark.parametrize("lost", [{20}, {20, 60}, {20, 21, 22, 60}])
def test_an_accident_moves_nothing(lost: set[int]) -> None:
    sent = tone(4, hz=440)[1:]
    said, _ = with_losses(sent, lost, start_s=0.005)
    np.testing.assert_array_equal(said[100 * 160 : 180 * 160], sent[100 * 160 : 180 * 160])
