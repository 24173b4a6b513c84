import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mixer.rules.effects import Sound
from softphone.errors import AudioError
from softphone.focus.voice.prompts import SoundLibrary
from softphone.focus.voice.uploads import LONGEST_S, SoundUploads, decoded
from softphone.load.hearing import ToneMeter


def audio(seconds: float, rate_hz: int, channels: int = 1, kind: str = "WAV", level: float = 0.5) -> bytes:
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = level * np.sin(2 * np.pi * 1000 * t)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(wave[:, None], channels, axis=1), rate_hz, format=kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("rate_hz", "channels", "kind"), [(8000, 1, "WAV"), (44100, 2, "FLAC"), (48000, 2, "OGG"), (16000, 1, "MP3")]
)
def test_a_file_of_any_kind_becomes_one_format(rate_hz: int, channels: int, kind: str) -> None:
    clip = decoded(audio(3.0, rate_hz, channels, kind))
    samples, rate = soundfile.read(io.BytesIO(clip.flac), dtype="int16")
    assert (rate, samples.ndim) == (16_000, 1)
    assert clip.seconds == pytest.approx(3.0, abs=0.1)
    assert clip.seconds == samples.size / 16_000
    levels = ToneMeter([1000.0, 3000.0], 1600, 16_000).levels_dbov(samples[None, 16_000:17_600])[0]
    assert levels[0] > levels[1] + 40
    assert np.abs(samples[8000:40_000]).max() == pytest.approx(0.5 * 32767, rel=0.1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no audio file"),
        (b"<html>no sound</html>", "no audio file"),
        (audio(0.0, 8000), "empty"),
        (audio(LONGEST_S + 1, 8000, kind="FLAC", level=0.0), "longer than 600 s"),
        (audio(0.1, 8000, channels=3), "channels"),
        (audio(0.1, 384_000), "Hz"),
    ],
)
def test_what_cannot_be_kept_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(AudioError, match=why):
        decoded(content)


def test_nan_is_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.full(100, np.nan), 16_000, format="WAV", subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        decoded(file.getvalue())


def test_a_sound_is_kept_found_replaced_and_removed(tmp_path: Path) -> None:
    uploads = SoundUploads(tmp_path / "sounds")
    library = SoundLibrary(sounds=[uploads.folder])
    path = uploads.save(17, decoded(audio(1.0, 8000)))
    assert library.path(Sound("17")) == path == uploads.path(17)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    uploads.save(17, decoded(audio(2.0, 8000)))
    assert soundfile.info(path).duration == 2.0
    assert list(path.parent.iterdir()) == [path]
    uploads.remove(17)
    uploads.remove(17)
    assert not path.exists()
