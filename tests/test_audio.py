from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softphone.audio import WavRecorder, frames_of, load, source, to_pcm
from softphone.errors import AudioError
from softphone.media.engine.sounds import Sounds
from tests.support.tones import amplitude_of, read_wav, sine


def file_with_tone(path: Path, rate_hz: int, channels: int, **options: str) -> Path:
    mono = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    soundfile.write(path, np.stack([mono] * channels, axis=1), rate_hz, **options)
    return path


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_file_of_any_rate_and_format_sounds_the_same(tmp_path: Path, rate_hz: int, channels: int, name: str) -> None:
    pcm = load(file_with_tone(tmp_path / name, rate_hz, channels), 8000)
    assert pcm.dtype == np.int16
    assert abs(pcm.size - 8000) <= 1
    assert amplitude_of(pcm, 440) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "ULAW"])
def test_sample_formats(tmp_path: Path, subtype: str) -> None:
    pcm = load(file_with_tone(tmp_path / "a.wav", 8000, 1, subtype=subtype), 8000)
    assert amplitude_of(pcm, 440) == pytest.approx(0.5, rel=0.03)


def test_channels_are_averaged() -> None:
    left, right = np.full(800, 0.5), np.full(800, -0.25)
    assert set(to_pcm(np.stack([left, right], axis=1), 8000, 8000).tolist()) == {round(0.125 * 32768)}


def test_int16_at_its_own_rate_is_unchanged() -> None:
    pcm = np.array([-32767, -1, 0, 1, 32767], np.int16)
    assert np.array_equal(to_pcm(pcm, 8000, 8000), pcm)


def test_a_file_of_16_bits_is_heard_bit_by_bit_whoever_reads_it(tmp_path: Path) -> None:
    pcm = np.random.default_rng(1).integers(-32767, 32768, 30_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", pcm, 8000)
    assert np.array_equal(load(tmp_path / "a.wav", 8000), pcm)
    store = Sounds(8000)
    store.load(1, [str(tmp_path / "a.wav")])
    store._small.submit(int).result(30)
    ((_, found),) = store.ready()
    store.close()
    assert np.array_equal(found[0], pcm)


def test_nothing_gets_the_value_that_means_absent() -> None:
    assert to_pcm(np.array([-32768], np.int16), 8000, 8000).tolist() == [-32767]
    assert to_pcm(np.array([-7.0, 7.0]), 8000, 8000).tolist() == [-32767, 32767]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros(4, np.int32), "int32"),
        (np.array([0.0, np.nan]), "NaN"),
    ],
)
def test_what_is_no_audio_is_refused(samples: NDArray[np.generic], words: str) -> None:
    with pytest.raises(AudioError, match=words):
        to_pcm(samples, 8000, 8000)


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(AudioError, match="from 2000"):
        to_pcm(np.zeros(4), 0, 8000)


def test_no_such_file_and_no_such_format(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such audio file"):
        load(tmp_path / "missing.wav", 8000)
    text = tmp_path / "words.wav"
    text.write_text("not audio")
    with pytest.raises(AudioError, match=r"cannot read .*words\.wav"):
        load(text, 8000)


def test_a_tone_joins_its_own_beginning() -> None:
    tone = source("tone:441", 8000)
    assert tone.size == 8000
    twice = np.tile(tone, 2)
    assert amplitude_of(twice, 441) == pytest.approx(amplitude_of(tone, 441), rel=0.001)
    steps = np.abs(np.diff(twice.astype(int)))
    assert steps[7999] <= steps[:7999].max()


@pytest.mark.parametrize("text", ["tone:", "tone:loud", "tone:0", "tone:4000", "tone:-3", "tone:nan"])
def test_tones_that_cannot_be(text: str) -> None:
    with pytest.raises(AudioError, match="tone"):
        source(text, 8000)


def test_frames_hold_everything_and_end_in_silence() -> None:
    pcm = np.arange(1, 401, dtype=np.int16)
    frames = list(frames_of(pcm, 160))
    assert [frame.size for frame in frames] == [160, 160, 160]
    assert np.array_equal(np.concatenate(frames)[:400], pcm)
    assert not frames[2][80:].any()


@pytest.mark.parametrize("file_rate_hz", [8000, 16000, 44100])
def test_a_recording_has_the_rate_asked_for(tmp_path: Path, file_rate_hz: int) -> None:
    path = tmp_path / "new" / "a.wav"
    recorder = WavRecorder(path, 8000, file_rate_hz)
    for frame in frames_of(sine(440, 1.0), 160):
        recorder.write(frame)
    recorder.close()
    assert recorder.seconds == pytest.approx(1.0, abs=0.001)
    pcm, rate_hz = read_wav(path)
    assert rate_hz == file_rate_hz
    assert pcm.size / rate_hz == pytest.approx(1.0, abs=0.001)
    assert amplitude_of(pcm, 440, rate_hz) == pytest.approx(0.25, rel=0.03)


def test_a_recording_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x" * 100_000)
    WavRecorder(path, 8000).close()
    assert read_wav(path)[0].size == 0


def test_an_unfinished_recording_plays_up_to_its_last_second(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "a.wav", 8000)
    for frame in frames_of(sine(440, 2.5), 160):
        recorder.write(frame)
    assert read_wav(recorder.path)[0].size >= 16000
    recorder.close()


def test_a_place_that_takes_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=str(tmp_path)):
        WavRecorder(tmp_path, 8000)


def test_a_full_disk_is_said() -> None:
    with pytest.raises(AudioError, match=r"/dev/full"):
        WavRecorder("/dev/full", 8000).close()
