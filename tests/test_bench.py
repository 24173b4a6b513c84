"""The load of the benchmarks sends what it says and says when it did not; its judges hear what is there."""

from pathlib import Path

import numpy as np
import pytest

from mixer import g711
from tests.bench import speech
from tests.bench.codecs import CODECS
from tests.bench.ears import AMPLITUDE, FRAME, cut, cuts, splatter, steps
from tests.bench.load import Books
from tests.bench.speech import clips, spoken
from tests.bench.studio import Studio
from tests.bench.traffic import LOSS, NOISE_DBOV, STEPS, TALK_DBOV, Scene, Schedule, Sounds, rms
from tests.bench.wire import Wire
from tests.support.tones import sine


def test_a_clean_line_has_every_packet_in_its_tick_spread_over_it() -> None:
    plan = Schedule(Scene(parties=50), Sounds(), first=0, ticks=20)
    sent = sorted(zip(plan.party.tolist(), plan.tick.tolist(), strict=True))
    assert sent == [(party, tick) for party in range(50) for tick in range(20)]
    per_step = np.diff(plan.bounds)
    assert set(per_step.tolist()) == {50 // STEPS}
    step = np.repeat(np.arange(len(per_step)), per_step)
    assert (step // STEPS == plan.tick).all()


def test_a_rough_line_loses_and_delays_and_its_talkers_pause() -> None:
    sounds, scene = Sounds(), Scene(parties=200, talkers=3, room=10, rough=True)
    plan = Schedule(scene, sounds, first=0, ticks=500)
    assert abs(1 - len(plan.party) / (200 * 500) - LOSS) < LOSS / 5
    step = np.repeat(np.arange(500 * STEPS), np.diff(plan.bounds))
    late = step // STEPS - plan.tick
    assert (late.min(), late.max()) == (0, 3)
    loud = plan.frame < 3 * sounds.speech
    talking = scene.talking()[plan.party]
    assert not loud[~talking].any()
    assert 0.3 < loud[talking].mean() < 0.5


def test_levels_are_what_they_are_called() -> None:
    sounds, party = Sounds(), np.arange(3)
    for level, speaks in ((TALK_DBOV, True), (NOISE_DBOV, False)):
        ticks = np.arange(sounds.speech)[:, None]
        rows = sounds.row(party, ticks, np.full((1, 3), speaks))
        pcm = g711.decode(sounds.codes[rows.T.reshape(-1)], g711.DECODE_ULAW).astype(float).reshape(3, -1)
        measured = [20 * np.log10(rms(row) / 32768) for row in pcm]
        assert np.abs(np.array(measured) - level).max() < 1.5  # the codec's smallest steps are coarse


def test_a_load_that_was_late_or_busy_or_left_packets_out_voids_the_run() -> None:
    good = {"expected": 100, "due": 100, "sent": 100, "received": 40, "late": 0.0, "busy": 0.5, "heard_dbov": -20.0}
    assert Books(**good).void == ""  # type: ignore[arg-type]
    for bad, told in (
        ({"late": 0.03}, "3.0% of the steps were late"),
        ({"busy": 0.95}, "used 95%"),
        ({"sent": 99}, "1.0% of the packets could not be sent"),
    ):
        assert told in Books(**good | bad).void


def test_a_wire_loses_its_share_in_bursts_of_its_length() -> None:
    for burst in (1.0, 3.0):
        lost = np.isinf(Wire(name="", loss=0.05, burst=burst).arrivals(200_000, seed=1))
        bursts = np.flatnonzero(np.diff(lost.astype(int)) == 1).size
        assert abs(lost.mean() - 0.05) < 0.003
        assert abs(lost.sum() / bursts - burst) < 0.1 * burst


def test_a_listener_of_the_studio_hears_the_talker_whole_on_a_clean_wire() -> None:
    codec, studio, said = CODECS[0], Studio(4), np.tile(sine(440, 1.0, amplitude=0.2), 2)
    room = studio.room()
    (_, talker), (_, listener) = studio.phone(room, codec), studio.phone(room, codec)
    studio.talk(talker, codec, said, Wire(name="").arrivals(100, seed=1))
    studio.run(110)
    assert cut(said, studio.heard(listener, codec), level_dbov=-17.0) == (0.0, 0)
    assert studio.heard(talker, codec).std() < 10


def test_frames_that_are_cut_are_found() -> None:
    said = sine(440, 1.0, amplitude=0.2)
    heard = np.concatenate((np.zeros(300, np.int16), said))
    heard[300 + 10 * FRAME : 300 + 13 * FRAME] //= 3
    assert cut(said, heard, level_dbov=-17.0) == (3 / 50, 60)


def test_a_step_is_loud_above_a_kilohertz_and_a_slow_fade_is_not() -> None:
    at = np.arange(8000)
    tone = AMPLITUDE * np.cos(2 * np.pi * 200 * at / 8000)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.clip((at - 3960) / 160, 0, 1))
    assert splatter(tone) < -80
    assert splatter(tone * (at < 4000)) > -10
    assert splatter(tone * fade) < -50


def test_no_change_of_gain_is_heard_as_a_click() -> None:
    """Each that is asked for is made, too: its glide is louder than no change at all."""
    found = {row["change"]: row["dB"] for row in steps()}
    assert {"mute", "moved away", "left the room", "playback stopped", "hold"} <= found.keys()
    assert max(found.values()) < -60
    untouched = found.pop("none")
    assert min(found.values()) > untouched + 5


def test_a_gate_cuts_nothing_of_soft_speech_in_small_rooms_and_next_to_nothing_in_large_ones() -> None:
    small, large = cuts((2, 7), (-42.0,), 3)
    assert (small["-42 dBov: % cut"], small["-42: longest ms"]) == (0, 0)
    assert large["-42 dBov: % cut"] <= 0.3 and large["-42: longest ms"] <= 40


def test_speech_that_is_judged_in_wide_band_is_wide_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By Debian's recordings where they are, else by ours."""
    for names in (("Debian", "our prompts"), ("our prompts",)):
        assert spoken(16_000).startswith(names)
        for piece in clips(16_000):
            power = np.abs(np.fft.rfft(piece.astype(float))) ** 2
            assert power[len(power) // 2 :].sum() > 1e-3 * power.sum()
            assert 4 * 16_000 < len(piece) <= 8 * 16_000
        monkeypatch.setattr(speech, "ALLISON", tmp_path)
