"""Sound of any kind in and out of a call: files of every rate and format, tones, arrays; recordings.

A call speaks mono int16 at its own rate. Everything here turns something else into that, or that into a WAV file.
No sound card here (see ``softphone.sound_card``), so that a bot on a server needs none.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mixer.errors import MixerError
from mixer.frame import FULL_SCALE, SCALE
from mixer.recording import WavFile
from mixer.tone import sine
from softphone.errors import AudioError

__all__ = ["Resampler", "WavRecorder", "frames_of", "load", "source", "to_pcm"]

# Loud enough to measure, and four of them add up without reaching full scale.
TONE_LEVEL_DBOV = -16.0

# A tone is looped by whoever plays it: after a whole second, every tone of a whole number of hertz joins its beginning.
TONE_SECONDS = 1


def to_pcm(samples: NDArray[np.generic], from_rate_hz: int, rate_hz: int) -> NDArray[np.int16]:
    """Turn samples of any usual kind into what a call speaks.

    Parameters
    ----------
    samples
        int16 (full scale 32768) or floating (full scale 1.0), shape (samples,) or (samples, channels). Channels are
        averaged; what is beyond full scale is clipped.
    from_rate_hz, rate_hz
        The rate of `samples` and the rate wanted, in Hz.

    Returns
    -------
    int16, shape (samples * rate_hz / from_rate_hz,), within -32767 ... 32767.

    Raises
    ------
    AudioError
        The array has another shape or kind, holds NaN or infinity, or a rate is not positive.
    """
    if from_rate_hz <= 0 or rate_hz <= 0:
        raise AudioError(f"sample rates must be positive, not {from_rate_hz} and {rate_hz} Hz")
    mono = _mono(samples)
    if from_rate_hz != rate_hz and mono.size:
        mono = soxr.resample(mono, from_rate_hz, rate_hz)
    return np.clip(np.rint(mono * SCALE), -FULL_SCALE, FULL_SCALE).astype(np.int16)


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
        A rate is not positive.
    """

    def __init__(self, from_rate_hz: int, rate_hz: int) -> None:
        if from_rate_hz <= 0 or rate_hz <= 0:
            raise AudioError(f"sample rates must be positive, not {from_rate_hz} and {rate_hz} Hz")
        self.from_rate_hz, self.rate_hz = from_rate_hz, rate_hz
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
        samples = self.rate_hz // 50
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


def _mono(samples: NDArray[np.generic]) -> NDArray[np.float64]:
    """Average the channels; full scale becomes 1.0."""
    if samples.ndim not in (1, 2):
        raise AudioError(f"audio has shape (samples,) or (samples, channels), not {samples.shape}")
    if samples.dtype == np.int16:
        scale = float(SCALE)
    elif np.issubdtype(samples.dtype, np.floating):
        scale = 1.0
    else:
        raise AudioError(f"audio is int16 or floating, not {samples.dtype}")
    mono = samples.astype(np.float64) / scale
    if mono.ndim == 2:
        mono = mono.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioError("audio holds NaN or infinity")
    return mono
