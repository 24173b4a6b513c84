"""Sounds that users bring: checked, made into one format, kept in a folder under their ids."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from softphone.audio import to_pcm
from softphone.errors import AudioError

__all__ = ["LONGEST_S", "Clip", "SoundUploads", "decoded"]

# The rate of our own prompts: what wideband telephony carries.
RATE_HZ = 16_000

# A piece of music while somebody waits; more is a mistake, or an attempt to fill memory.
LONGEST_S = 600.0

# No piece of music has more; a file that claims more would only cost time.
FASTEST_HZ = 192_000
MOST_CHANNELS = 2

# A small file can hold much sound: it is unpacked bit by bit, in frames.
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound that can be kept."""

    flac: bytes
    "Mono, 16 kHz, 16 bits."
    seconds: float


def decoded(content: bytes | BinaryIO) -> Clip:
    """Make a clip of an audio file of any usual kind, or its content. Takes a while: not for an event loop.

    Bit by bit: what it needs of memory does not grow with the file, but for the clip.

    Raises
    ------
    AudioError
        It is no audio file, is empty, or is longer than 10 minutes; the message is fit for its owner.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(content) if isinstance(content, bytes) else content) as file:
            _check(file)
            return _clip(file)
    except (soundfile.SoundFileError, ValueError) as error:
        raise AudioError("this is no audio file that can be read") from error


def _clip(file: soundfile.SoundFile) -> Clip:
    written, samples = io.BytesIO(), 0
    with soundfile.SoundFile(written, "w", RATE_HZ, 1, format="FLAC", subtype="PCM_16") as clip:
        for block in _resampled(file):
            pcm = to_pcm(block, RATE_HZ, RATE_HZ)
            samples += pcm.size
            clip.write(pcm)
    return Clip(written.getvalue(), samples / RATE_HZ)


def _check(file: soundfile.SoundFile) -> None:
    if not 0 < file.frames / file.samplerate <= LONGEST_S:
        raise AudioError(f"the sound is empty or longer than {LONGEST_S:.0f} s")
    if file.samplerate > FASTEST_HZ or file.channels > MOST_CHANNELS:
        raise AudioError(f"the sound has more than {FASTEST_HZ} Hz or {MOST_CHANNELS} channels")


def _resampled(file: soundfile.SoundFile) -> Iterator[NDArray[np.float64]]:
    """Read all channels as one, at the rate of our sounds."""
    stream = soxr.ResampleStream(file.samplerate, RATE_HZ, 1, dtype="float64")
    for block in file.blocks(BLOCK, dtype="float64", always_2d=True):
        yield stream.resample_chunk(block.mean(axis=1))
    yield stream.resample_chunk(np.zeros(0), last=True)


class SoundUploads:
    """The folder of uploaded sounds; a library that knows it plays them as ``Sound(str(id))``.

    Parameters
    ----------
    folder
        Made (mode 0700) with the first sound.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: int) -> Path:
        """Name the file of a sound, whether it is there or not."""
        return self.folder / f"{number:d}.flac"

    def save(self, number: int, clip: Clip) -> Path:
        """Keep a sound: all of it or, on failure, what was there before.

        Raises
        ------
        OSError
            It cannot be written.
        """
        path = self.path(number)
        fresh = path.with_suffix(".new")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_bytes(clip.flac)
        return fresh.replace(path)

    def remove(self, number: int) -> None:
        """Delete a sound; nothing happens when it is not there."""
        self.path(number).unlink(missing_ok=True)
