"""Audio files for playing: decoded, resampled and kept by threads, so that the tick never touches a disk or a decoder.

Small files (prompts) and large ones (music) have a thread each: a prompt does not wait for a long decoding. What was
decoded is kept, up to a number of bytes, as long as the file does not change.
"""

import contextlib
import os
import stat
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, SCALE
from softphone.errors import AudioError

__all__ = ["Sounds"]

# What is played is held whole in memory: an hour is 58 MB at 8 kHz.
SECONDS_MAX = 3600.0
FILE_BYTES_MAX = 512 << 20
CACHE_BYTES = 64 << 20
# About ten seconds of CD quality, decoded in some milliseconds: all prompts, and little music.
SMALL_BYTES = 2 << 20
# Headers that say more than this lie, and would cost memory before the lie is found out.
RATES_HZ = range(1000, 384_001)
CHANNELS_MAX = 32
# Short pieces, since numpy holds the interpreter for each and the tick waits for it.
BLOCK_S = 0.2
# Decoding can wait, ticks cannot.
NICENESS = 5

Pcm = NDArray[np.int16]
Key = tuple[str, int, int, int]


class Sounds:
    """Loads lists of files in the background.

    Parameters
    ----------
    rate_hz
        Sample rate that is wanted where no other is asked for.
    cache_bytes
        How much decoded audio is kept.
    """

    def __init__(self, rate_hz: int, cache_bytes: int = CACHE_BYTES) -> None:
        self._rate_hz, self._cache_bytes = rate_hz, cache_bytes
        self._kept: OrderedDict[Key, Pcm] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._small, self._large = (ThreadPoolExecutor(1, "sounds", _be_nice) for _ in range(2))
        self._ready: deque[tuple[int, list[Pcm] | str]] = deque()
        self._closed = False

    def load(self, ticket: int, paths: list[str], rate_hz: int | None = None) -> None:
        """Decode files; `ready` gives them under `ticket` some time later."""
        self._small.submit(self._work, ticket, paths, rate_hz or self._rate_hz, self._small)

    def ready(self) -> Iterator[tuple[int, list[Pcm] | str]]:
        """Give what has been done since the last call: ticket, and the sounds or what is wrong with a file.

        Yields
        ------
        Each sound is int16, shape (samples,), -32767..32767, not to be written to.
        """
        while self._ready:
            yield self._ready.popleft()

    def close(self) -> None:
        """Stop decoding; what was asked for does not come any more."""
        self._closed = True
        for pool in (self._small, self._large):
            pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, ticket: int, paths: list[str], rate_hz: int, here: ThreadPoolExecutor) -> None:
        """Load a list, or leave it to the thread for large ones (in a thread)."""
        outcome: list[Pcm] | str
        try:
            keys = [_key(path, rate_hz) for path in paths]
            if here is self._small and sum(key[2] for key in keys if key not in self._kept) > SMALL_BYTES:
                self._large.submit(self._work, ticket, paths, rate_hz, self._large)
                return
            outcome = self._load(keys)
        except AudioError as error:
            outcome = str(error)
        except Exception as error:  # whatever a decoder makes of a broken file: who waits must be told
            outcome = f"cannot play {', '.join(paths)}: {error}"
        self._ready.append((ticket, outcome))

    def _load(self, keys: list[Key]) -> list[Pcm]:
        sounds: list[Pcm] = []
        for key in keys:
            left = SECONDS_MAX - sum(map(len, sounds)) / key[3]
            sound = self._known(key)
            if sound is None:
                sound = np.concatenate(list(self._decode(key[0], key[3], left))).astype(np.int16, copy=False)
                self._keep(key, sound)
            if len(sound) > left * key[3]:
                raise _too_long(key[0])
            sounds.append(sound)
        return sounds

    def _known(self, key: Key) -> Pcm | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Key, sound: Pcm) -> None:
        """Keep a sound, and forget those used longest ago."""
        sound.flags.writeable = False
        with self._lock:
            self._bytes += sound.nbytes - (self._kept[key].nbytes if key in self._kept else 0)
            self._kept[key] = sound
            while self._bytes > self._cache_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _decode(self, path: str, rate_hz: int, seconds_max: float) -> Iterator[Pcm]:
        """Decode a file piece by piece."""
        try:
            with soundfile.SoundFile(path) as file:
                _check(file, path, seconds_max)
                yield np.zeros(0, np.int16)
                left = round(seconds_max * rate_hz)
                for piece in self._resampled(file, rate_hz):
                    left -= len(piece)
                    if left < 0:  # the header said less
                        raise _too_long(path)
                    if self._closed:
                        raise AudioError("closed")
                    yield piece
        except (OSError, TypeError, ValueError, soundfile.SoundFileError) as error:
            raise AudioError(f"cannot read {path} as audio: {error}") from error

    def _resampled(self, file: soundfile.SoundFile, rate_hz: int) -> Iterator[Pcm]:
        """Give a file's audio, channels averaged, at a rate."""
        same = file.samplerate == rate_hz
        stream = None if same else soxr.ResampleStream(file.samplerate, rate_hz, 1, dtype="float32")
        for block in file.blocks(round(file.samplerate * BLOCK_S), dtype="float32", always_2d=True):
            mono = np.nan_to_num(block.mean(axis=1))
            yield _narrow(mono if stream is None else stream.resample_chunk(mono))
        if stream is not None:
            yield _narrow(stream.resample_chunk(np.zeros(0, np.float32), last=True))


def _narrow(wave: NDArray[np.float32]) -> Pcm:
    return np.clip(np.rint(wave * SCALE), -FULL_SCALE, FULL_SCALE).astype(np.int16)


def _key(path: str, rate_hz: int) -> Key:
    """Name what is in a file now: path, time of change, size, rate; raises AudioError unless it can be a sound."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise AudioError(f"no such audio file: {path}") from error
    if not stat.S_ISREG(found.st_mode):
        raise AudioError(f"not a file: {path}")
    if found.st_size > FILE_BYTES_MAX:
        raise AudioError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MB")
    return path, found.st_mtime_ns, found.st_size, rate_hz


def _check(file: soundfile.SoundFile, path: str, seconds_max: float) -> None:
    """Refuse a file whose header says what cannot be."""
    if file.samplerate not in RATES_HZ or file.channels > CHANNELS_MAX:
        raise AudioError(f"{path} has {file.channels} channels at {file.samplerate} Hz")
    if file.frames > seconds_max * file.samplerate:
        raise _too_long(path)


def _too_long(path: str) -> AudioError:
    return AudioError(f"{path} is too long: {SECONDS_MAX:.0f} seconds can be played at once")


def _be_nice() -> None:
    """Lower this thread's priority, where threads have one."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
