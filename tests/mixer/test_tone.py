"""Tones made, recognised and measured; voices and other makers' keys as the outside reference."""

import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from mixer.dtmf import DTMF_HIGH_HZ, DTMF_KEYS, DTMF_LOW_HZ, dtmf
from mixer.dtmf_detector import Detector
from mixer.tone import BUSY, DIAL, RINGBACK, progress, sine
from softphone.load.hearing import ToneMeter
from tests.support.peers import VOICES
from tests.support.signals import Pcm, at_sender_clock, level_dbov, noise, speech


def detect(signals: list[Pcm], rate_hz: int = 8000) -> list[str]:
    """What one detector hears in all `signals` at once."""
    size = rate_hz // 50
    ticks = max(len(signal) for signal in signals) // size + 3
    audio = np.zeros((len(signals), ticks * size), dtype=np.int16)
    for row, signal in enumerate(signals):
        audio[row, : len(signal)] = signal
    detector, heard = Detector(len(signals), rate_hz), [""] * len(signals)
    for tick in range(ticks):
        for row, key in detector.feed(np.arange(len(signals)), audio[:, tick * size : (tick + 1) * size]):
            heard[row] += key
    return heard


def raw(key: str, *, low: float = 0.0, high: float = 0.0, twist_db: float = 0.0, after: int = 0) -> Pcm:
    """A 40 ms key with hard edges, its tones `low` and `high` (parts of one) off, `after` samples into silence."""
    line, column = divmod(DTMF_KEYS.index(key), 4)
    one = sine(DTMF_LOW_HZ[line] * (1 + low), 320, level_dbov=-16)
    other = sine(DTMF_HIGH_HZ[column] * (1 + high), 320, level_dbov=-16 + twist_db)
    return np.concatenate([np.zeros(after, np.int16), one + other, np.zeros(640, np.int16)])


def noisy(pcm: Pcm, seed: int) -> Pcm:
    """`pcm` with noise 15 dB under two tones of -16 dBov each."""
    return pcm + noise(len(pcm), dbov=-13.0 - 15.0, seed=seed)


def read_wav(path: Path) -> Pcm:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


def test_sine_has_its_level_and_joins_itself() -> None:
    assert level_dbov(sine(1000, 8000, level_dbov=-20)) == pytest.approx(-20, abs=0.01)
    halves = np.concatenate([sine(437.5, 160), sine(437.5, 160, start=160)])
    assert np.array_equal(halves, sine(437.5, 320))
    assert sine(1000, 80, level_dbov=0).min() == -32767


@pytest.mark.parametrize("dbm0", [-6, -12, -20, -30, -35])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_every_key_at_every_level_and_rate(dbm0: int, rate_hz: int) -> None:
    keys = dtmf(DTMF_KEYS, rate_hz, level_dbov=dbm0 - 6.18)
    assert detect([keys], rate_hz) == [DTMF_KEYS]


def test_forty_milliseconds_are_enough_wherever_they_begin() -> None:
    keys = dtmf(DTMF_KEYS, duration_s=0.04, gap_s=0.04)
    shifted = [np.concatenate([np.zeros(after, np.int16), keys]) for after in range(0, 160, 10)]
    assert set(detect(shifted)) == {DTMF_KEYS}


def test_twenty_three_milliseconds_are_none() -> None:
    keys = dtmf(DTMF_KEYS, duration_s=0.023, gap_s=0.06)
    shifted = [np.concatenate([np.zeros(after, np.int16), keys]) for after in range(0, 160, 10)]
    assert set(detect(shifted)) == {""}


OFFSETS = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (1, 1)]


@pytest.mark.parametrize(("off", "taken"), [(0.015, True), (0.035, False), (0.045, False), (0.06, False)])
@pytest.mark.parametrize("with_noise", [False, True])
def test_frequency_tolerance(off: float, taken: bool, with_noise: bool) -> None:
    cases = [(key, low, high, after) for key in DTMF_KEYS for low, high in OFFSETS for after in (0, 37, 74, 111)]
    signals = [raw(key, low=low * off, high=high * off, after=after) for key, low, high, after in cases]
    if with_noise:
        signals = [noisy(signal, seed) for seed, signal in enumerate(signals)]
    assert detect(signals) == [key if taken else "" for key, *_ in cases]


@pytest.mark.parametrize("twist_db", [-8, -4, 4, 8])
def test_twist_is_borne(twist_db: int) -> None:
    assert detect([raw(key, twist_db=twist_db) for key in DTMF_KEYS]) == list(DTMF_KEYS)


@pytest.mark.parametrize("twist_db", [-12, 12])
def test_a_lone_tone_is_no_key(twist_db: int) -> None:
    assert set(detect([raw(key, twist_db=twist_db) for key in DTMF_KEYS])) == {""}


def test_a_key_held_long_is_one_press_and_a_lost_frame_is_no_second() -> None:
    held = dtmf("5", duration_s=3.0)
    holed = held.copy()
    holed[8000:8160] = 0
    assert detect([held, holed]) == ["5", "5"]


def test_the_same_key_twice_is_two_presses() -> None:
    assert detect([dtmf("55", duration_s=0.04, gap_s=0.04)]) == ["55"]


def test_keys_survive_a_sender_clock_one_percent_off() -> None:
    keys = dtmf(DTMF_KEYS, duration_s=0.06)
    assert detect([at_sender_clock(keys, 10_000), at_sender_clock(keys, -10_000)]) == [DTMF_KEYS] * 2


def test_rows_do_not_disturb_each_other_and_may_be_absent() -> None:
    detector = Detector(3)
    one, two = dtmf("7" * 4), dtmf("2" * 4)
    heard = []
    for tick in range(30):
        part = slice(tick * 160, tick * 160 + 160)
        heard += detector.feed([2, 0], np.stack([one[part], two[part]]))
    assert [key for row, key in heard if row == 2] == ["7"] * 4
    assert [key for row, key in heard if row == 0] == ["2"] * 4
    assert {row for row, _ in heard} == {0, 2}
    assert detector.feed([], np.zeros((0, 160), np.int16)) == []


def test_a_reset_row_hears_the_held_key_anew() -> None:
    detector, held = Detector(1), dtmf("9", duration_s=0.4)
    first = [detector.feed([0], held[None, t * 160 : t * 160 + 160]) for t in range(10)]
    detector.reset([0])
    second = [detector.feed([0], held[None, t * 160 : t * 160 + 160]) for t in range(10, 20)]
    assert sum(map(len, first)) == sum(map(len, second)) == 1


def test_made_voices_are_no_keys() -> None:
    assert set(detect([speech(30, seed=seed) for seed in range(12)])) == {""}


def test_noise_and_call_progress_are_no_keys() -> None:
    tones = [progress(tone, 16000) for tone in (DIAL, RINGBACK, BUSY)]
    assert set(detect([noise(80_000, dbov=-12), *tones])) == {""}


@pytest.mark.peer("voices")
def test_half_an_hour_of_a_real_voice_is_no_key() -> None:
    paths = sorted(VOICES.glob("**/*.wav"))
    assert len(paths) > 100
    # Rows of one length: a detector's time goes by its longest.
    rows = [paths[i::32] for i in range(32)]
    pause = np.zeros(480, np.int16)
    heard = detect([np.concatenate([part for path in row for part in (read_wav(path), pause)]) for row in rows])
    assert [(keys, [path.name for path in row]) for row, keys in zip(rows, heard, strict=True) if keys] == []


@pytest.mark.peer("voices")
def test_keys_after_a_real_voice_are_heard() -> None:
    spoken = [read_wav(path) for path in sorted(VOICES.glob("digits/*.wav"))[:20]]
    assert set(detect([np.concatenate([voice, dtmf("*91")]) for voice in spoken])) == {"*91"}


@pytest.mark.peer("sox")
def test_keys_made_by_sox(tmp_path: Path) -> None:
    for key in DTMF_KEYS:
        line, column = divmod(DTMF_KEYS.index(key), 4)
        target = tmp_path / "key.wav"
        tones = [word for hz in (DTMF_LOW_HZ[line], DTMF_HIGH_HZ[column]) for word in ("sine", str(hz))]
        made = ["sox", "-n", "-r", "8000", "-b", "16", "-c", "1", str(target), "synth", "0.06", *tones]
        subprocess.run([*made, "channels", "1", "gain", "-12"], check=True, capture_output=True)
        assert detect([read_wav(target)]) == [key]


@pytest.mark.peer("ffmpeg")
def test_keys_made_by_ffmpeg_in_mu_law(tmp_path: Path) -> None:
    source = "aevalsrc='0.12*sin(2*PI*770*t)+0.12*sin(2*PI*1477*t)':d=0.08:s=8000"
    coded, target = tmp_path / "key.ulaw", tmp_path / "key.wav"
    quiet = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run([*quiet, "-f", "lavfi", "-i", source, "-f", "mulaw", str(coded)], check=True)
    subprocess.run([*quiet, "-f", "mulaw", "-ar", "8000", "-ac", "1", "-i", str(coded), str(target)], check=True)
    assert detect([read_wav(target)]) == ["6"]


def test_dtmf_edges_are_soft() -> None:
    key = dtmf("1", duration_s=0.05, gap_s=0.05).astype(int)
    assert len(key) == 800
    assert abs(key[0]) < 60
    assert abs(key[399]) < 60
    assert not key[400:].any()


@pytest.mark.parametrize("keys", ["E", "12x", " "])
def test_no_such_key(keys: str) -> None:
    with pytest.raises(ValueError, match="not a DTMF key"):
        dtmf(keys)


def test_no_such_rate() -> None:
    with pytest.raises(ValueError, match="11025"):
        Detector(1, 11025)


def test_busy_is_half_a_second_on_and_off() -> None:
    busy = progress(BUSY, 8000)
    assert level_dbov(busy[:4000]) == pytest.approx(-17, abs=0.2)
    assert not busy[4000:].any()
    assert np.array_equal(progress(BUSY, 4000, start=6000), progress(BUSY, 10_000)[6000:])
    meter = ToneMeter([480, 620, 440], 4000)
    levels = meter.levels_dbov(busy[None, :4000])[0]
    assert levels[:2] == pytest.approx([-20, -20], abs=0.1)
    assert levels[2] < -50


def test_dial_tone_never_pauses() -> None:
    dial = progress(DIAL, 80_000).reshape(-1, 160)
    assert min(level_dbov(frame) for frame in dial) > -40


def test_meter_tells_three_percent_and_how_loud() -> None:
    tones = [500.0, 515.0, 2000.0, 2060.0]
    audio = np.stack([sine(hz * 1.01, 4000, level_dbov=-30) for hz in tones])
    levels = ToneMeter(tones, 4000).levels_dbov(audio)
    assert np.diag(levels) == pytest.approx([-30] * 4, abs=0.3)
    far = np.abs(np.log(np.array(tones)[:, None] * 1.01 / tones)) > 0.025
    assert levels[far].max() < -60


def test_meter_on_silence() -> None:
    assert (ToneMeter([500], 4000).levels_dbov(np.zeros((2, 4000), np.int16)) == -127).all()
