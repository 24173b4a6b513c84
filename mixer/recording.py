"""Recordings that survive a crash: 16-bit WAV whose header is true after every flush.

A flush writes the samples first and the header's sizes after them, so a process killed at any moment leaves a file that
plays up to its last flush; samples behind that are in the file but not announced. It does not wait for the disk (no
fsync): that guards against power cuts, takes unbounded time, and belongs to the thread of the caller if it is wanted.

The header has room for the 64-bit sizes of RF64 (EBU Tech 3306): a file that grows past 4 GiB becomes one in place.
"""

import contextlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer.errors import FrameError, RecordingError

__all__ = ["WavFile", "mend"]

# RIFF sizes have 32 bits. From here on the header is RF64, which not every player reads: 74 hours of 8 kHz mono.
RIFF_LIMIT = 0xFFFFFFFF
# What a size of 32 bits holds when the true one stands in the ds64 chunk.
IN_DS64 = 0xFFFFFFFF
# 'RIFF' size 'WAVE', 'JUNK' or 'ds64' with 28 bytes, 'fmt ' with 16 bytes, 'data' size.
HEADER = struct.Struct("<4sI4s 4sI QQQI 4sIHHIIHH 4sI")
SAMPLE_BYTES = 2


# Silence up to this many bytes is written like sound; more of it is a hole in the file, which takes no disk, no time.
HOLE_BYTES = 1 << 16


def _header(rate_hz: int, channels: int, frames: int) -> bytes:
    """Header of a file that holds `frames` samples per channel."""
    block = channels * SAMPLE_BYTES
    data = frames * block
    riff = HEADER.size - 8 + data
    large = riff > RIFF_LIMIT
    sizes = (riff, data, frames, 0) if large else (0, 0, 0, 0)
    return HEADER.pack(
        b"RF64" if large else b"RIFF",
        IN_DS64 if large else riff,
        b"WAVE",
        b"ds64" if large else b"JUNK",
        28,
        *sizes,
        b"fmt ",
        16,
        1,
        channels,
        rate_hz,
        rate_hz * block,
        block,
        8 * SAMPLE_BYTES,
        b"data",
        IN_DS64 if large else data,
    )


class WavFile:
    """A WAV file being written.

    Samples are kept until a second of them has come, then flushed. After an error the file is closed with a true
    header, as far as the disk lets it, and plays up to what was written; further writes raise the same error.

    Parameters
    ----------
    path
        A file that must not exist yet, unless `replace`: no recording is overwritten by accident.
    rate_hz
        Sample rate.
    channels
        1 for a mixed recording.
    replace
        Empty a file that is already there.

    Raises
    ------
    RecordingError
        The file exists, or cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], rate_hz: int, channels: int = 1, *, replace: bool = False) -> None:
        self.path = Path(path)
        self.rate_hz = rate_hz
        self.channels = channels
        self._block = channels * SAMPLE_BYTES
        self._written = 0
        self._pending = bytearray()
        self._failure: RecordingError | None = None
        self._file: int | None = None
        once = os.O_TRUNC if replace else os.O_EXCL
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | once, 0o640)
        except OSError as error:
            raise self._error(error) from error
        self._guarded(self._flush)

    def __enter__(self) -> "WavFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def frames(self) -> int:
        """Samples per channel that the file holds and announces (what waits for a flush not counted)."""
        return self._written // self._block

    @property
    def position(self) -> int:
        """Samples per channel taken so far, those that wait for a flush included."""
        return (self._written + len(self._pending)) // self._block

    @property
    def seconds(self) -> float:
        """Length of what the file holds."""
        return self.frames / self.rate_hz

    def write(self, samples: NDArray[np.int16]) -> None:
        """Append samples; each full second is flushed.

        Parameters
        ----------
        samples
            int16, shape (n,) for one channel, (n, channels) for any number.

        Raises
        ------
        FrameError
            Another type or shape.
        RecordingError
            The disk is full or failed, now or before, or the file is closed.
        """
        shape = samples.shape if samples.ndim > 1 else (*samples.shape, 1)
        if samples.dtype != np.int16 or len(shape) != 2 or shape[1] != self.channels:
            raise FrameError(f"recording: {samples.dtype} {samples.shape} is not int16 (n, {self.channels})")
        self._check_open()
        self._pending += samples.astype("<i2", copy=False).tobytes()
        if len(self._pending) >= self.rate_hz * self._block:
            self.flush()

    def silence(self, samples: int) -> None:
        """Append silence, hours of it at once if need be: a long one takes no room on the disk.

        Parameters
        ----------
        samples
            How many, per channel.

        Raises
        ------
        RecordingError
            The disk is full or failed, now or before, or the file is closed.
        """
        self._check_open()
        size = samples * self._block
        if size <= HOLE_BYTES:
            self._pending += bytes(size)
        else:
            self._guarded(lambda: self._hole(size))

    def flush(self) -> None:
        """Write what is kept, then the header.

        Raises
        ------
        RecordingError
            The disk is full or failed, now or before, or the file is closed.
        """
        self._check_open()
        self._guarded(self._flush)

    def close(self) -> None:
        """Flush and close; again, or after an error, it does nothing.

        Raises
        ------
        RecordingError
            What was kept could not be written.
        """
        if self._file is not None:
            self._guarded(self._flush)
            self._release()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._descriptor()

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something on the file; when the disk refuses, announce what it took, close, and remember why."""
        try:
            action()
        except OSError as error:
            self._failure = self._error(error)
            with contextlib.suppress(OSError):
                self._put(self._header(), 0)
            self._release()
            raise self._failure from error

    def _flush(self) -> None:
        """Write the samples first, the header after."""
        self._append()
        self._put(self._header(), 0)

    def _append(self) -> None:
        """Write what is kept; `_written` tells how far that went even when it fails half way."""
        with memoryview(self._pending) as data:
            done = 0
            try:
                while done < len(data):
                    done += os.pwrite(self._descriptor(), data[done:], HEADER.size + self._written + done)
            finally:
                self._written += done
        self._pending.clear()

    def _hole(self, size: int) -> None:
        """Let the file grow without writing."""
        self._append()
        os.ftruncate(self._descriptor(), HEADER.size + self._written + size)
        self._written += size
        self._put(self._header(), 0)

    def _put(self, data: bytes, place: int) -> None:
        os.pwrite(self._descriptor(), data, place)

    def _header(self) -> bytes:
        return _header(self.rate_hz, self.channels, self.frames)

    def _descriptor(self) -> int:
        if self._file is None:
            raise RecordingError(f"{self.path}: the recording is closed")
        return self._file

    def _release(self) -> None:
        """Give the file back to the system."""
        if self._file is not None:
            descriptor, self._file = self._file, None
            self._pending.clear()
            os.close(descriptor)

    def _error(self, error: OSError) -> RecordingError:
        """Name the file and the cause."""
        return RecordingError(f"{self.path}: {error.strerror or error}")


def mend(path: str | os.PathLike[str], samples: int = 0) -> int:
    """Let the header of a file whose writer was killed announce all that is in the file.

    Parameters
    ----------
    path
        A file that `WavFile` has written, and nobody writes now.
    samples
        Per channel; a file that holds fewer is filled up with silence.

    Returns
    -------
    int
        Samples per channel that the file holds now.

    Raises
    ------
    RecordingError
        The file is not there, not one of ours, or cannot be written.
    """
    try:
        with open(path, "r+b") as file:
            fields = _fields(file.read(HEADER.size), Path(path))
            block = fields.channels * SAMPLE_BYTES
            held = max((os.fstat(file.fileno()).st_size - HEADER.size) // block, samples)
            file.truncate(HEADER.size + held * block)
            file.seek(0)
            file.write(_header(fields.rate_hz, fields.channels, held))
            return held
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error


class _Fields(NamedTuple):
    rate_hz: int
    channels: int


def _fields(header: bytes, path: Path) -> _Fields:
    """Read a header; refuse what is not laid out as ours."""
    if len(header) == HEADER.size:
        fields = HEADER.unpack(header)
        channels, rate_hz = fields[12], fields[13]
        if (fields[0], fields[2], fields[17]) in (
            (b"RIFF", b"WAVE", b"data"),
            (b"RF64", b"WAVE", b"data"),
        ) and channels:
            return _Fields(rate_hz, channels)
    raise RecordingError(f"{path}: not a recording of ours")
