"""The sound card, with a driver in memory in place of ``sounddevice``: frames in, frames out, and no device."""

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.errors import AudioError
from softphone.sound_card import QUEUE_FRAMES, available, loudspeaker, microphone

RATE_HZ = 16_000


class PortAudioError(Exception):
    """What the package raises for want of a device."""


class Driver(ModuleType):
    """As much of ``sounddevice`` as is used: streams that are opened, and closed."""

    PortAudioError = PortAudioError

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__("sounddevice")
        self.broken = broken
        self.opened: list[tuple[str, dict[str, Any]]] = []
        self.callback: Callable[..., None] | None = None
        self.written: list[NDArray[np.int16]] = []
        self.running = False

    def InputStream(self, **options: Any) -> Self:
        self.callback = options.pop("callback")
        return self._open("in", options)

    def OutputStream(self, **options: Any) -> Self:
        return self._open("out", options)

    def _open(self, way: str, options: dict[str, Any]) -> Self:
        if self.broken:
            raise PortAudioError("Error querying device -1")
        self.opened.append((way, options))
        return self

    def write(self, frame: NDArray[np.int16]) -> None:
        self.written.append(frame)

    def __enter__(self) -> Self:
        self.running = True
        return self

    def __exit__(self, *_error: object) -> None:
        self.running = False

    def hear(self, value: int) -> None:
        """Give a block as the thread of the card does: its memory is used again for the next one."""
        assert self.callback is not None
        block = np.full((320, 1), value, np.int16)
        self.callback(block, 320, None, None)
        block[:] = -1


def plugged(monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> Driver:
    driver = Driver(broken=broken)
    monkeypatch.setitem(sys.modules, "sounddevice", driver)
    return driver


OPTIONS = {"samplerate": RATE_HZ, "blocksize": 320, "channels": 1, "dtype": "int16"}


async def test_what_the_microphone_hears_comes_in_frames_and_the_oldest_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = plugged(monkeypatch)
    available()
    frames = microphone(RATE_HZ)
    first = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0)
    assert driver.opened == [("in", OPTIONS)] and driver.running
    await asyncio.to_thread(driver.hear, 7)
    frame = await first
    assert frame.dtype == np.int16 and frame.tolist() == [7] * 320
    for value in range(QUEUE_FRAMES + 3):
        await asyncio.to_thread(driver.hear, value)
    await asyncio.sleep(0)
    heard = [int((await anext(frames))[0]) for _ in range(QUEUE_FRAMES)]
    assert heard == list(range(3, QUEUE_FRAMES + 3))
    await frames.aclose()  # type: ignore[attr-defined]
    assert not driver.running


def test_the_loudspeaker_takes_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = plugged(monkeypatch)
    frame = np.arange(320, dtype=np.int16)
    with loudspeaker(RATE_HZ) as speaker:
        speaker.write(frame)
        assert driver.running
    assert driver.opened == [("out", OPTIONS)] and driver.written[0] is frame and not driver.running


async def test_no_device_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, broken=True)
    with pytest.raises(AudioError, match="the sound card cannot be used: Error querying device"):
        await anext(microphone(RATE_HZ))
    with pytest.raises(AudioError, match="the sound card cannot be used"), loudspeaker(RATE_HZ):
        pass


@pytest.mark.parametrize(("missing", "said"), [(ImportError(), "pip install"), (OSError("PortAudio"), "libportaudio2")])
def test_a_driver_that_is_missing_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, missing: Exception, said: str
) -> None:
    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise missing

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(AudioError, match=said):
        available()
