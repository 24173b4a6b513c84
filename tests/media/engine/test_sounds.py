"""Files decoded in the background, and kept."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softphone.errors import AudioError
from softphone.media.engine import sounds
from softphone.media.engine.sounds import Sounds

Pcm = NDArray[np.int16]


def noise(samples: int, seed: int) -> Pcm:
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def file(folder: Path, name: str, pcm: Pcm) -> str:
    soundfile.write(folder / name, pcm, 8000)
    return str(folder / name)


def broken_files(folder: Path) -> dict[str, str]:
    """Paths that cannot be played, and words of the reason."""
    (folder / "text.wav").write_text("no sound at all " * 50)
    (folder / "empty.flac").write_bytes(b"")
    (folder / "headless.raw").write_bytes(bytes(1000))
    soundfile.write(folder / "cut.flac", noise(80_000, 1), 8000)
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:40])
    soundfile.write(folder / "silent.wav", np.zeros(0, np.int16), 8000)
    soundfile.write(folder / "slow.wav", noise(100, 1), 10)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo.wav")
    return {
        "missing.wav": "no such audio file",
        "nul\0.wav": "no such audio file",
        "text.wav": "cannot read",
        "empty.flac": "cannot read",
        "headless.raw": "cannot read",
        "cut.flac": "cut.flac",
        "silent.wav": "no sound in",
        "slow.wav": "at 10 Hz",
        "fifo.wav": "not a file",
        "folder": "not a file",
    }


def loaded(store: Sounds, *paths: str) -> list[Pcm]:
    store.load(1, list(paths))
    store._small.submit(int).result(30)
    store._large.submit(int).result(30)
    ((_, found),) = store.ready()
    if isinstance(found, str):
        raise AudioError(found)
    return found


def test_files_are_decoded_once_until_they_change(tmp_path: Path) -> None:
    store = Sounds(8000, cache_bytes=5000)
    path, other = file(tmp_path, "a.wav", noise(1000, 1)), file(tmp_path, "b.wav", noise(1000, 2))
    first = loaded(store, path)[0]
    np.testing.assert_array_equal(first, noise(1000, 1))
    assert loaded(store, path, path)[1] is first
    assert loaded(store, other, path)[1] is first
    file(tmp_path, "a.wav", noise(1000, 3))
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(loaded(store, path)[0], noise(1000, 3))
    assert store._bytes == sum(sound.nbytes for sound in store._kept.values()) == 4000
    assert loaded(store, other)[0] is not None
    store.close()


def test_a_large_file_does_not_hold_up_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "SMALL_BYTES", 10_000)
    store = Sounds(8000)
    large, small = file(tmp_path, "large.wav", noise(80_000, 1)), file(tmp_path, "small.wav", noise(100, 1))
    gate = threading.Event()
    store._large.submit(gate.wait)
    store.load(1, [large])
    store.load(2, [small])
    store._small.submit(int).result(30)
    assert [ticket for ticket, _ in store.ready()] == [2]
    gate.set()
    store._large.submit(int).result(30)
    assert [ticket for ticket, _ in store.ready()] == [1]
    store.close()


def test_each_broken_file_has_its_reason(tmp_path: Path) -> None:
    store = Sounds(8000)
    for name, words in broken_files(tmp_path).items():
        if "silent" not in name:  # it is a sound, of no length
            with pytest.raises(AudioError, match=words):
                loaded(store, str(tmp_path / name))
    store.close()
