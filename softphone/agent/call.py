"""One call, as its application sees it: answer, hold, keys, transfer, hang-up; `Talk` has what is heard and said."""

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from mixer.dtmf import dtmf
from softphone.agent.line import OutboundLine
from softphone.agent.media import CallMedia
from softphone.agent.talk import CallState, Talk
from softphone.agent.transfer import transfer
from softphone.agent.voice import Voice
from softphone.calls.dtmf import INFO_TYPES, KeyEntry, KeyWay, info_key
from softphone.errors import CallEnded, CallRefused, MediaError, SdpError
from softphone.media.contract.leg import Event, KeyPressed, LegStats, RtpTimeout
from softphone.sip.message.fields import Address, reason, warning
from softphone.sip.ua.call import InviteSession
from softphone.tasks import Tasks

__all__ = ["GOODBYE_S", "Call", "CallState", "Errands", "KeyMethod"]

log = logging.getLogger(__name__)

KeyMethod = Literal["rfc4733", "info", "inband"]
OnRefer = Callable[[str], Awaitable[object]]

KEYS = re.compile(r"[0-9*#A-D]+")

# How long a key lasts in an INFO body, in ms, and the pause before the next one, in seconds: what telephones do.
INFO_KEY_MS = 160
INFO_GAP_S = 0.1

GOODBYE_S = 2.0
"""So long a peer that is hung up on may take to say that it has heard it: time for two repetitions over UDP. Whoever is
gone says nothing, and nobody is to wait half a minute for that."""


class Errands(NamedTuple):
    """What runs beside an agent's calls: signalling that may be cut short, and callbacks that may not."""

    goodbyes: Tasks
    callbacks: Tasks


class Call(Talk):
    """A call, placed by :meth:`Agent.invite` or handed to ``Agent.on_call``; not made by hand.

    Attributes
    ----------
    rate
        Samples per second of every frame of this call, in Hz.
    state
        RINGING (incoming and undecided), CONNECTED (from the 2xx on) or ENDED.
    on_key
        Called with each key that the peer presses (one of ``0-9 * # A-D``) by RFC 4733 or SIP INFO. The peer of a call
        into a conference is the bridge: what its other parties press goes to the bridge and reaches no bot.
    on_hangup
        Called once when the call is over, with the reason: ``bye`` (by the peer), ``hangup`` (by us), ``cancelled``,
        ``rejected``, ``no-ack``, ``no-media`` or ``gone`` (the peer does not know the call any more).
    on_refer
        Awaited with the URI that the peer wants us to call instead (REFER, RFC 3515): a bot may follow it with
        :meth:`Agent.invite`. The peer is told that it went well when it returns, or the status of the CallRefused that
        it raises. While it is None the peer is told that we do not do that.

    The other two may be plain or coroutine functions; what they raise is logged and harms nobody.
    """

    def __init__(
        self, signalling: InviteSession, media: CallMedia, voice: Voice, line: OutboundLine, errands: Errands
    ) -> None:
        super().__init__(voice, CallState.RINGING if signalling.direction == "in" else CallState.CONNECTED)
        self.on_key: Callable[[str], object] | None = None
        self.on_hangup: Callable[[str], object] | None = None
        self._on_refer: OnRefer | None = None
        self._sip = signalling
        self._media = media
        self._line = line
        self._errands = errands
        self._entry = KeyEntry()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        media.seat(self)
        media.leg.attach(signalling)
        media.leg.known |= line.knows(signalling.source.host)
        signalling.on_ended = self._finish
        signalling.on_info = self._informed

    # --- who, and whether

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
        return str(self._sip.remote.uri)

    @property
    def remote_name(self) -> str:
        """The display name that came with it; empty when there was none."""
        return self._sip.remote.display or ""

    @property
    def direction(self) -> str:
        """``in`` or ``out``."""
        return self._sip.direction

    @property
    def held(self) -> bool:
        """Whether we hold the peer."""
        return self._media.leg.direction == "sendonly"

    async def accept(self) -> None:
        """Answer an incoming call; returns when the caller has confirmed it. Cancelled meanwhile, it hangs up.

        Raises
        ------
        CallEnded
            The caller gave up or hung up, or the call was decided before.
        SdpError
            We have no codec in common; the caller got 488, or BYE if it let us offer.
        """
        self._require(CallState.RINGING)
        leg = self._media.leg
        try:
            description = await leg.answer(self._sip.remote_sdp)
            self._require(CallState.RINGING)  # they may have given up meanwhile
            self.state = CallState.CONNECTED
            await leg.pick_up(description)
        except SdpError as error:
            self._sip.reject(488, None, [warning(error)])
            self.end_soon(error)
            raise
        except BaseException as error:
            self.end_soon(error)
            raise
        self._require(CallState.CONNECTED)  # they may have hung up right behind their ACK

    def is_on(self, signalling: object) -> bool:
        """Whether this is its SIP call."""
        return self._sip is signalling

    async def replace(self, signalling: InviteSession) -> None:
        """Go on with another peer in the place of this one (RFC 3891).

        Raises
        ------
        SdpError, MediaError, CallEnded
            Nothing has changed.
        """
        await self._media.leg.replace(signalling)
        self._sip = signalling

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

    async def hangup(self, *, drain: bool = False) -> None:
        """End the call, or refuse it when it was still ringing; nothing happens when it is over.

        For us it is over at once; the peer is given two seconds to say that it has heard it.

        Parameters
        ----------
        drain
            Let everything that was written be sent first; no packet is sent after its last sample.
        """
        if drain and self.state is CallState.CONNECTED:
            with suppress(CallEnded):
                await self._voice.finish(self._media.hush)
        if self.state is not CallState.ENDED:
            self._spared = asyncio.current_task()  # work of the call's own may end it, and has the last word
            await asyncio.wait([self._errands.goodbyes.start(self._sip.bye())], timeout=GOODBYE_S)

    async def fail(self) -> None:
        """Refuse with 500 a call that is still ringing, hang up another."""
        if self.state is CallState.RINGING:
            await self.reject(500)
        else:
            await self.hangup()

    def when_over(self, told: "Callable[[Call], None]") -> None:
        """Let somebody know when the call is over."""
        self._over.add_done_callback(lambda _: told(self))

    def end_soon(self, error: BaseException | None = None) -> None:
        """Hang up without waiting for it; the peer is told what is wrong with its description (RFC 3326)."""
        if self.state is not CallState.ENDED:
            why = [reason(error)] if isinstance(error, SdpError | MediaError) else []
            self._errands.goodbyes.start(self._sip.bye(why))

    async def wait_ended(self) -> str:
        """Wait for the end of the call; returns the reason, as ``on_hangup`` gets it."""
        return await asyncio.shield(self._over)

    async def transfer(self, uri: str, *, timeout_s: float = 60.0) -> None:
        """Let the peer call somebody else instead of us (REFER, RFC 3515; RFC 5589 section 6, blind transfer).

        Returns when the peer says that it has reached them, and hangs up our call. A peer that does not want to say
        (RFC 4488), or that hangs up first, is taken at its word: it has accepted.

        Parameters
        ----------
        uri
            As of :meth:`Agent.invite`.
        timeout_s
            How long the peer may ring them.

        Raises
        ------
        CallRefused
            The peer does not do that, or those whom it called refused; our call goes on.
        SipTimeout
            The peer did not say in time what became of it; our call goes on.
        BadMessage
            `uri` is no SIP URI.
        CallEnded
            The call is over.
        """
        self._require(CallState.CONNECTED)
        await transfer(self._sip, str(self._line.complete(uri)), str(self._line.identity), self._over, timeout_s)
        await self.hangup()

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
        elif method == "rfc4733" and self._media.leg.sends_events:
            await self._media.send_keys(keys.upper())
        else:
            await self._send_info(keys.upper())

    async def hold(self) -> None:
        """Stop hearing the peer, who is told so (re-INVITE with ``sendonly``, RFC 3264 section 8.4).

        Raises
        ------
        CallRefused
            The peer declined; nothing has changed.
        SdpError
            Its answer is none to our offer.
        CallEnded
            The call is over.
        """
        self._require(CallState.CONNECTED)
        await self._media.leg.reinvite("sendonly")

    async def unhold(self) -> None:
        """Take the peer back from hold; raises as :meth:`hold`."""
        self._require(CallState.CONNECTED)
        await self._media.leg.reinvite("sendrecv")

    async def stats(self) -> LegStats:
        """Return loss, jitter, round trip and the other counters of the call; after its end, those at the end."""
        return await self._media.stats()

    # --- for the agent and the media plane

    async def connect(self, answer: str) -> None:
        """Take the answer to the offer of an outgoing call.

        Raises
        ------
        SdpError
            It is none; the call is being hung up.
        """
        try:
            await self._media.leg.accept(answer)
        except BaseException as error:
            self.end_soon(error)
            raise

    def heard(self, event: Event) -> None:
        """Take what the media plane noticed."""
        match event:
            case KeyPressed(key=key, way=way):
                self._pressed(key, way)
            case RtpTimeout() if self.state is CallState.CONNECTED:
                self._finish("no-media")
                self._errands.goodbyes.start(self._sip.bye([("Reason", 'SIP;cause=200;text="No media"')]))
            case _:
                pass

    def skipped(self, ticks: int) -> None:
        """Take notice that for so many ticks nothing was heard nor said."""
        self._voice.skipped(ticks)

    async def _send_info(self, keys: str) -> None:
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(INFO_GAP_S)
            status = await self._sip.info(INFO_TYPES[0], f"Signal={key}\r\nDuration={INFO_KEY_MS}\r\n")
            if status >= 300:
                raise CallRefused(status, "the peer takes no keys by INFO")

    def _informed(self, content_type: str, body: bytes) -> None:
        if (found := info_key(content_type, body)) is not None:
            self._pressed(found.key, "info", found.held_s)

    def _pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> None:
        """Tell the application of a key, once by however many ways it came."""
        if self._entry.press(key, way, asyncio.get_running_loop().time(), held_s):
            self._keys.put(key)
            self._notify(self.on_key, key)

    def _finish(self, reason: str) -> None:
        """Tell everybody once that it is over, and give the media back."""
        if self.state is CallState.ENDED:
            return
        self._media.look()  # keys that were sent before the BYE count, and came another way
        self.state = CallState.ENDED
        self._end()
        self._over.set_result(reason)
        self._errands.goodbyes.start(self._media.close())
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
            self._errands.callbacks.start(_awaited(result))


async def _awaited(result: Awaitable[object]) -> None:
    await result
