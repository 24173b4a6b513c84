"""The media of one call: a session of offers and answers, and the leg on a media worker that carries it out.

Focus and agent have the same one. It answers the peer's offers within the call and makes ours. The worker is asked
first, and when it cannot do it, all is as it was (RFC 3261 section 14.2).

======================  ================================================  ============================================
INVITE                  focus                                             agent
======================  ================================================  ============================================
comes in, has an offer  ``answer(offer)`` -> 183; ``pick_up`` -> 200      ``open()``, ringing; the same, without a 183
comes in without one    ``answer(None)`` -> our offer; ``pick_up``        the same
goes out                ``answer(None)`` -> our offer; ``accept`` of      ``open()``, ``answer(None)``; ``accept``
                        each 183 with ``early``, and of the 200
the same, another call  ``attach``; ``answer(offer)``, ``pick_up``        the same
comes in its place
within the call         ``attach`` has it answered                        the same; ``reinvite(direction)`` holds
======================  ================================================  ============================================
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Literal

import msgspec

from softphone import sdp
from softphone.address import family_of
from softphone.calls import open_keys
from softphone.calls.names import Lookup, placed
from softphone.calls.nat import signalling_host
from softphone.calls.spec import leg_spec, suited
from softphone.codec import CODECS
from softphone.errors import CallEnded, CallRefused, MediaError, SdpError
from softphone.media.contract.leg import LegInfo, LegSpec, LegStats
from softphone.media.contract.messages import CloseLeg, MediaRequest, OpenLeg, UpdateLeg
from softphone.media.workers.client import Media
from softphone.sdp import Agreement, MediaSession
from softphone.sip.message.message import Headers
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.srtp import Encryption
from softphone.tasks import Tasks

__all__ = ["CallLeg"]


class CallLeg:
    """The media of one call.

    Parameters
    ----------
    media
        Where the leg is opened.
    tasks
        What goes on without anybody waiting for it.
    codecs
        Names in order of preference.
    timeout_s
        See :func:`softphone.calls.spec.leg_spec`.
    lookup
        Knows the addresses of host names.

    Attributes
    ----------
    call
        The SIP call; None while it is still ringing somewhere, or where the peer came otherwise than by SIP.
    source
        The address that the signalling of such a peer comes from; None: not known.
    family
        Of the address that the peer is reached at, 4 or 6, as far as it is known before it says where its media goes.
    known
        Whether names that the peer gives in the place of addresses are looked up, and it is sent sound wherever it
        says: of whom we know, and have called.
    direction
        What we want of the stream; ``sendonly`` holds the peer.
    info
        Where we take media; None: there is no leg.
    spec
        What the media worker does.
    on_description
        Awaited with each description of the peer before it is read; raises MediaError where that cannot be met.
    on_check
        Told where the peer wants media to be sent, before it is; raises SdpError where it must not go.
    request
        Opens it, on the worker of a room.
    on_open, on_close
        Told of a leg that was opened, and the number of one that is being closed.
    on_change
        Told after each change of what is in force within a call, with whether the peer held us before.
    ask_offer
        Asks a peer that came otherwise than by SIP to offer anew; whether it can be asked.
    answered
        Set with each offer that is answered.
    """

    def __init__(
        self,
        media: Media,
        tasks: Tasks,
        *,
        codecs: Sequence[str] = CODECS,
        timeout_s: float = 30.0,
        lookup: Lookup | None = None,
    ) -> None:
        self.session = MediaSession.of(media, codecs)
        self.call: InviteSession | None = None
        self.source: str | None = None
        self.known, self.family = True, 0
        self.direction = "sendrecv"
        self.timeout_s = timeout_s
        self.info: LegInfo | None = None
        self.spec = leg_spec(self.session.agreement, None, timeout_s)
        self.on_description: Callable[[sdp.SessionDescription], Awaitable[object]] = _pass
        self.on_check: Callable[[LegSpec], object] = _ignore
        self.request: Callable[[LegSpec, int | None], MediaRequest[LegInfo]] = OpenLeg
        self.on_open: Callable[[LegInfo], object] = _ignore
        self.on_close: Callable[[int], object] = _ignore
        self.on_change: Callable[[bool], object] = _ignore
        self.ask_offer: Callable[[], bool] = lambda: False
        self.answered = asyncio.Event()
        self._media, self._tasks, self._lookup = media, tasks, lookup
        self._closed = self.obliged = False
        self._turn = asyncio.Lock()

    @property
    def number(self) -> int | None:
        """The number of the leg; None while there is none."""
        return None if self.info is None else self.info.leg

    @property
    def closed(self) -> bool:
        """Whether it was closed, or never will be opened."""
        return self._closed

    @property
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self.session.agreement.held

    def encrypt(self, encryption: Encryption | Literal[""]) -> None:
        """Let media be encrypted as a trunk wants it ("": it does not say), unless its room is `obliged` to."""
        if encryption and not self.obliged:
            self.session.encryption = encryption

    @property
    def cipher(self) -> str:
        """How media is encrypted: the profile of SRTP, or "DTLS", whose handshake chooses one; "": not."""
        if self.spec.ice or self.spec.dtls:
            return "DTLS"
        return "" if self.spec.srtp is None else self.spec.srtp.profile

    @property
    def sends_events(self) -> bool:
        """Whether the peer takes keys as telephone events (RFC 4733)."""
        agreed = self.session.agreement.negotiated
        return agreed is not None and agreed.event_payload_type is not None

    def attach(self, call: InviteSession) -> None:
        """Answer the offers of a call from now on."""
        if call.pending is not None:
            self.session.close_offer()  # of ours, that went to whose place the call takes
        self.call = call
        self.known = call.known
        call.on_reinvite = self.decide
        call.watch.on_refresh = self._refreshed
        call.on_answer = lambda answer: self._tasks.start(self.accept(answer))
        call.proof.told.append(lambda: self._tasks.start(self._trust()))

    async def open(self, room: int | None = None) -> None:
        """Open the leg on the worker of `room`, before anything is known of the peer; raises MediaError, CallEnded."""
        async with self._turn:
            await self.take(self.spec, room)

    async def answer(self, offer: str | None, room: int | None = None) -> str:
        """Return the answer to the peer's offer, which is in force then; without an offer one of ours.

        The leg is opened on the worker of `room` if that was not done before.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        async with self._turn:
            remote = await self._read(offer) if offer is not None else None
            agreement = self.session.read_offer(remote, self.direction) if remote else self.session.agreement
            if self.info is None and not self._closed:
                await self._begin(agreement, room)
            elif remote is not None:
                await self._change(agreement)
            self.answered.set()
            return self._offer(self.direction) if remote is None else self._answer(remote)

    async def accept(self, answer: str, *, early: bool = False) -> None:
        """Take the peer's answer to our open offer; an `early` one comes again, or another one, with the 200.

        Raises
        ------
        SdpError, MediaError
        """
        async with self._turn:
            await self._accept(answer, early=early)

    async def _accept(self, answer: str, *, early: bool = False) -> None:
        try:
            remote = await self._read(answer)
            await self._change(self.session.read_answer(remote))
        finally:
            if not early:
                self.session.close_offer()

    async def pick_up(self, local: str, headers: Headers = ()) -> None:
        """Accept an incoming call with what :meth:`open` or :meth:`answer` gave; returns when the ACK came.

        Raises
        ------
        SdpError, MediaError
            The answer in the ACK, or PRACK, is of no use; there is no call without one (RFC 3261 section 13.2.2.4).
        CallEnded
        """
        if self.call is None:
            raise CallEnded("there is no call to answer")
        await self.call.answer(local, headers)
        async with self._turn:
            if self.session.awaits_answer or self.session.agreement.negotiated is None:
                await self._accept(self.call.remote_sdp or "")

    async def replace(self, call: InviteSession, headers: Headers = ()) -> None:
        """Accept an incoming call in the place of the one that there is (RFC 3891), and hang that one up.

        Whoever was told of its end, its keys and its REFERs is told of the new one's.

        Raises
        ------
        SdpError, MediaError, CallEnded
            Nothing has changed.
        """
        old = self.call
        if old is None:
            raise CallEnded("there is no call to replace")
        told, old.on_ended = old.on_ended, None
        before = self.session.agreement
        self.attach(call)
        try:
            await self.pick_up(await self.answer(call.remote_sdp), headers)
        except BaseException:
            if call.state is not InviteState.EARLY:
                self._tasks.start(call.bye())
            await self._restore(old, before)
            old.on_ended = told
            raise
        call.on_ended, call.on_info, call.on_refer = told, old.on_info, old.on_refer
        self._tasks.start(old.bye())

    async def _restore(self, old: InviteSession, agreement: Agreement) -> None:
        """Send to a call again whose place was not taken after all."""
        self.attach(old)
        self.session.close_offer()
        if not self._closed:
            with suppress(SdpError, MediaError):
                async with self._turn:
                    await self._change(agreement)

    async def reinvite(self, direction: str | None = None, *, anew: bool = False) -> None:
        """Offer anew, the same or another direction; who no longer waits for it has it done all the same.

        `anew`: with another key than before, as of `MediaSession.write_offer`.

        Raises
        ------
        CallRefused
            The peer declined; nothing has changed.
        SdpError, MediaError
            Its answer is none to our offer, or cannot be carried out.
        CallEnded, SipError
        """
        await asyncio.shield(self._tasks.start(self._reinvite(direction or self.direction, anew)))

    async def _reinvite(self, direction: str, anew: bool) -> None:
        if self.call is None:
            raise CallEnded("there is no call")
        try:
            answer = await self.call.reinvite(lambda: self._offer(direction, anew=anew))
        except BaseException:
            self.session.close_offer()
            raise
        await self.accept(answer)
        self.direction = direction

    async def close(self) -> LegStats | None:
        """Give the leg back, and say what it has seen; None when there is none any more."""
        self._closed = True
        number, self.info = self.number, None
        if number is None:
            return None
        self.on_close(number)
        return await self._media.ask(CloseLeg(number))

    def give_back(self, number: int) -> None:
        """Close a leg that another one has taken the place of."""
        self.on_close(number)
        self._tasks.start(self._media.ask(CloseLeg(number)))

    async def decide(self, offer: str | None) -> str:
        """Answer an offer of the peer: hold, unhold, a new address or codec; None asks for ours. Raises CallRefused."""
        try:
            return await self.answer(offer)
        except SdpError as error:
            raise CallRefused(488) from error
        except MediaError as error:
            raise CallRefused(500) from error

    async def _refreshed(self) -> None:
        """Offer again what is agreed on; the session is refreshed whatever the answer is worth."""
        with suppress(SdpError, MediaError):
            await self.reinvite()

    async def _read(self, description: str) -> sdp.SessionDescription:
        said, lookup = sdp.parse(description), self._lookup if self.known else None
        await self.on_description(read := await placed(said, lookup, self._media.families, self._signalled))
        return read

    @property
    def _signalled(self) -> str | None:
        """The address that the peer's signalling comes from."""
        return self.source if self.call is None else signalling_host(self.call)

    def _spec(self, agreement: Agreement) -> LegSpec:
        spec = leg_spec(agreement, source := self._signalled, self.timeout_s)
        if spec.remote is None:
            spec = msgspec.structs.replace(spec, family=family_of(source or "") or self.family)
        return spec if spec.ice else suited(spec, self.call, self.known, source)  # ICE shows where somebody is

    async def _trust(self) -> None:
        """Have the worker send freely to a peer that has shown to be where it says."""
        async with self._turn:
            if self.info is not None:
                self.spec = self._spec(self.session.agreement)
                self.info = await self._media.ask(UpdateLeg(self.info.leg, self.spec))

    async def take(self, spec: LegSpec, room: int | None) -> None:
        """Open a leg, in the place of the one that there is; who no longer waits for it has it all the same."""
        await asyncio.shield(self._tasks.start(self._opened(spec, room)))

    async def _opened(self, spec: LegSpec, room: int | None) -> None:
        self.info = await self._media.ask(self.request(spec, room))
        self.on_open(self.info)
        if self._closed:
            await self.close()
            raise CallEnded("the call ended while its leg was being opened")

    async def _begin(self, agreement: Agreement, room: int | None) -> None:
        """Open the leg with what is to be in force from its beginning."""
        spec = self._spec(agreement)
        await self.take(spec, room)
        try:
            self.on_check(spec)
        except SdpError:
            await self.close()
            raise
        self._commit(agreement, spec)

    async def _change(self, agreement: Agreement) -> None:
        """Have the worker do it; when it has said yes, it is in force."""
        spec = self._spec(agreement)
        self.on_check(spec)
        leg = self._open_info().leg
        try:
            self.info = await self._media.ask(UpdateLeg(leg, spec))
        except asyncio.CancelledError:  # it may have been done
            self._tasks.start(self._media.ask(UpdateLeg(leg, self.spec)))
            raise
        before = self.held
        self._commit(agreement, spec)
        self.on_change(before)

    def _commit(self, agreement: Agreement, spec: LegSpec) -> None:
        """Let it be in force; whom no silence betrays is asked whether it is there."""
        self.session.commit(agreement)
        self.spec = spec
        open_keys.notice(self.call, agreement.remote)
        if self.call is not None:
            self.call.watch.quiet(agreement.held or not spec.receives)

    def _answer(self, remote: sdp.SessionDescription) -> str:
        return self.session.write_answer(remote, self._open_info(), self.direction)

    def _offer(self, direction: str, *, anew: bool = False) -> str:
        return self.session.write_offer(self._open_info(), direction, anew=anew)

    def _open_info(self) -> LegInfo:
        if self.info is None:
            raise MediaError("the leg is closed")
        return self.info


async def _pass(_description: sdp.SessionDescription) -> None:
    """Take a description as it is."""


def _ignore(_what: object) -> None:
    """Do nothing."""
