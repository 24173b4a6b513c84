"""Keys in the sound: for the bridge, not for the room and its recordings."""

import numpy as np
import pytest

from mixer.bridge import DEFAULT_GATE, Bridge
from mixer.dtmf import DTMF_KEYS, dtmf
from mixer.dtmf_detector import Detector
from mixer.gate import gate_record
from mixer.listen import listen
from tests.mixer.rows import RATE, seated
from tests.mixer.test_tone import read_wav
from tests.support.peers import VOICES
from tests.support.signals import Pcm, noise


def passed(wave: Pcm, *, inband_keys: bool = True) -> tuple[Pcm, Pcm, str]:
    """What the room hears of it, what is taken down of it, and the keys."""
    bridge = Bridge(2, gate=None)
    room = bridge.roster.add_room()
    row, listener = bridge.add_party(room, local=True, inband_keys=inband_keys), bridge.add_party(room, local=True)
    heard, track, keys = [], [], ""
    for k in range(len(wave) // 160):
        bridge.push(row, wave[k * 160 : (k + 1) * 160])
        tick = bridge.tick(k * 0.02)
        heard.append(tick.frame_for(listener).copy())
        track.append(tick.said_by(row).copy())
        keys += "".join(key for _, key in tick.keys)
    return np.concatenate(heard), np.concatenate(track), keys


def sounding_s(pcm: Pcm, peak: int) -> float:
    """From the first sample that is more than noise to the last."""
    loud = np.flatnonzero(np.abs(pcm.astype(int)) > peak // 50)
    return float(loud[-1] - loud[0] + 1) / 8000 if loud.size else 0.0


@pytest.mark.parametrize("key", DTMF_KEYS)
@pytest.mark.parametrize(("level_dbov", "duration_s"), [(-30, 0.05), (-14, 0.1), (-7, 0.5)])
def test_a_key_is_recognised_and_hardly_heard(key: str, level_dbov: float, duration_s: float) -> None:
    for after in range(0, 160, 37):
        quiet = np.zeros(800 + after, np.int16)
        pressed = dtmf(key, level_dbov=level_dbov, duration_s=duration_s)
        heard, track, keys = passed(np.concatenate((quiet, pressed, np.zeros(1600, np.int16))))
        assert keys == key
        peak = int(np.abs(pressed).max())
        assert max(sounding_s(heard, peak), sounding_s(track, peak)) < 0.020


def test_who_has_events_for_keys_is_heard_whatever_it_plays() -> None:
    wave = np.concatenate((np.zeros(160, np.int16), dtmf("5", duration_s=0.1), np.zeros(160, np.int16)))
    heard, _, keys = passed(wave, inband_keys=False)
    assert keys == ""
    assert sounding_s(heard, int(np.abs(wave).max())) > 0.09


def test_speech_after_a_key_is_whole_and_begins_without_a_step() -> None:
    voice = noise(8000, dbov=-20.0, seed=7)
    heard, _, keys = passed(np.concatenate((dtmf("7", duration_s=0.1, gap_s=0.06), voice)))
    assert keys == "7"
    np.testing.assert_array_equal(heard[-8000 + 320 :], voice[320:])


def test_a_steady_sound_is_blanked_and_let_in_with_ramps() -> None:
    parties, rooms = seated([0, 0])
    parties["inband_keys"] = True
    gone = np.zeros((2, 160), np.int16)
    frames, heard, wide = np.full((2, 160), 8000, np.int16), np.zeros((2, 160), np.int16), np.zeros(160, np.int32)
    noisy, changed, said = np.zeros(2, bool), np.zeros(2, np.int64), []
    for blank in (False, True, True, False, False):
        doubtful = np.array([False, blank])
        listen(
            parties,
            2,
            rooms,
            RATE,
            frames,
            noisy,
            doubtful,
            gate_record(DEFAULT_GATE),
            wide,
            heard,
            gone,
            changed,
            0,
        )
        assert (heard[0] == 8000).all()
        said.append(heard[1].copy())
    wave = np.concatenate(said).astype(int)
    assert np.abs(np.diff(wave)).max() <= 8000 / 20 + 1
    assert [int(frame.mean()) for frame in said] == pytest.approx([8000, 500, 0, 7500, 8000], abs=30)


@pytest.mark.peer("voices")
def test_a_real_voice_is_hardly_ever_in_doubt() -> None:
    doubted = frames = 0
    for path in sorted(VOICES.glob("**/*.wav"))[::10]:
        audio, detector = read_wav(path), Detector(1)
        for at in range(0, len(audio) - 159, 160):
            detector.feed([0], audio[None, at : at + 160])
            doubted += int(detector.doubtful[0])
            frames += 1
    assert frames > 5000
    assert doubted < 0.005 * frames


@pytest.mark.parametrize("inband_keys", [False, True])
def test_who_sits_down_after_a_key_was_dialled_is_heard(inband_keys: bool) -> None:
    bridge = Bridge(4, gate=None)
    room = bridge.roster.add_room()
    bridge.add_party(room, local=True)
    row = bridge.add_party(room, local=True, inband_keys=True)
    key = dtmf("5")
    for k in range(3):
        bridge.push(row, key[k * 160 : (k + 1) * 160])
        bridge.tick(0.0)
    bridge.roster.remove(row)
    bridge.tick(0.0)
    assert bridge.add_party(room, local=True, inband_keys=inband_keys) == row
    for _ in range(2):
        bridge.push(row, np.full(160, 1000, np.int16))
        tick = bridge.tick(0.0)
    assert (tick.said_by(row) == 1000).all()
