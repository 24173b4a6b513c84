"""Microphone and loudspeaker, by the optional package ``sounddevice`` (``pip install 'softphone[audio]'``)."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer.frame import samples_per_tick
from softphone.errors import AudioError

__all__ = ["available", "loudspeaker", "microphone"]

# Frames between the card and the loop: 200 ms, then the oldest gives way. More would be heard as delay.
QUEUE_FRAMES = 10


def available() -> None:
    """Return when a sound card can be used.

    Raises
    ------
    AudioError
        The package or the library below it is missing; the message says what to install.
    """
    _driver()


async def microphone(rate_hz: int) -> AsyncIterator[NDArray[np.int16]]:
    """Yield what the microphone hears: int16, shape (samples,), 20 ms each, without end.

    Raises
    ------
    AudioError
        There is no microphone, or no way to it.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue(QUEUE_FRAMES)

    def arrived(frame: NDArray[np.int16]) -> None:
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(frame)

    def captured(data: NDArray[np.int16], _count: int, _time: object, _status: object) -> None:
        loop.call_soon_threadsafe(arrived, data[:, 0].copy())

    with _opened("InputStream", rate_hz, callback=captured):
        while True:
            yield await queue.get()


@contextmanager
def loudspeaker(rate_hz: int) -> Iterator[Any]:
    """Open the loudspeaker; ``write(frame)`` of what is given takes int16, shape (samples,), at `rate_hz`.

    Raises
    ------
    AudioError
        There is no loudspeaker, or no way to it.
    """
    with _opened("OutputStream", rate_hz) as stream:
        yield stream


@contextmanager
def _opened(kind: str, rate_hz: int, **options: Any) -> Iterator[Any]:
    driver = _driver()
    try:
        stream = getattr(driver, kind)(
            samplerate=rate_hz, blocksize=samples_per_tick(rate_hz), channels=1, dtype="int16", **options
        )
    except driver.PortAudioError as error:
        raise AudioError(f"the sound card cannot be used: {error}") from error
    with stream:
        yield stream


def _driver() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise AudioError("mic and speaker need a package: pip install 'softphone[audio]'") from None
    except OSError as error:
        raise AudioError(f"mic and speaker need the PortAudio library (libportaudio2): {error}") from None
