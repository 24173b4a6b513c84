"""The audio of a call: frames in, frames out, DTMF, files, recordings."""

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from softphone import audio
from softphone.agent.control import CallControl, CallState
from softphone.agent.playback import Playback, Sound, pieces
from softphone.agent.streams import FrameStream
from softphone.errors import AudioError, CallEnded

__all__ = ["LOUD_DBOV", "Talk", "level_dbov", "until_silent", "until_voice"]

LOUD_DBOV = -40.0
"""Speech on a telephone lies between -35 and -15 dBov, the noise of a room or line between -70 and -50."""

FLOOR_DBOV = -100.0


def level_dbov(frame: NDArray[np.int16]) -> float:
    """Level of int16 samples, shape (n,): 0 dBov is a full-scale square wave, a full-scale sine -3; at least -100."""
    power = float(np.mean(np.square(frame, dtype=np.float64))) / FULL_SCALE**2 if frame.size else 0.0
    return max(FLOOR_DBOV, 10 * float(np.log10(power))) if power else FLOOR_DBOV


async def until_voice(frames: FrameStream, voice_s: float, loud_dbov: float, timeout_s: float | None) -> bool:
    """Read frames until they have been loud for `voice_s` together; False after `timeout_s`, CallEnded at their end."""
    return await _until(frames, voice_s, timeout_s, lambda frame: level_dbov(frame) >= loud_dbov)


async def until_silent(frames: FrameStream, silence_s: float, loud_dbov: float, timeout_s: float | None) -> bool:
    """Read frames until they have not been loud for `silence_s`; otherwise as :func:`until_voice`."""
    return await _until(frames, silence_s, timeout_s, lambda frame: level_dbov(frame) < loud_dbov)


async def _until(
    frames: FrameStream, seconds: float, timeout_s: float | None, counts: Callable[[NDArray[np.int16]], bool]
) -> bool:
    """Read frames until those that count have come without a break for so long."""
    in_a_row_s = 0.0
    try:
        async with asyncio.timeout(timeout_s):
            async for frame in frames:
                in_a_row_s = in_a_row_s + TICK_S if counts(frame) else 0.0
                if in_a_row_s >= seconds - TICK_S / 2:
                    return True
    except TimeoutError:
        return False
    raise CallEnded("the call is over, nothing is heard any more")


T = TypeVar("T")


class Talk:
    """The audio half of a call."""

    def __init__(self, control: CallControl) -> None:
        self.rate = control.voice.rate_hz
        self._control = control
        self._voice = control.voice
        self._speech = control.voice.speech
        self._playbacks: weakref.WeakSet[Playback] = weakref.WeakSet()

    @property
    def state(self) -> CallState:
        """RINGING (incoming and undecided), CONNECTED (from the 2xx on) or ENDED."""
        return self._control.state

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something beside the call: it is cancelled when the call ends, what it raises is logged; or CallEnded."""
        if self.state is CallState.ENDED:
            work.close()
            raise CallEnded("the call is over")
        return self._control.work.start(work)

    # --- hearing

    @property
    def dropped(self) -> int:
        """Number of 20 ms frames that readers lost, see :attr:`Frame.gap`; the sum over all streams."""
        return self._voice.dropped

    def frames(self, rate_hz: int | None = None) -> FrameStream:
        """Listen: ``async for frame in call.frames()`` gives int16, shape (samples,), 20 ms each, until the hang-up.

        There is no voice gate: what the peer sends is what comes, silence included. Each stream holds the last second
        (50 frames); a reader further behind loses the oldest, counted in ``stream.dropped`` and told by the ``gap`` of
        the next frame (:class:`Frame`). Streams are independent.

        Parameters
        ----------
        rate_hz
            The rate of the frames, in Hz; that of the call when not given. At another rate they come 30 ms later.

        Raises
        ------
        AudioError
            The rate is none, or 20 ms of it are no whole number of samples.
        """
        return self._voice.frames(rate_hz)

    async def wait_voice(
        self, voice_s: float = 0.1, *, loud_dbov: float = LOUD_DBOV, timeout_s: float | None = None
    ) -> bool:
        """Wait until the peer has been loud for `voice_s` without a break; False when `timeout_s` went by before.

        Loud is what is at least `loud_dbov` (0 is a full-scale square wave, speech -35 to -15) in 20 ms. Raises
        CallEnded when the call ends before.
        """
        return await until_voice(self.frames(), voice_s, loud_dbov, timeout_s)

    async def wait_silence(
        self, silence_s: float = 0.8, *, loud_dbov: float = LOUD_DBOV, timeout_s: float | None = None
    ) -> bool:
        """Wait until the peer has not been loud for `silence_s` without a break; otherwise as :meth:`wait_voice`."""
        return await until_silent(self.frames(), silence_s, loud_dbov, timeout_s)

    async def read_keys(self, max: int | None = None, timeout: float | None = None, end: str = "#") -> str:
        """Read DTMF digits of the peer, beginning with those received before that were not read.

        Parameters
        ----------
        max
            Return when so many keys are there; None: there may be any number.
        timeout
            Return what is there when no key came for so many seconds; None: wait for ever.
        end
            Keys that end the input and are not part of it; empty: there is none.

        Returns
        -------
        str
            Keys of ``0-9 * # A-D``; empty when none came in time.

        Raises
        ------
        CallEnded
            The call ended before.
        """
        return await self._control.keys.read(max, timeout, end)

    # --- speaking

    @property
    def queued_s(self) -> float:
        """Seconds of audio that were written and are not sent yet."""
        return self._speech.queued_s()

    @property
    def heard_s(self) -> float:
        """Seconds sent of what is being said, or was said last: a playback, or writes without a pause of 0.5 s."""
        return self._speech.heard_s()

    async def write(self, samples: NDArray[np.generic], rate_hz: int | None = None) -> None:
        """Speak; returns when at most ``write_ahead_s`` of the agent wait to be sent, 60 ms if not told otherwise.

        So a loop of writes runs at the speed of the call, and with 30 s a synthesiser can give half a minute at once.
        Cancelled, it says at most 200 ms more.

        Parameters
        ----------
        samples
            int16 (full scale 32768) or floating (full scale 1.0), shape (n,) or (n, channels), any n. Channels are
            averaged; what is beyond full scale is clipped. A copy is kept.
        rate_hz
            Their rate, in Hz; that of the call when not given. Writes of one rate are taken as one sound; the last
            30 ms of it come out of the resampler when nothing follows.

        Raises
        ------
        CallEnded
            The call is over.
        AudioError
            The array has another shape or kind, or holds NaN or infinity; or the rate is not positive.
        """
        self._control.require(CallState.CONNECTED)
        await self._speech.write(audio.checked(samples), self._rate_of(rate_hz))

    def write_nowait(self, samples: NDArray[np.generic], rate_hz: int | None = None) -> None:
        """Speak as :meth:`write`, without waiting; raises WriteQueueFull, and takes nothing, when it does not fit."""
        self._control.require(CallState.CONNECTED)
        self._speech.write_nowait(audio.checked(samples), self._rate_of(rate_hz))

    def _rate_of(self, rate_hz: int | None) -> int:
        return self.rate if rate_hz is None else audio.checked_rate(rate_hz)

    def speak(self, sound: Sound, rate_hz: int | None = None) -> Playback:
        """Begin to speak and return: the :class:`Playback` can be awaited, cut off, and says how much was heard.

        Parameters
        ----------
        sound
            A file of any rate and format; an array as :meth:`write` takes it; or an async iterator of arrays, such as
            a speech synthesiser, which is asked for more when less than ``write_ahead_s`` wait.
        rate_hz
            The rate of arrays, in Hz; that of the call when not given.

        Raises
        ------
        CallEnded
            The call is over.
        AudioError
            There is no such file, the array cannot be spoken, or the rate is none. What is found out later is raised by
            awaiting the playback.
        """
        self._control.require(CallState.CONNECTED)
        if isinstance(sound, str | Path):
            if not Path(sound).is_file():
                raise AudioError(f"no such audio file: {sound}")
            rate_hz = None
        elif isinstance(sound, np.ndarray):
            audio.checked(sound)
        playback = Playback(self._speech, pieces(sound, self.rate), self._rate_of(rate_hz), self._control.work)
        self._playbacks.add(playback)
        return playback

    def clear(self) -> float:
        """Fall silent with the next 20 ms: ends every playback, lets whoever writes go on; returns :attr:`heard_s`."""
        for playback in list(self._playbacks):
            playback.clear()
        return self._speech.clear()

    async def play(self, sound: str | Path | NDArray[np.generic], rate_hz: int | None = None) -> None:
        """Speak a file or an array as :meth:`speak` does; returns when the last sample is sent.

        Cancel it to stop at once. Raises what awaiting a playback does.
        """
        playback = self.speak(sound, rate_hz)
        try:
            await playback
        except asyncio.CancelledError:
            playback.clear()
            raise

    async def drain(self) -> None:
        """Return when everything that was written has been sent; raises CallEnded."""
        await self._speech.drain()

    def record(self, path: str | Path, rate_hz: int | None = None) -> None:
        """Write what we hear from now on into a mono 16-bit WAV file, until :meth:`stop_recording` or the hang-up.

        Parameters
        ----------
        path
            Where; missing folders are made, an existing file is replaced.
        rate_hz
            The rate of the file, in Hz; that of the call when not given.

        Raises
        ------
        AudioError, CallEnded
            The file cannot be made, or the call is being recorded already; the call is over.
        """
        if self.state is CallState.ENDED:
            raise CallEnded("the call is over, there is nothing to record")
        self._voice.record(path, rate_hz)

    def stop_recording(self) -> float:
        """Close the recording; returns its length in seconds, 0 when there was none; raises AudioError (disk full)."""
        return self._voice.stop_recording()
