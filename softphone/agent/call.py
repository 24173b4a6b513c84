"""One call, as its application sees it: frames in, frames out, keys, files, hold, hang-up."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from mixer.tone import dtmf
from softphone import audio
from softphone.agent.media import CallMedia
from softphone.agent.streams import FrameStream
from softphone.agent.voice import Voice
from softphone.calls.dtmf import INFO_TYPES, KeyEntry, KeyWay, info_key
from softphone.errors import CallEnded, CallRefused, SdpError
from softphone.media.leg import LegStats
from softphone.sip.call import Call as SipCall
from softphone.sip.fields import Address

__all__ = ["Call", "CallState", "KeyMethod"]

log = structlog.get_logger()

KeyMethod = Literal["rfc4733", "info", "inband"]
OnRefer = Callable[[str], Awaitable[object]]
Spawn = Callable[[Coroutine[Any, Any, None]], None]

KEYS = re.compile(r"[0-9*#A-D]+")

# How long a key lasts in an INFO body, in ms, and the pause before the next one, in seconds: what telephones do.
INFO_KEY_MS = 160
INFO_GAP_S = 0.1


class CallState(Enum):
    """Where a call is. An outgoing call is handed to the application only when it is CONNECTED."""

    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"


class Call:
    """A call, placed by :meth:`Agent.invite` or handed to ``Agent.on_call``; not made by hand.

    Attributes
    ----------
    rate
        Samples per second of every frame of this call, in Hz.
    state
        RINGING (incoming and undecided), CONNECTED or ENDED.
    held
        Whether we hold the peer.
    on_key
        Called with each key that the peer presses (one of ``0-9 * # A-D``) by RFC 4733 or SIP INFO.
    on_hangup
        Called once when the call is over, with the reason: ``bye`` (by the peer), ``hangup`` (by us), ``cancelled``,
        ``rejected``, ``no-ack``, ``no-media`` or ``gone`` (the peer does not know the call any more).
    on_refer
        Awaited with the URI that the peer wants us to call instead (REFER, RFC 3515): a bot may follow it with
        :meth:`Agent.invite`. The peer is told that it went well when it returns, or the status of the CallRefused that
        it raises. While it is None the peer is told that we do not do that.

    The other two may be plain or coroutine functions; what they raise is logged and harms nobody.
    """

    def __init__(self, signalling: SipCall, media: CallMedia, voice: Voice, rate_hz: int, spawn: Spawn) -> None:
        self.rate = rate_hz
        self.state = CallState.RINGING
        self.held = False
        self.on_key: Callable[[str], object] | None = None
        self.on_hangup: Callable[[str], object] | None = None
        self._on_refer: OnRefer | None = None
        self._sip = signalling
        self._media = media
        self._voice = voice
        self._spawn = spawn
        self._keys = KeyEntry()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        signalling.on_ended = self._finish
        signalling.on_reinvite = self._reinvited
        signalling.on_answer = lambda answer: self._spawn(media.accept(answer))
        signalling.on_info = self._informed

    @property
    def on_refer(self) -> OnRefer | None:
        """Who is asked to call somebody else."""
        return self._on_refer

    @on_refer.setter
    def on_refer(self, asked: OnRefer | None) -> None:
        self._on_refer = asked
        self._sip.on_refer = None if asked is None else self._referred

    async def _referred(self, target: Address) -> None:
        if self._on_refer is not None:
            await self._on_refer(str(target.uri))

    @property
    def remote_uri(self) -> str:
        """Who is at the other end: the URI of their From or To header."""
        return self._sip.remote_uri

    @property
    def remote_name(self) -> str:
        """The display name that came with it; empty when there was none."""
        return self._sip.remote.display or ""

    @property
    def direction(self) -> str:
        """``in`` or ``out``."""
        return self._sip.direction

    async def accept(self) -> None:
        """Answer an incoming call; returns when the caller has confirmed it.

        Raises
        ------
        CallEnded
            The caller gave up or hung up, or the call was decided before.
        SdpError
            We have no codec in common; the caller got 488, or BYE if it let us offer.
        """
        self._require(CallState.RINGING)
        offer = self._sip.remote_sdp
        try:
            description = self._media.offer() if offer is None else await self._media.answer(offer)
            await self._sip.answer(description)
            if offer is None:
                await self._media.accept(self._sip.remote_sdp or "")
        except SdpError as error:
            self._sip.reject(488, None, [("Warning", f'399 softphone "{error}"'.replace("\n", " "))])
            self._spawn(self._sip.bye())
            raise
        self._require(CallState.RINGING)  # they may have hung up right behind their ACK
        self.state = CallState.CONNECTED

    async def reject(self, status: int = 486, reason: str | None = None) -> None:
        """Refuse an incoming call.

        Parameters
        ----------
        status
            486 busy here, 480 not now, 603 declined (RFC 3261 section 21), or another final code from 300.
        reason
            The phrase beside it; the usual one when not given.

        Raises
        ------
        CallEnded
            The caller gave up, or the call was decided before.
        """
        self._require(CallState.RINGING)
        self._sip.reject(status, reason)

    def frames(self) -> FrameStream:
        """Listen: ``async for frame in call.frames()`` gives int16, shape (samples,), 20 ms each, until the hang-up.

        There is no voice gate: what the peer sends is what comes, silence included. Each stream holds the last second
        (50 frames); a reader further behind loses the oldest, counted in ``stream.dropped``. Streams are independent.
        """
        return self._voice.frames()

    async def write(self, samples: NDArray[np.int16]) -> None:
        """Speak; returns when at most 60 ms wait to be sent, so a loop of writes runs at the speed of the call.

        Parameters
        ----------
        samples
            int16, shape (n,), any n, at ``rate``. -32768 is sent as -32767.

        Raises
        ------
        CallEnded
            The call is over.
        AudioError
            The array has another shape or kind.
        """
        self._require(CallState.CONNECTED)
        await self._voice.write(samples)

    async def play(self, sound: str | Path | NDArray[np.int16]) -> None:
        """Speak a file of any rate and format, or an array as in :meth:`write`; returns when its last sample is sent.

        Cancel it to stop in the middle.

        Raises
        ------
        AudioError
            The file is missing or no audio file.
        CallEnded
            The call is over.
        """
        if isinstance(sound, str | Path):
            sound = await asyncio.to_thread(audio.load, sound, self.rate)
        await self.write(sound)
        await self.drain()

    async def drain(self) -> None:
        """Return when everything that was written has been sent.

        Raises
        ------
        CallEnded
            The call is over.
        """
        await self._voice.drain()

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
        AudioError
            The file cannot be made, or the call is being recorded already.
        CallEnded
            The call is over.
        """
        if self.state is CallState.ENDED:
            raise CallEnded("the call is over, there is nothing to record")
        self._voice.record(path, rate_hz)

    def stop_recording(self) -> float:
        """Close the recording; returns its length in seconds, 0 when there was none.

        Raises
        ------
        AudioError
            The last samples could not be written.
        """
        return self._voice.stop_recording()

    async def send_keys(self, keys: str, method: KeyMethod = "rfc4733") -> None:
        """Press keys, one after the other; returns when they are sent.

        Parameters
        ----------
        keys
            Of ``0-9 * # A-D``.
        method
            ``rfc4733``: telephone events in the media, or SIP INFO when the peer did not agree to those.
            ``info``: SIP INFO with application/dtmf-relay. ``inband``: the two tones themselves.

        Raises
        ------
        ValueError
            There is another character in `keys`.
        CallRefused
            The peer does not take INFO.
        CallEnded
            The call is over.
        """
        if not KEYS.fullmatch(keys.upper()):
            raise ValueError(f"keys are 0-9, *, # and A-D, not {keys!r}")
        self._require(CallState.CONNECTED)
        if method == "inband":
            await self.play(dtmf(keys.upper(), self.rate))
        elif method == "rfc4733" and self._media.sends_events:
            await self._media.send_keys(keys.upper())
        else:
            await self._send_info(keys.upper())

    async def hold(self) -> None:
        """Stop hearing the peer, who is told so (re-INVITE with ``sendonly``, RFC 3264 section 8.4).

        Raises
        ------
        CallRefused
            The peer declined; nothing has changed.
        CallEnded
            The call is over.
        """
        await self._offer(held=True)

    async def unhold(self) -> None:
        """Take the peer back from hold; raises as :meth:`hold`."""
        await self._offer(held=False)

    async def hangup(self) -> None:
        """End the call, or refuse it when it was still ringing; nothing happens when it is over."""
        if self.state is CallState.RINGING:
            await self.reject(480)
        elif self.state is CallState.CONNECTED:
            await self._sip.bye()

    async def wait_ended(self) -> str:
        """Wait for the end of the call; returns the reason, as ``on_hangup`` gets it."""
        return await asyncio.shield(self._over)

    async def stats(self) -> LegStats:
        """Return loss, jitter, round trip and the other counters of the call; after its end, those at the end."""
        return await self._media.stats()

    def key_pressed(self, key: str, way: KeyWay = "event", held_s: float = 0.0) -> None:
        """Tell the application of a key, once by however many ways it came; called with what media and INFO say."""
        if self._keys.press(key, way, asyncio.get_running_loop().time(), held_s):
            self._notify(self.on_key, key)

    async def media_lost(self) -> None:
        """Hang up because nothing came from the peer for too long; called by the agent."""
        if self.state is CallState.CONNECTED:
            self._finish("no-media")
            await self._sip.bye([("Reason", 'SIP;cause=200;text="No media"')])

    async def connect(self, answer: str) -> None:
        """Take the answer to the offer of an outgoing call; called by the agent."""
        await self._media.accept(answer)
        self.state = CallState.CONNECTED

    def _require(self, state: CallState) -> None:
        if self.state is not state:
            raise CallEnded(f"the call is {self.state.value}, not {state.value}")

    async def _offer(self, *, held: bool) -> None:
        self._require(CallState.CONNECTED)
        answer = await self._sip.reinvite(self._media.offer("sendonly" if held else "sendrecv"))
        await self._media.accept(answer)
        self.held = held

    async def _reinvited(self, offer: str | None) -> str:
        """Answer the peer's re-INVITE; when it holds no offer, ours goes into the answer."""
        direction = "sendonly" if self.held else "sendrecv"
        if offer is None:
            return self._media.offer(direction)
        return await self._media.answer(offer, direction)

    async def _send_info(self, keys: str) -> None:
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(INFO_GAP_S)
            status = await self._sip.info(INFO_TYPES[0], f"Signal={key}\r\nDuration={INFO_KEY_MS}\r\n")
            if status >= 300:
                raise CallRefused(status, "the peer takes no keys by INFO")

    def _informed(self, content_type: str, body: bytes) -> None:
        if (found := info_key(content_type, body)) is not None:
            self.key_pressed(found.key, "info", found.held_s)

    def _finish(self, reason: str) -> None:
        """Tell everybody once that it is over, and give the media back."""
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self._voice.end()
        self._over.set_result(reason)
        self._spawn(self._media.close())
        self._notify(self.on_hangup, reason)

    def _notify(self, callback: Callable[[str], object] | None, argument: str) -> None:
        if callback is None:
            return
        try:
            result = callback(argument)
        except Exception:
            log.exception("a callback of the application failed")
            return
        if inspect.isawaitable(result):
            self._spawn(logged(result))


async def logged(awaitable: Awaitable[object]) -> None:
    try:
        await awaitable
    except Exception:
        log.exception("a callback of the application failed")
