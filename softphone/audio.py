"""Sound of any kind in and out of a call: files of every rate and format, tones, arrays; recordings.

A call speaks mono int16 at its own rate. Everything here turns something else into that, or that into a WAV file.
No sound card here (see ``softphone.sound_card``), so that a bot on a server needs none.
"""

from collections.abc import Iterator
from numbers import Real
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mixer.errors import MixerError
from mixer.frame import FULL_SCALE, SCALE, as_samples
from mixer.recording import WavFile
from mixer.tone import sine
from softphone.errors import AudioError

__all__ = [
    "FRAMES_PER_S",
    "Resampler",
    "WavRecorder",
    "checked",
    "checked_rate",
    "frames_of",
    "load",
    "source",
    "to_int16",
    "to_pcm",
]

PEAK = 64.0
"""Floating samples beyond this were not meant for a full scale of 1.0; below it they are loud, and clipped."""

RATES_HZ = range(2000, 768_001)
"""What can be brought to the rate of a call. Below, a few samples are more sound than waits for a tick at a time."""

FRAMES_PER_S = 50

# Loud enough to measure, and four of them add up without reaching full scale.
TONE_LEVEL_DBOV = -16.0

# A tone is looped by whoever plays it: after a whole second, every tone of a whole number of hertz joins its beginning.
TONE_SECONDS = 1


def checked(samples: object) -> NDArray[np.generic]:
    """Return an array that a call can speak.

    Parameters
    ----------
    samples
        int16 (full scale 32768) or floating (full scale 1.0), shape (samples,) or (samples, channels).

    Raises
    ------
    AudioError
        It is no array, has another shape or kind, holds NaN or infinity, or floating samples with another full scale.
    """
    if not isinstance(samples, np.ndarray):
        hint = (
            ": np.frombuffer(data, np.int16) makes one" if isinstance(samples, bytes | bytearray | memoryview) else ""
        )
        raise AudioError(f"audio is a numpy array, not {type(samples).__name__}{hint}")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not samples.shape[1]):
        raise AudioError(f"audio has shape (samples,) or (samples, channels), not {samples.shape}")
    if np.issubdtype(samples.dtype, np.floating):
        peak = float(np.abs(samples).max(initial=0.0))
        if not np.isfinite(peak):
            raise AudioError("audio holds NaN or infinity")
        if peak > PEAK:
            raise AudioError(f"floating audio has full scale 1.0, and this has a sample of {peak:g}: divide by 32768?")
    elif samples.dtype.kind != "i" or samples.dtype.itemsize != 2:
        raise AudioError(f"audio is int16 or floating, not {samples.dtype}")
    return samples


def checked_rate(rate_hz: object) -> int:
    """Return a sampling rate in Hz; raises AudioError for what is none, or is not within `RATES_HZ`."""
    if isinstance(rate_hz, Real) and float(rate_hz).is_integer() and int(float(rate_hz)) in RATES_HZ:
        return int(float(rate_hz))
    first, last = RATES_HZ[0], RATES_HZ[-1]
    raise AudioError(f"a sample rate is a whole number of Hz from {first} to {last}, not {rate_hz!r}")


def to_int16(samples: NDArray[np.generic]) -> NDArray[np.int16]:
    """Turn what is :func:`checked` into mono int16, shape (samples,), within -32767 ... 32767."""
    if samples.ndim == 1 and samples.dtype.kind == "i":
        return as_samples(samples.astype(np.int16, copy=False))
    mono = samples.astype(np.float64)
    if samples.dtype.kind == "f":
        mono *= SCALE
    if mono.ndim == 2:
        mono = mono.mean(axis=1)
    return np.clip(np.rint(mono), -FULL_SCALE, FULL_SCALE).astype(np.int16)


def to_pcm(samples: NDArray[np.generic], from_rate_hz: int, rate_hz: int) -> NDArray[np.int16]:
    """Turn samples of any usual kind into what a call speaks.

    Parameters
    ----------
    samples
        As :func:`checked` takes them. Channels are averaged; what is beyond full scale is clipped.
    from_rate_hz, rate_hz
        The rate of `samples` and the rate wanted, in Hz.

    Returns
    -------
    int16, shape (samples * rate_hz / from_rate_hz,), within -32767 ... 32767.

    Raises
    ------
    AudioError
        As :func:`checked` and :func:`checked_rate`.
    """
    from_rate_hz, rate_hz = checked_rate(from_rate_hz), checked_rate(rate_hz)
    checked(samples)
    if from_rate_hz == rate_hz or not samples.size:
        return to_int16(samples)
    mono = samples.astype(np.float64) / (SCALE if samples.dtype.kind == "i" else 1.0)
    return to_int16(soxr.resample(mono if mono.ndim == 1 else mono.mean(axis=1), from_rate_hz, rate_hz))


def load(path: str | Path, rate_hz: int) -> NDArray[np.int16]:
    """Read a whole audio file (WAV, FLAC, Ogg, MP3 and whatever else libsndfile knows).

    Parameters
    ----------
    path
        The file; any rate, any number of channels.
    rate_hz
        The rate wanted, in Hz.

    Returns
    -------
    int16, shape (samples,), at `rate_hz`.

    Raises
    ------
    AudioError
        The file is missing, unreadable or no audio file.
    """
    if not Path(path).is_file():
        raise AudioError(f"no such audio file: {path}")
    try:
        samples, from_rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"cannot read {path} as audio: {error}") from error
    return to_pcm(samples, from_rate_hz, rate_hz)


def source(text: str, rate_hz: int) -> NDArray[np.int16]:
    """Make what ``--play`` names: ``tone:HZ``, or the path of an audio file.

    Parameters
    ----------
    text
        ``tone:440`` gives one second of a sine at -16 dBov whose end joins its beginning when HZ is whole.
    rate_hz
        The rate wanted, in Hz.

    Returns
    -------
    int16, shape (samples,), at `rate_hz`.

    Raises
    ------
    AudioError
        The tone is no number between 0 and half the rate, or the file cannot be read.
    """
    kind, colon, hz = text.partition(":")
    if kind != "tone" or not colon:
        return load(text, rate_hz)
    try:
        frequency_hz = float(hz)
    except ValueError:
        raise AudioError(f"write a tone as tone:HZ, for example tone:440, not {text!r}") from None
    if not 0 < frequency_hz < rate_hz / 2:
        raise AudioError(f"a tone must lie between 0 and {rate_hz // 2} Hz, not at {hz}")
    return sine(frequency_hz, TONE_SECONDS * rate_hz, rate_hz, level_dbov=TONE_LEVEL_DBOV)


def frames_of(pcm: NDArray[np.int16], samples: int) -> Iterator[NDArray[np.int16]]:
    """Cut samples into frames of equal length, the last one filled up with silence.

    Parameters
    ----------
    pcm
        int16, shape (n,).
    samples
        The length of one frame.

    Yields
    ------
    int16, shape (samples,); frame k equals ``pcm[k * samples:(k + 1) * samples]``.
    """
    for start in range(0, pcm.size, samples):
        frame = pcm[start : start + samples]
        yield frame if frame.size == samples else np.pad(frame, (0, samples - frame.size))


class Resampler:
    """Sound that comes bit by bit, brought from one rate to another without a seam.

    What comes out lags by the length of the filter, about 30 ms: so much is still inside until :meth:`rest`.

    Parameters
    ----------
    from_rate_hz, rate_hz
        The rate of what is fed and the rate wanted, in Hz.

    Raises
    ------
    AudioError
        A rate is none, see :func:`checked_rate`.
    """

    def __init__(self, from_rate_hz: int, rate_hz: int) -> None:
        self.from_rate_hz, self.rate_hz = from_rate_hz, rate_hz = checked_rate(from_rate_hz), checked_rate(rate_hz)
        # With a fixed ratio soxr works in blocks of 100 ms and more, which nobody in a conversation can wait for.
        self._stream = soxr.ResampleStream(from_rate_hz, rate_hz, 1, dtype="int16", vr=True)
        self._short = np.zeros(0, np.int16)

    def feed(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take int16 samples, shape (n,); give what is ready, shape (m,)."""
        made: NDArray[np.int16] = self._stream.resample_chunk(np.ascontiguousarray(pcm))
        return made

    def rest(self) -> NDArray[np.int16]:
        """Give what is still inside, shape (m,); the next sound begins anew."""
        made: NDArray[np.int16] = self._stream.resample_chunk(np.zeros(0, np.int16), last=True)
        self._stream.clear()
        return made

    def frames(self, pcm: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
        """Take int16 samples, shape (n,); give the whole frames of 20 ms that are ready."""
        samples = self.rate_hz // FRAMES_PER_S
        self._short = np.concatenate((self._short, self.feed(pcm)))
        while self._short.size >= samples:
            yield self._short[:samples].copy()
            self._short = self._short[samples:]


class WavRecorder:
    """A mono WAV file that is filled with the frames of a call and resampled on the way if asked.

    The file's header is brought up to date every second: a process that is killed leaves a file that plays up to there.

    Parameters
    ----------
    path
        Where; folders that are missing are made, a file that exists is replaced.
    rate_hz
        The rate of the frames, in Hz.
    file_rate_hz
        The rate of the file, in Hz; the same when not given.

    Raises
    ------
    AudioError
        The file cannot be made there.
    """

    def __init__(self, path: str | Path, rate_hz: int, file_rate_hz: int | None = None) -> None:
        self.path = Path(path)
        self.file_rate_hz = file_rate_hz or rate_hz
        self._resampler = None
        if self.file_rate_hz != rate_hz:
            self._resampler = soxr.ResampleStream(rate_hz, self.file_rate_hz, 1, dtype="int16")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = WavFile(self.path, self.file_rate_hz, replace=True)
        except (OSError, MixerError) as error:
            raise AudioError(f"cannot record to {path}: {error}") from error

    @property
    def seconds(self) -> float:
        """How much the file holds; all of it only after :meth:`close`."""
        return self._file.seconds

    def write(self, frame: NDArray[np.int16]) -> None:
        """Append int16 samples, shape (samples,), at the rate of the call.

        Raises
        ------
        AudioError
            The disk is full or gone.
        """
        self._append(frame if self._resampler is None else self._resampler.resample_chunk(frame))

    def close(self) -> None:
        """Write what the resampler still holds, and the final header.

        Raises
        ------
        AudioError
            The disk is full or gone.
        """
        if self._resampler is not None:
            self._append(self._resampler.resample_chunk(np.zeros(0, np.int16), last=True))
            self._resampler = None
        try:
            self._file.close()
        except MixerError as error:
            raise AudioError(f"cannot record: {error}") from error

    def _append(self, samples: NDArray[np.int16]) -> None:
        try:
            self._file.write(samples)
        except MixerError as error:
            raise AudioError(f"cannot record: {error}") from error
