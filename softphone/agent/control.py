"""Control of one call by its agent: signalling, media, keys and the end. `Call` is its public interface."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple, Protocol

from softphone.agent.keys import KeysHeard
from softphone.agent.media import CallMedia
from softphone.agent.voice import Voice
from softphone.agent.whip import WhipCall
from softphone.calls.dtmf import INFO_TYPES, KeyEntry, KeyWay, info_key
from softphone.errors import CallEnded, CallRefused, MediaError, SdpError
from softphone.media.contract.leg import Event, KeyPressed, RtpTimeout
from softphone.sip.message.fields import reason, warning
from softphone.sip.ua.call import InviteSession
from softphone.tasks import Tasks

__all__ = ["GOODBYE_S", "CallControl", "CallState", "Errands", "Signalling"]

log = logging.getLogger(__name__)

# How long a key lasts in an INFO body, in ms, and the pause before the next one, in seconds: what telephones do.
INFO_KEY_MS = 160
INFO_GAP_S = 0.1

GOODBYE_S = 2.0
"""So long a peer that is hung up on may take to say that it has heard it: time for two repetitions over UDP. Whoever is
gone says nothing, and nobody is to wait half a minute for that."""


Signalling = InviteSession | WhipCall
"""What a call is signalled by."""


class CallState(Enum):
    """Where a call is. An outgoing call is handed to the application only when it is CONNECTED."""

    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"


class Errands(NamedTuple):
    """What runs beside an agent's calls: signalling that may be cut short, and callbacks that may not."""

    goodbyes: Tasks
    callbacks: Tasks


class Callbacks(Protocol):
    """What the application is told."""

    on_key: Callable[[str], object] | None
    on_hangup: Callable[[str], object] | None


class CallControl:
    """A call of an agent.

    Attributes
    ----------
    application
        Who is told; None: nobody yet.
    state
        Where the call is.
    leg
        Its SIP call and its media.
    keys
        Pressed by the peer, and not read yet.
    work
        What runs beside the call, and ends with it.
    over
        Has the reason when the call is over.
    """

    def __init__(self, signalling: Signalling, media: CallMedia, voice: Voice, errands: Errands) -> None:
        self.application: Callbacks | None = None
        self.state = CallState.RINGING if signalling.direction == "in" else CallState.CONNECTED
        self.voice = voice
        self.leg = media.leg
        self.keys = KeysHeard()
        self.work = Tasks(quiet=CallEnded)
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.media = media
        self._errands = errands
        self._entry = KeyEntry()
        self._spared: asyncio.Task[Any] | None = None
        media.seat(self)
        self._first = signalling
        if isinstance(signalling, InviteSession):
            self.leg.attach(signalling)
        signalling.on_ended = self._finish
        signalling.on_info = self._informed

    @property
    def signalling(self) -> Signalling:
        """What the call is signalled by; a SIP call changes when another takes its place."""
        return self.leg.call or self._first

    @property
    def sip(self) -> InviteSession:
        """The SIP call; raises CallRefused where there is none."""
        if self.leg.call is None:
            raise CallRefused(501, "a call by WHIP has no such request")
        return self.leg.call

    def require(self, state: CallState) -> None:
        """Raise CallEnded when the call is not where it has to be."""
        if self.state is not state:
            raise CallEnded(f"the call is {self.state.value}, not {state.value}")

    # --- its beginning and its end

    async def accept(self) -> None:
        """Answer an incoming call; see `Call.accept`."""
        self.require(CallState.RINGING)
        try:
            description = await self.leg.answer(self.sip.remote_sdp)
            self.require(CallState.RINGING)  # they may have given up meanwhile
            self.state = CallState.CONNECTED
            await self.leg.pick_up(description)
            await self.media.carried()
        except SdpError as error:
            self.sip.reject(488, None, [warning(error)])
            self.end_soon(error)
            raise
        except BaseException as error:
            self.end_soon(error)
            raise
        self.require(CallState.CONNECTED)  # they may have hung up right behind their ACK

    async def connect(self, answer: str) -> None:
        """Take the answer to the offer of an outgoing call.

        Raises
        ------
        SdpError, MediaError
            It is none, or the peer is not reached; the call is being hung up.
        """
        try:
            await self.leg.accept(answer)
            await self.media.carried()
        except BaseException as error:
            self.end_soon(error)
            raise

    async def offer(self, direction: str) -> None:
        """Offer the peer another direction; see `Call.hold`."""
        self.require(CallState.CONNECTED)
        _ = self.sip
        await self.leg.reinvite(direction)

    async def hangup(self, *, drain: bool = False) -> None:
        """End the call, and wait a moment for the peer to say that it has heard it; see `Call.hangup`."""
        if drain and self.state is CallState.CONNECTED:
            with suppress(CallEnded):
                await self.voice.speech.drain(self.media.hush)
        if self.state is not CallState.ENDED:
            self._spared = asyncio.current_task()  # work of the call's own may end it, and has the last word
            await asyncio.wait([self._errands.goodbyes.start(self.signalling.bye())], timeout=GOODBYE_S)

    async def fail(self) -> None:
        """Refuse with 500 a call that is still ringing, hang up another."""
        if self.state is CallState.RINGING:
            self.sip.reject(500)
        else:
            await self.hangup()

    def end_soon(self, error: BaseException | None = None) -> None:
        """Hang up without waiting for it; the peer is told what is wrong with its description (RFC 3326)."""
        if self.state is not CallState.ENDED:
            why = [reason(error)] if isinstance(error, SdpError | MediaError) else []
            self._errands.goodbyes.start(self.signalling.bye(why))

    def _finish(self, reason: str) -> None:
        """Tell everybody once that it is over, and give the media back."""
        if self.state is CallState.ENDED:
            return
        self.media.look()  # keys that were sent before the BYE count, and came another way
        self.state = CallState.ENDED
        self.voice.end()
        self.keys.end()
        self.work.cancel(but=self._spared)
        self.over.set_result(reason)
        self._errands.goodbyes.start(self.media.close())
        if self.application is not None:
            self._notify(self.application.on_hangup, reason)

    # --- keys

    async def send_keys(self, keys: str, *, events: bool) -> None:
        """Press keys: by telephone events where the peer takes them, if `events`, else by SIP INFO."""
        if events and self.leg.sends_events:
            await self.media.send_keys(keys)
            return
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(INFO_GAP_S)
            status = await self.sip.info(INFO_TYPES[0], f"Signal={key}\r\nDuration={INFO_KEY_MS}\r\n")
            if status >= 300:
                raise CallRefused(status, "the peer takes no keys by INFO")

    def _informed(self, content_type: str, body: bytes) -> None:
        if (found := info_key(content_type, body)) is not None:
            self._pressed(found.key, "info", found.held_s)

    def _pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> None:
        """Tell the application of a key, once by however many ways it came."""
        if self._entry.press(key, way, asyncio.get_running_loop().time(), held_s):
            self.keys.put(key)
            if self.application is not None:
                self._notify(self.application.on_key, key)

    def _notify(self, callback: Callable[[str], object] | None, argument: str) -> None:
        if callback is None:
            return
        try:
            result = callback(argument)
        except Exception:
            log.exception("a callback of the application failed")
            return
        if inspect.isawaitable(result):
            self._errands.callbacks.start(_awaited(result))

    # --- for the media plane

    def heard(self, event: Event) -> None:
        """Take what the media plane noticed."""
        match event:
            case KeyPressed(key=key, way=way):
                self._pressed(key, way)
            case RtpTimeout() if self.state is CallState.CONNECTED:
                self._finish("bye" if self.media.left else "no-media")
                self._errands.goodbyes.start(self.signalling.bye([("Reason", 'SIP;cause=200;text="No media"')]))
            case _:
                pass

    def skipped(self, ticks: int) -> None:
        """Take notice that for so many ticks nothing was heard nor said."""
        self.voice.skipped(ticks)


async def _awaited(result: Awaitable[object]) -> None:
    await result
