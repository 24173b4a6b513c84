"""What the application hears and says in one call: frames fanned out each tick, samples queued for the next ones."""

import asyncio
import weakref
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from mixer.frame import as_samples, samples_per_tick
from softphone.agent.streams import FrameStream
from softphone.audio import WavRecorder
from softphone.errors import AudioError, CallEnded
from softphone.media.local import AppLeg

__all__ = ["Voice"]

log = structlog.get_logger()

# What write() keeps waiting for the tick: enough to ride over a busy event loop, short enough to answer in time.
WRITE_AHEAD_S = 0.060


class Voice:
    """The application's side of a call.

    Parameters
    ----------
    app
        The application's leg; its frames arrive in :meth:`heard`.
    rate_hz
        Samples per second.
    """

    def __init__(self, app: AppLeg, rate_hz: int) -> None:
        self._app = app
        self._rate_hz = rate_hz
        self._samples = samples_per_tick(rate_hz)
        self._ahead = round(WRITE_AHEAD_S * rate_hz)
        self._streams: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        self._recorder: WavRecorder | None = None
        self._writing = asyncio.Lock()
        self._tick = asyncio.Event()
        self._ended = False
        app.on_frame = self.heard

    def heard(self, frame: NDArray[np.int16]) -> None:
        """Pass on what the peer said in this tick, int16, shape (samples,)."""
        for stream in self._streams:
            stream.put(frame)
        if self._recorder is not None:
            self._record(self._recorder, frame)
        self._next_tick()

    def frames(self) -> FrameStream:
        """Open a new stream of what is heard from now on."""
        stream = FrameStream()
        self._streams.add(stream)
        if self._ended:
            stream.end()
        return stream

    async def write(self, pcm: NDArray[np.int16]) -> None:
        """Queue samples; returns when at most WRITE_AHEAD_S of them still wait for their tick."""
        samples = _checked(pcm)
        async with self._writing:
            for start in range(0, samples.size, self._samples):
                chunk = samples[start : start + self._samples]
                await self._until_queued(self._ahead - chunk.size)
                self._app.write(chunk)

    async def drain(self) -> None:
        """Return when everything written has been sent."""
        await self._until_queued(0)

    def record(self, path: str | Path, file_rate_hz: int | None) -> None:
        """Write what is heard from now on into a WAV file, see :class:`softphone.audio.WavRecorder`."""
        if self._recorder is not None:
            raise AudioError(f"this call is being recorded to {self._recorder.path} already")
        self._recorder = WavRecorder(path, self._rate_hz, file_rate_hz)

    def stop_recording(self) -> float:
        """Close the file; returns the seconds in it, 0 when none was open."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return 0.0
        recorder.close()
        return recorder.seconds

    def end(self) -> None:
        """End all streams, close the recording, and let every writer know."""
        self._ended = True
        for stream in self._streams:
            stream.end()
        try:
            self.stop_recording()
        except AudioError as error:
            log.warning("recording ended early", error=str(error))
        self._next_tick()

    async def _until_queued(self, samples: int) -> None:
        """Wait until at most so many samples are queued."""
        while not self._ended and self._app.queued > samples:
            await self._tick.wait()
        if self._ended:
            raise CallEnded("the call is over, nobody hears this")

    def _next_tick(self) -> None:
        """Wake whoever waits for this tick; the next one has an event of its own."""
        self._tick.set()
        self._tick = asyncio.Event()

    def _record(self, recorder: WavRecorder, frame: NDArray[np.int16]) -> None:
        try:
            recorder.write(frame)
        except AudioError as error:
            # A full disk must not end the call.
            self._recorder = None
            log.warning("recording stopped", error=str(error))


def _checked(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise AudioError(f"write() takes int16 of shape (samples,), not {pcm.dtype} {pcm.shape}")
    return as_samples(pcm)
