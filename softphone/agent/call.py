"""One call: answer, hold, DTMF, transfer, hang-up. `Talk`, its base class, has the audio."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal, get_args

from mixer.dtmf import dtmf
from softphone.agent.conference_state import ConferenceState
from softphone.agent.control import CallControl, CallState
from softphone.agent.line import OutboundLine
from softphone.agent.roster import watch
from softphone.agent.talk import Talk
from softphone.agent.transfer import hand_over
from softphone.media.contract.leg import LegStats

__all__ = ["Call", "KeyMethod"]

KeyMethod = Literal["rfc4733", "info", "inband"]
OnRefer = Callable[[str], Awaitable[object]]

KEYS = re.compile(r"[0-9*#A-D]+")


class Call(Talk):
    """A call, placed by :meth:`Agent.invite` or :meth:`Agent.join`, or handed to ``Agent.on_call``; not made by hand.

    Attributes
    ----------
    rate
        Samples per second of every frame of this call, in Hz.
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

    def __init__(self, control: CallControl, line: OutboundLine) -> None:
        super().__init__(control)
        self.on_key: Callable[[str], object] | None = None
        self.on_hangup: Callable[[str], object] | None = None
        self._on_refer: OnRefer | None = None
        self._line = line
        control.application = self

    # --- who, and whether

    @property
    def on_refer(self) -> OnRefer | None:
        """Who is asked to call somebody else."""
        return self._on_refer

    @on_refer.setter
    def on_refer(self, asked: OnRefer | None) -> None:
        self._on_refer = asked
        self._control.signalling.on_refer = None if asked is None else lambda target, _told: asked(str(target.uri))

    @property
    def remote_uri(self) -> str:
        """The URI of the peer, from its From or To header; of a WHIP session, the URL."""
        return str(self._control.signalling.remote.uri)

    @property
    def remote_name(self) -> str:
        """The display name of the peer; empty when there was none."""
        return self._control.signalling.remote.display or ""

    @property
    def direction(self) -> str:
        """``in`` or ``out``."""
        return self._control.signalling.direction

    @property
    def held(self) -> bool:
        """Whether this side has put the call on hold."""
        return self._control.leg.direction == "sendonly"

    async def accept(self) -> None:
        """Answer an incoming call; returns when the caller has confirmed it. Cancelled meanwhile, it hangs up.

        Raises
        ------
        CallEnded
            The caller gave up or hung up, or the call was decided before.
        SdpError
            We have no codec in common; the caller got 488, or BYE if it let us offer.
        """
        await self._control.accept()

    async def reject(self, status: int = 486, reason: str | None = None) -> None:
        """Refuse an incoming call; raises CallEnded when the caller gave up, or it was decided before.

        Parameters
        ----------
        status
            486 busy here, 480 not now, 603 declined (RFC 3261 section 21), or another final code from 300.
        reason
            The phrase beside it; the usual one when not given.
        """
        self._control.require(CallState.RINGING)
        self._control.sip.reject(status, reason)

    async def hangup(self, *, drain: bool = False) -> None:
        """End the call, or refuse it when it was still ringing; nothing happens when it is over.

        For us it is over at once; the peer is given two seconds to say that it has heard it.

        Parameters
        ----------
        drain
            Let everything that was written be sent first; no packet is sent after its last sample.
        """
        await self._control.hangup(drain=drain)

    async def wait_ended(self) -> str:
        """Wait for the end of the call; returns the reason, as ``on_hangup`` gets it."""
        return await asyncio.shield(self._control.over)

    async def transfer(self, to: "str | Call", *, timeout_s: float = 60.0) -> None:
        """Transfer the peer to another party (REFER, RFC 3515; RFC 5589 sections 6 and 7).

        Somebody is called (blind), or is the peer of another call of ours, which ends too (attended, RFC 3891).

        Returns when the peer says that it has reached them, and hangs up our call. A peer that does not want to say
        (RFC 4488), or that hangs up first, is taken at its word: it has accepted.

        Parameters
        ----------
        to
            As of :meth:`Agent.invite`, or a call that is connected.
        timeout_s
            How long the peer may ring them.

        Raises
        ------
        CallRefused
            The peer does not do that, or those whom it called refused; our call goes on.
        SipTimeout
            The peer did not say in time what became of it; our call goes on.
        BadMessage
            `to` is no SIP URI.
        CallEnded
            The call is over, or the other one is.
        ValueError
            `to` is this call.
        """
        whom = to._control if isinstance(to, Call) else str(self._line.complete(to))
        await hand_over(self._control, whom, str(self._line.identity), timeout_s)

    async def send_keys(self, keys: str, method: KeyMethod = "rfc4733") -> None:
        """Send DTMF digits, one after the other; returns when they are sent.

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
            There is another character in `keys`, or no such `method`.
        CallRefused
            The peer does not take INFO.
        CallEnded
            The call is over.
        """
        if not KEYS.fullmatch(keys.upper()):
            raise ValueError(f"keys are 0-9, *, # and A-D, not {keys!r}")
        if method not in get_args(KeyMethod):
            raise ValueError(f"keys are sent by {', '.join(get_args(KeyMethod))}, not {method!r}")
        self._control.require(CallState.CONNECTED)
        if method == "inband":
            await self.play(dtmf(keys.upper(), self.rate))
        else:
            await self._control.send_keys(keys.upper(), events=method == "rfc4733")

    def roster(self) -> AsyncIterator[ConferenceState]:
        """Yield the state of the conference at the other end, and again at each change (RFC 4575).

        It ends with the call, or when the conference tells of itself no more. A slow reader misses what was so
        meanwhile, and never what is so now.

        Raises
        ------
        CallRefused, SipTimeout, SipNetworkError
            (iterating) The peer tells of no conference: it is none, or not ours to watch, or it did not answer.
        CallEnded
            The call is over, or not answered yet.
        """
        self._control.require(CallState.CONNECTED)
        return watch(self._control.sip, self._line, self._control.over)

    async def hold(self) -> None:
        """Put the peer on hold (re-INVITE with ``sendonly``, RFC 3264 section 8.4).

        Raises CallRefused when it declines, and nothing has changed then; SdpError when its answer is none; CallEnded.
        """
        await self._control.offer("sendonly")

    async def unhold(self) -> None:
        """Resume a call on hold; raises as :meth:`hold`."""
        await self._control.offer("sendrecv")

    async def stats(self) -> LegStats:
        """Return loss, jitter, round trip and the other counters of the call; after its end, those at the end."""
        return await self._control.media.stats()
