"""A party's call and its leg: offers and answers on one side, the media worker on the other.

A member is with one keeper at a time (`softphone.focus.party.owner`), who is told what its telephone does.
"""

import asyncio
from collections.abc import Sequence

from mixer.rules.roles import Place
from softphone import sdp
from softphone.calls.dtmf import KeyEntry, KeyWay, info_key
from softphone.calls.leg import Agreement, Describer
from softphone.calls.names import located
from softphone.calls.nat import signalling_host
from softphone.errors import (
    CallEnded,
    CallRefused,
    MediaError,
    NoSuchLeg,
    OtherWorker,
    SdpError,
    SipError,
    SoftphoneError,
)
from softphone.focus.context import Context, Header
from softphone.focus.party.owner import NOBODY, CallOwner
from softphone.focus.party.whereabouts import check_named, older
from softphone.focus.session import Party, PartyStatus
from softphone.media.contract.leg import LegInfo, MediaAddress
from softphone.sip.message.fields import reason
from softphone.sip.ua.call import InviteSession, InviteState

__all__ = ["Member"]


class Member:
    """One call and its leg; nobody's, until a keeper takes it.

    Parameters
    ----------
    party
        What others see of it; kept up to date.
    context
        The focus's side.
    room
        Of the worker, where it is going to be let in; None: not yet known.
    call
        The SIP call; None while it is still ringing somewhere.
    """

    def __init__(
        self, party: Party, context: Context, *, room: int | None = None, call: InviteSession | None = None
    ) -> None:
        self.party = party
        self.keeper: CallOwner = NOBODY
        self.leg: int | None = None
        self.call: InviteSession | None = None
        self._context = context
        self._media = context.media
        self._room = room
        self._agreement = Agreement.none(context.rtp_timeout_s)
        self._describer = Describer()
        self._info: LegInfo | None = None
        self._keys = KeyEntry()
        self._closed = False
        self._answer: str | None = None
        self._inside = False
        self._ready = asyncio.Event()
        if call is not None:
            self.listen(call)

    @property
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self._agreement.held

    @property
    def inside(self) -> bool:
        """Whether it has been let into a room."""
        return self._inside

    @property
    def over(self) -> bool:
        """Whether its call has ended."""
        return self.call is not None and self.call.state is InviteState.ENDED

    @property
    def gone(self) -> bool:
        """Whether it is nothing any more: neither a call nor a leg, nor on its way to one."""
        return self.over or self._closed

    @property
    def remote(self) -> MediaAddress | None:
        """Where the peer takes media; None while it has not said."""
        return self._agreement.spec.remote

    @property
    def info(self) -> LegInfo | None:
        """Where we take its media; None while it has no leg."""
        return self._info

    @property
    def signalled(self) -> str | None:
        """The host that its signalling comes from, where its media may come from there, too."""
        return self._agreement.spec.latch_host

    def pass_to(self, keeper: CallOwner, party: Party | None = None) -> None:
        """Change hands: `keeper` has it from now on, and who had it strikes it from its list.

        Parameters
        ----------
        party
            What others see of it there; None: the same as before.
        """
        before, self.keeper = self.keeper, keeper
        if before is not keeper and before.keeps(self):
            before.lost(self)
        if party is not None:
            party.status = self.party.status
            self.party = party

    def listen(self, call: InviteSession) -> None:
        """Make a call this member's, and hear of what becomes of it."""
        self.call = call
        call.on_ended = self._on_ended
        call.on_reinvite = self._on_reinvite
        call.on_answer = lambda answer: self._context.tasks.start(self.confirm(answer))
        call.on_info = self._on_info

    async def answer(self, headers: Sequence[Header] = ()) -> None:
        """Answer the call: open its leg, then 183 and 200 with the same description.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        call = self.call
        if call is None:
            raise CallEnded("there is no call to answer")
        local = self._answer or await self.open(call.remote_sdp)
        self.party.status = PartyStatus.PROCEEDING
        late_offer = call.remote_sdp is None
        # A description in a 183 would be an offer; without reliable provisional answers it may not be (RFC 3262).
        await call.ring(183, None if late_offer else local, headers)
        if self._context.answer_delay_s:
            await asyncio.sleep(self._context.answer_delay_s)
        # Before the 200 goes out: whoever has it may ask for the roster before the ACK is here.
        self.party.status = PartyStatus.HOLD if self.held else PartyStatus.ANSWERED
        await call.answer(local, headers)
        if late_offer:
            await self._confirm_late(call)
        else:
            self.refresh()
        self._ready.set()

    async def progress(self, status: int, headers: Sequence[Header] = (), *, media: bool = False) -> None:
        """Tell the caller how far its call is, before it is answered.

        Parameters
        ----------
        media
            Whether there is something to be heard already: our answer goes along (RFC 3960 section 3.1). A caller that
            wants our offer gets none: that needs reliable provisional answers (RFC 3262).

        Raises
        ------
        SdpError, MediaError, CallEnded
        """
        call = self.call
        if call is None or call.state is not InviteState.EARLY:
            return
        media = media and call.remote_sdp is not None
        if media and self._answer is None:
            self._answer = await self.open(call.remote_sdp)
        await call.ring(status, self._answer if media else None, headers)

    async def early(self, answer: str) -> None:
        """Hear what a telephone or the network says before the call is answered; raises SdpError, MediaError."""
        remote = await self._read(answer)
        if self.leg is not None and self._describer.awaits_answer:
            status = self.party.status
            await self._change(self.leg, self._next(self._describer.accept(remote, early=True)))
            self.party.status = status

    async def _confirm_late(self, call: InviteSession) -> None:
        """Take the answer that came in the ACK; without a good one there is no call (RFC 3261 section 13.2.2.4)."""
        try:
            await self.confirm(call.remote_sdp or "")
        except SoftphoneError as error:
            self.hang_up([reason(error)])
            raise

    async def ready(self) -> int:
        """Wait until the call is answered; give its leg.

        Raises
        ------
        NoSuchLeg
            The call is over.
        """
        await self._ready.wait()
        if self.leg is None or self.over:
            raise NoSuchLeg("the call is over")
        return self.leg

    async def open(self, offer: str | None) -> str:
        """Open the leg, and put it into the room if it has been let in.

        Parameters
        ----------
        offer
            Of the peer; None when it wants ours (RFC 3261 section 13.3.1).

        Returns
        -------
        str
            Our answer, or our offer; its answer then goes to :meth:`confirm`.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        remote = await self._read(offer) if offer is not None else None
        if remote is not None:
            self._agree(self._next(self._describer.choose(remote)))
        self._info = await self._media.open_leg(self._agreement.spec, room=self._room)
        self.leg = self._info.leg
        self._context.legs[self.leg] = self
        if self._closed:
            await self.close()
            raise CallEnded("the call ended while its leg was being opened")
        try:
            check_named(self._agreement.spec, self._context)
        except SdpError:
            await self.close()
            raise
        for replaced in older(self, list(self._context.legs.values())):
            replaced.hang_up()
        if self._room is not None and self._inside:
            await self._media.join(self.leg, self._room)
        await self.apply()
        return self._describe(remote)

    def admit(self, room: int) -> None:
        """Put the leg into a room, out of the one it is in, soon; one that is not open yet when it is."""
        self._room, self._inside = room, True
        if self.leg is not None:
            self._context.tasks.start(self._enter(room))

    def take_out(self) -> None:
        """Take the leg out of its room, soon: it hears and says nothing there."""
        self._inside = False
        if self.leg is not None:
            self._context.tasks.start(self._media.leave(self.leg))

    async def _enter(self, room: int) -> None:
        """Join a room; when that is on another worker, media moves there first. Who cannot is hung up on."""
        if self.leg is None:
            return
        try:
            await self._media.join(self.leg, room)
        except OtherWorker:
            try:
                await self._move(room)
            except (SipError, SdpError, MediaError) as error:
                self.hang_up([reason(error)])
                raise
        await self.apply()

    async def _move(self, room: int) -> None:
        """Take a leg on the worker of `room`, and ask the peer to send there (re-INVITE)."""
        old, call = self.leg, self.call
        if old is None or call is None:
            return
        self._info = await self._media.open_leg(self._agreement.spec, room=room)
        self.leg = self._info.leg
        self._context.legs[self.leg] = self
        try:
            await self.confirm(await call.reinvite(self._describe(None)))
            await self._media.join(self.leg, room)
        finally:
            self._context.legs.pop(old, None)
            self._context.tasks.start(self._media.close_leg(old))

    async def confirm(self, answer: str) -> None:
        """Take the peer's answer to our offer."""
        if self.leg is None or not self._describer.awaits_answer:
            return
        remote = await self._read(answer)
        if self.leg is None:
            return
        await self._change(self.leg, self._next(self._describer.accept(remote)))
        self._ready.set()

    async def reoffer(self, offer: str | None) -> str:
        """Answer a re-INVITE: hold, unhold, a new address or codec; None asks for our offer."""
        if self.leg is None:
            raise MediaError("the leg is closed")
        remote = await self._read(offer) if offer is not None else None
        if self.leg is None:
            raise MediaError("the leg is closed")
        if remote is not None:
            await self._change(self.leg, self._next(self._describer.choose(remote)))
        return self._describe(remote)

    async def _read(self, description: str) -> sdp.SessionDescription:
        """Read a description of the peer; names in it are looked up for whom we have called, and whom we know."""
        known = self.call is None or self.call.known
        return await located(sdp.parse(description), self._context.hosts if known else None)

    async def _change(self, leg: int, agreement: Agreement) -> None:
        """Let the worker do what was agreed; when it cannot, all is as before (RFC 3261 section 14.2)."""
        check_named(agreement.spec, self._context)
        self._info = await self._media.update_leg(leg, agreement.spec)
        before = self.held
        self._agree(agreement)
        await self.apply()
        self.party.status = PartyStatus.HOLD if self.held else PartyStatus.ANSWERED
        if self.held is not before:
            self.keeper.held(self, self.held)

    async def apply(self) -> None:
        """Tell the worker what the party may say and hear; who holds us is silent: its music is not for the room.

        Its call stands from the ACK on: a caller that has proved nothing is sent no silence before.
        """
        if self.leg is None:
            return
        party = self.party
        held = party.place is Place.HELD
        await self._media.configure(
            self.leg,
            muted=party.muted or held or self.held,
            deaf=party.deaf or held,
            gain_in=linear(party.volume_in_db),
            gain_out=linear(party.volume_out_db),
            answered=self.call is not None and self.call.is_confirmed,
        )

    def refresh(self) -> None:
        """Apply what has changed, soon."""
        self._context.tasks.start(self.apply())

    def pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> None:
        """Take a key that came by one way; the keeper hears of it once, by however many ways it comes."""
        if self._keys.press(key, way, self._context.clock(), held_s):
            self.keeper.key(self, key)

    def hang_up(self, headers: Sequence[Header] = ()) -> None:
        """End the call, soon; one that is not answered yet is refused."""
        if self.call is not None:
            self._context.tasks.start(self.call.bye(headers))

    async def close(self) -> None:
        """Give the leg back; closing twice is no error."""
        self._closed = True
        self._ready.set()
        leg, self.leg = self.leg, None
        if leg is not None:
            self._context.legs.pop(leg, None)
            await self._media.close_leg(leg)

    def _on_ended(self, reason: str) -> None:
        # Who waits for the answer of a call that is over waits no longer.
        self._ready.set()
        self.keeper.over(self, reason)

    async def _on_reinvite(self, offer: str | None) -> str:
        try:
            return await self.reoffer(offer)
        except SdpError as error:
            raise CallRefused(488, "Not Acceptable Here") from error
        except MediaError as error:
            raise CallRefused(500, "Server Internal Error") from error

    def _on_info(self, content_type: str, body: bytes) -> None:
        if (found := info_key(content_type, body)) is not None:
            self.pressed(found.key, "info", found.held_s)

    def _next(self, agreed: sdp.Negotiated) -> Agreement:
        """Give what holds once `agreed` is in force."""
        return self._agreement.after(agreed, None if self.call is None else signalling_host(self.call))

    def _agree(self, agreement: Agreement) -> None:
        """Let it be in force; whom no silence betrays is asked whether it is there."""
        self._agreement = agreement
        if self.call is not None:
            self.call.quiet(agreement.held or not agreement.spec.receives)

    def _describe(self, remote: sdp.SessionDescription | None) -> str:
        """Write our answer to `remote`, or our offer when there is none."""
        if self._info is None:
            raise MediaError("the leg is closed")
        return self._describer.offer(self._info) if remote is None else self._describer.answer(remote, self._info)


def linear(db: float) -> float:
    """Turn decibels into a factor."""
    return float(10.0 ** (db / 20.0))
