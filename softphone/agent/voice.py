"""What the application hears and says in one call: frames fanned out each tick, samples queued for the next ones."""

import asyncio
import logging
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.frame import as_samples, samples_per_tick
from softphone.agent.streams import FrameStream
from softphone.audio import Resampler, WavRecorder
from softphone.errors import AudioError, CallEnded
from softphone.media.workers.local import AppLeg

__all__ = ["Voice"]

log = logging.getLogger(__name__)

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
    who
        The other side, for the log.

    Attributes
    ----------
    rate_hz
        As given.
    dropped
        Frames that did not reach a reader, see :attr:`softphone.Call.dropped`.
    written
        Samples that were queued for the ticks so far, without those that were taken back.
    turn
        Held by who speaks: what others want to say waits for its end.
    """

    def __init__(self, app: AppLeg, rate_hz: int, who: str = "") -> None:
        self._app = app
        self.rate_hz = rate_hz
        self._who = who
        self._samples = samples_per_tick(rate_hz)
        self._ahead = round(WRITE_AHEAD_S * rate_hz)
        self._streams: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        self._recorder: WavRecorder | None = None
        self._resampler: Resampler | None = None
        self._tick = asyncio.Event()
        self._ended = False
        self._cleared = 0
        self._left = 0
        self.dropped = 0
        self.written = 0
        self.turn = asyncio.Lock()
        self._last: Callable[[], object] | None = None
        app.on_frame = self.heard

    # --- hearing

    def heard(self, frame: NDArray[np.int16]) -> None:
        """Pass on what the peer said in this tick, int16, shape (samples,)."""
        for stream in self._streams:
            stream.put(frame)
        if self._recorder is not None:
            self._record(self._recorder, frame)
        self._next_tick()
        if self._last is not None and not self._app.queued:
            last, self._last = self._last, None
            last()

    def skipped(self, ticks: int) -> None:
        """Note that for so many ticks nothing was heard; a recording has silence there."""
        self.dropped += ticks
        if self._recorder is not None:
            self._record(self._recorder, np.zeros(ticks * self._samples, np.int16))
        for stream in self._streams:
            stream.skip(ticks)

    def frames(self, rate_hz: int | None = None) -> FrameStream:
        """Open a new stream of what is heard from now on, at another rate if one is given."""
        other = rate_hz is not None and rate_hz != self.rate_hz
        resampler = Resampler(self.rate_hz, rate_hz) if other and rate_hz is not None else None
        stream = FrameStream(on_drop=self._dropped, resampler=resampler)
        self._streams.add(stream)
        if self._ended:
            stream.end()
        return stream

    def _dropped(self) -> None:
        if not self.dropped:
            log.warning("a reader of the call with %s is more than a second behind: frames are left out", self._who)
        self.dropped += 1

    # --- saying

    @property
    def said(self) -> int:
        """How many of the samples that were written have been sent."""
        return self.written - (self._left if self._ended else self._app.queued)

    async def write(self, pcm: NDArray[np.int16], rate_hz: int | None = None) -> None:
        """Queue samples; returns when at most WRITE_AHEAD_S of them still wait for their tick, or they were cleared."""
        samples = checked(pcm)
        cleared = self._cleared
        async with self.turn:
            if cleared == self._cleared:
                await self.queue(self._at_our_rate(samples, rate_hz))

    async def queue(self, samples: NDArray[np.int16]) -> None:
        """Do so in one's turn, at the rate of the call."""
        cleared = self._cleared
        for start in range(0, samples.size, self._samples):
            chunk = samples[start : start + self._samples]
            await self._until_queued(self._ahead - chunk.size)
            if cleared != self._cleared:
                return
            self._app.write(chunk)
            self.written += chunk.size

    async def drain(self) -> None:
        """Return when everything written has been sent."""
        await self._rest()
        await self.sent()

    async def finish(self, last: Callable[[], object]) -> None:
        """Drain; `last` is called in the very tick that sends the last sample."""
        await self._rest()
        if self._app.queued:
            self._last = last
            await self.sent()
        else:
            last()

    async def _rest(self) -> None:
        """Queue what the resampler still holds."""
        if self._resampler is not None:
            async with self.turn:
                await self.queue(self._at_our_rate(np.zeros(0, np.int16), None))

    async def sent(self) -> None:
        """Return when nothing waits for its tick."""
        await self._until_queued(0)

    def clear(self) -> None:
        """Say nothing of what waits; whoever is writing returns."""
        self._cleared += 1
        self._resampler = None
        self.flush()

    def flush(self) -> None:
        """Take back what waits for its tick."""
        if not self._ended:
            self.written -= self._app.flush()
        self._next_tick()

    def _at_our_rate(self, samples: NDArray[np.int16], rate_hz: int | None) -> NDArray[np.int16]:
        """Bring samples to the rate of the call; before those of another rate comes what the last rate still holds."""
        wanted = None if rate_hz in (None, self.rate_hz) else rate_hz
        before = np.zeros(0, np.int16)
        if self._resampler is not None and self._resampler.from_rate_hz != wanted:
            before, self._resampler = self._resampler.rest(), None
        if wanted is None:
            return np.concatenate((before, samples))
        if self._resampler is None:
            self._resampler = Resampler(wanted, self.rate_hz)
        return np.concatenate((before, self._resampler.feed(samples)))

    async def _until_queued(self, samples: int) -> None:
        """Wait until at most so many samples are queued."""
        while not self._ended and self._app.queued > samples:
            await self._tick.wait()
        if self._ended:
            raise CallEnded("the call is over, nobody hears this")

    # --- recording, and the end

    def record(self, path: str | Path, file_rate_hz: int | None) -> None:
        """Write what is heard from now on into a WAV file, see :class:`softphone.audio.WavRecorder`."""
        if self._recorder is not None:
            raise AudioError(f"this call is being recorded to {self._recorder.path} already")
        self._recorder = WavRecorder(path, self.rate_hz, file_rate_hz)

    def stop_recording(self) -> float:
        """Close the file; returns the seconds in it, 0 when none was open."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return 0.0
        recorder.close()
        return recorder.seconds

    def end(self) -> None:
        """End all streams, close the recording, and let every writer know."""
        if self._ended:
            return
        self._left = self._app.queued
        self._ended = True
        for stream in self._streams:
            stream.end()
        try:
            self.stop_recording()
        except AudioError as error:
            log.warning("recording ended early: %s", error)
        self._next_tick()

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
            log.warning("recording stopped: %s", error)


def checked(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return what can be written; raises AudioError for what cannot."""
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise AudioError(f"write() takes int16 of shape (samples,), not {pcm.dtype} {pcm.shape}")
    return as_samples(pcm)
