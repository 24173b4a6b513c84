"""Received audio of one call: frames to all readers each tick, and to the recorder. `SpeechQueue` has sent audio."""

import logging
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.frame import samples_per_tick
from softphone.agent.speech import SpeechQueue
from softphone.agent.streams import FrameStream
from softphone.audio import FRAMES_PER_S, Resampler, WavRecorder, checked_rate
from softphone.errors import AudioError
from softphone.media.workers.local import AppLeg

__all__ = ["Voice"]

log = logging.getLogger(__name__)


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
    write_ahead_s
        How much of what is written may wait.

    Attributes
    ----------
    rate_hz
        As given.
    dropped
        Frames that did not reach a reader, see :attr:`softphone.Call.dropped`.
    speech
        What the application says.
    """

    def __init__(self, app: AppLeg, rate_hz: int, who: str, write_ahead_s: float) -> None:
        self.rate_hz = rate_hz
        self._who = who
        self._samples = samples_per_tick(rate_hz)
        self.speech = SpeechQueue(app, rate_hz, write_ahead_s)
        # A tuple of references: a WeakSet costs ten times as much to go through, which happens each tick.
        self._streams: tuple[weakref.ref[FrameStream], ...] = ()
        self._recorder: WavRecorder | None = None
        self._ended = False
        self.dropped = 0
        app.on_frame = self.heard

    # --- hearing

    def heard(self, frame: NDArray[np.int16]) -> None:
        """Pass on what the peer said in this tick, int16, shape (samples,); kept as copies only."""
        for reference in self._streams:
            if (stream := reference()) is not None:
                stream.put(frame)
        if self._recorder is not None:
            self._record(self._recorder, frame)
        self.speech.tick()

    def skipped(self, ticks: int) -> None:
        """Note that for so many ticks nothing was heard; a recording has silence there."""
        self.dropped += ticks
        if self._recorder is not None:
            self._record(self._recorder, np.zeros(ticks * self._samples, np.int16))
        for stream in self._open():
            stream.skip(ticks)

    def frames(self, rate_hz: int | None = None) -> FrameStream:
        """Open a new stream of what is heard from now on, at another rate if one is given."""
        resampler = None
        if rate_hz is not None and checked_rate(rate_hz) != self.rate_hz:
            if rate_hz % FRAMES_PER_S:
                raise AudioError(f"frames of 20 ms have a whole number of samples, which {rate_hz} Hz does not give")
            resampler = Resampler(self.rate_hz, rate_hz)
        stream = FrameStream(on_drop=self._dropped, resampler=resampler)
        self._streams += (weakref.ref(stream, self._forget),)
        if self._ended:
            stream.end()
        return stream

    def _open(self) -> list[FrameStream]:
        return [stream for reference in self._streams if (stream := reference()) is not None]

    def _forget(self, gone: "weakref.ref[FrameStream]") -> None:
        """Put nothing more into a stream that nobody has any more."""
        self._streams = tuple(reference for reference in self._streams if reference is not gone)

    def _dropped(self) -> None:
        if not self.dropped:
            log.warning("a reader of the call with %s is more than a second behind: frames are left out", self._who)
        self.dropped += 1

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
        self._ended = True
        self.speech.end()
        for stream in self._open():
            stream.end()
        try:
            self.stop_recording()
        except AudioError as error:
            log.warning("recording ended early: %s", error)

    def _record(self, recorder: WavRecorder, frame: NDArray[np.int16]) -> None:
        try:
            recorder.write(frame)
        except AudioError as error:
            # A full disk must not end the call.
            self._recorder = None
            log.warning("recording stopped: %s", error)
