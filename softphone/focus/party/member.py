"""A party's call: its leg, what the party may say and hear, and the room that it is in.

A member is with one keeper at a time, who lists it and is told what its telephone does.

All comings and goings on one map::

    INVITE ──┬──────────────────────────► ConferenceRoom ◄──moved──► ConferenceRoom
             ├──► PinPrompt ──code, name───►    ▲
             │                              Ringing  (called in, has answered)
             │                                  ▼
             └───────────────────────────► CallRoom  (extension to extension)

    from wherever it is ──► Hangup ──► gone: a last word, BYE, the leg given back

A member changes hands in one place, `Member.pass_to`, which tells the keeper that had it. A conference takes a member
when its rules let it in or let it wait, and lets it go when they say that it left (`PartyLeft`): what they refuse stays
with who had it, as it was. So a live leg is never without a keeper that ends it, and never on two lists.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from softphone.calls.dtmf import KeyEntry, KeyWay, info_key
from softphone.calls.leg import CallLeg
from softphone.errors import CallEnded, MediaError, NoSuchLeg, SdpError, SipError
from softphone.focus.party.in_room import LegInRoom
from softphone.focus.party.legs import OpenLegs
from softphone.focus.party.phone_requests import is_request
from softphone.focus.party.services import Services
from softphone.focus.party.signalling import HttpCall, Signalling
from softphone.focus.session import Party, PartyStatus, TelephonySession
from softphone.media.contract.leg import LegInfo, LegVoice
from softphone.sip.message.fields import reason
from softphone.sip.message.message import Headers
from softphone.sip.ua.call import InviteSession, InviteState

__all__ = ["CallOwner", "Member"]


class CallOwner:
    """Has members, and is told what their telephones do. This one has none, and does nothing about it."""

    members: Mapping[str, "Member"] = MappingProxyType({})  # who talk with each other here, by the id of their party
    session: TelephonySession | None = None  # in whose room they are

    def keeps(self, member: "Member") -> bool:
        """Say whether a member is on its list."""
        return False

    def lost(self, member: "Member") -> None:
        """Strike a member from the list: another keeper has it now. It still has the name that it had here."""

    def key(self, member: "Member", digit: str) -> None:
        """Take a pressed key."""

    def over(self, member: "Member", reason: str) -> None:
        """Take notice that its call is over."""

    def noticed(self, member: "Member", event: LegVoice) -> None:
        """Take notice of what the worker hears of it."""

    def held(self, member: "Member", on: bool) -> None:
        """Take notice that its telephone put the call on hold, or took it back."""

    def silent(self, member: "Member") -> None:
        """Take notice that no media came for too long."""

    def progressed(self, party: Party, status: PartyStatus) -> None:
        """Take notice how far a party's call is."""


NOBODY = CallOwner()
"""Whose a call is before somebody takes it: it has no leg, so nothing is to be ended."""


class Member:
    """One call and its leg; nobody's, until a keeper takes it.

    Parameters
    ----------
    party
        What others see of it; kept up to date.
    services
        The focus's side.
    legs
        Where it enters its leg.
    media
        That leg.
    room
        Of the worker, where it is going to be let in; None: not yet known.
    """

    def __init__(
        self, party: Party, services: Services, legs: "OpenLegs[Member]", media: CallLeg, room: int | None
    ) -> None:
        self.party = party
        self.keeper: CallOwner = NOBODY
        self.media = media
        media.on_open, media.on_check, media.on_close = self._opened, legs.check, legs.closed
        media.on_change = self._changed
        self._services, self._legs = services, legs
        self._client: HttpCall | None = None
        self._place = LegInRoom(media, services.media, room)
        self._keys = KeyEntry()
        self._answer: str | None = None
        self._ready = asyncio.Event()

    @property
    def call(self) -> InviteSession | None:
        """The SIP call; None while it is still ringing somewhere, or where there is none."""
        return self.media.call

    @property
    def signalling(self) -> Signalling | None:
        """The way its client is spoken to: the SIP call, or what it has come by instead; None as for `call`."""
        return self._client or self.call

    @property
    def by_http(self) -> bool:
        """Whether its client has come by HTTP."""
        return self._client is not None

    def farewell(self, reason: str) -> None:
        """Tell a client that can be told it why it is about to be hung up on."""
        if self._client is not None:
            self._client.reason = reason

    @property
    def leg(self) -> int | None:
        """The number of its leg; None while there is none."""
        return self.media.number

    @property
    def inside(self) -> bool:
        """Whether it has been let into a room."""
        return self._place.inside

    def can_go(self, room: int) -> bool:
        """Whether its client can follow it into a room, by `LegInRoom.can_go`."""
        return self._place.can_go(room, self._client)

    @property
    def over(self) -> bool:
        """Whether its call has ended."""
        return self.signalling is not None and self.signalling.state is InviteState.ENDED

    @property
    def gone(self) -> bool:
        """Whether it is nothing any more: neither a call nor a leg, nor on its way to one."""
        return self.over or self.media.closed

    def pass_to(self, keeper: CallOwner, party: Party | None = None) -> None:
        """Change hands: `keeper` has it from now on, and who had it strikes it from its list.

        Parameters
        ----------
        party
            What others see of it there; None: the same as before.
        """
        before, self.keeper = self.keeper, keeper
        status = self.party.status
        if party is not None and party.id != self.party.id:
            self.party.moved_to = party.id
        if before is not keeper and before.keeps(self):
            before.lost(self)
        if party is not None:
            party.status, party.placed = status, self.party.placed
            if party.placed is not None and party.placed.answered:
                party.placed.parties.append(party.id)
            self.party = party
            self.agreed()

    def listen(self, call: InviteSession) -> None:
        """Make a call this member's, and hear of what becomes of it."""
        self.media.attach(call)
        call.on_ended = self._on_ended
        call.on_info = self._on_info

    async def join(self, client: HttpCall, offer: str | None) -> str:
        """Take a client that has come otherwise than by SIP: open its leg, and give our answer to its offer.

        Parameters
        ----------
        client
            Told when we hang up, and tells us when it goes.
        offer
            What it can, and where it is.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        self._client, self.media.known, self.media.source = client, client.known, client.source_host
        client.on_ended, self.media.ask_offer = self._on_ended, lambda: client.on_offer_wanted()
        answer = await self.open(offer)
        self._progressed(self._standing)
        self._ready.set()
        return answer

    async def answer(self, headers: Headers = ()) -> None:
        """Answer the call: open its leg, then 183 and 200 with the same description.

        Who may not be where its INVITE says gets no 183: it is sent as few bytes as an answer needs.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        call = self.call
        if call is None:
            raise CallEnded("there is no call to answer")
        local = self._answer or await self.open(call.remote_sdp)
        self._progressed(PartyStatus.PROCEEDING)
        late_offer = call.remote_sdp is None
        # A description in a 183 would be an offer: it goes there only where nothing else may (RFC 3262 section 5).
        if call.proved:
            await call.ring(183, local if not late_offer or call.wants_reliable else None, headers)
            await asyncio.sleep(max(self._services.answer_delay_s, call.edge.pause_s))
        # Before the 200 goes out: whoever has it may ask for the roster before the ACK is here.
        self._progressed(self._standing)
        try:
            await self.media.pick_up(local, headers)
        except (SdpError, MediaError) as error:
            self.hang_up([reason(error)])
            raise
        self.refresh()
        self._ready.set()

    async def step_in(self) -> None:
        """Answer the call, which has taken the place of a telephone that rang (RFC 3891 section 3).

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        if self.call is None:
            raise CallEnded("there is no call to answer")
        await self.media.pick_up(await self.media.answer(self.call.remote_sdp))
        self.refresh()
        self._ready.set()

    async def replace(self, call: InviteSession, headers: Headers = ()) -> None:
        """Go on with another call, which takes the place of this one (RFC 3891): the same party, with all that it may.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
            Nothing has changed.
        """
        was_held = self.media.held
        await self.media.replace(call, headers)
        self._changed(was_held)

    async def progress(self, status: int, headers: Headers = (), *, media: bool = False) -> None:
        """Tell the caller how far its call is, before it is answered.

        Parameters
        ----------
        media
            Whether there is something to be heard already: our answer goes along (RFC 3960 section 3.1), or our offer
            to who acknowledges provisional responses (RFC 3262).

        Raises
        ------
        SdpError, MediaError, CallEnded
        """
        call = self.call
        if call is None or call.state is not InviteState.EARLY:
            return
        media = (media or call.edge.single_progress) and (call.remote_sdp is not None or call.knows_reliable)
        if media and self._answer is None:
            self._answer = await self.open(call.remote_sdp)
        await call.ring(status, self._answer if media else None, headers)

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
        description = await self.media.answer(offer, self._place.room)
        self.agreed()
        for replaced in self._legs.older(self.leg):
            replaced.hang_up()
        await self._place.enter()
        await self._apply()
        return description

    def admit(self, room: int) -> "asyncio.Task[None] | None":
        """Put the leg into a room, out of the one it is in, soon; one that is not open yet (None) when it is."""
        self._place.room, self._place.inside = room, True
        return self._services.tasks.start(self._enter()) if self.leg is not None else None

    def take_out(self) -> None:
        """Take the leg out of its room, soon: it hears and says nothing there."""
        self._place.inside = False
        if self.leg is not None:
            self._services.tasks.start(self._place.leave())

    async def _enter(self) -> None:
        """Join a room; who cannot is hung up on."""
        try:
            await self._place.enter()
        except (SipError, SdpError, MediaError) as error:
            self.hang_up([reason(error)])
            raise
        await self._apply()

    async def confirm(self, answer: str) -> None:
        """Take the peer's answer to the offer of its INVITE; raises SdpError, MediaError."""
        await self.media.accept(answer)
        self._ready.set()

    @property
    def _standing(self) -> PartyStatus:
        """How far its call is once it is answered."""
        return PartyStatus.HOLD if self.media.held else PartyStatus.ANSWERED

    def _opened(self, info: LegInfo) -> None:
        self._legs.opened(info, self)

    def agreed(self) -> None:
        """Take note of what is agreed on, or of whose it is."""
        self.party.path = self._place.path
        self._legs.agreed(self.leg, self.party.extension_id, self.media.spec, held=self.media.held)

    def _progressed(self, status: PartyStatus) -> None:
        self.party.status = status
        self.keeper.progressed(self.party, status)

    def _changed(self, was_held: bool) -> None:
        """Take note of what is agreed now; while it rings nobody is told."""
        self.agreed()
        self.refresh()
        if self.signalling is None or self.signalling.state is InviteState.EARLY:
            return
        self._progressed(self._standing)
        if self.media.held is not was_held:
            self.keeper.held(self, self.media.held)

    async def _apply(self) -> None:
        answered = self.signalling is not None and self.signalling.is_confirmed
        await self._place.apply(self.party, answered=answered)

    def refresh(self) -> None:
        """Tell the worker what the party may say and hear, soon."""
        self._services.tasks.start(self._apply())

    def pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> bool:
        """Take a key that came by one way; whether the keeper is to hear of it: once, by however many ways it comes."""
        return self._keys.press(key, way, self._services.clock(), held_s)

    def hang_up(self, headers: Headers = ()) -> None:
        """End the call, soon; one that is not answered yet is refused."""
        if self.signalling is not None:
            self._services.tasks.start(self.signalling.bye(headers))

    async def close(self) -> None:
        """Give the leg back; closing twice is no error."""
        self._ready.set()
        if (stats := await self.media.close()) is not None:
            self._services.measured(self.party, stats)

    def _on_ended(self, reason: str) -> None:
        # Who waits for the answer of a call that is over waits no longer.
        self._ready.set()
        self.keeper.over(self, reason)

    def _on_info(self, content_type: str, body: bytes) -> None:
        found = info_key(content_type, body)
        if found is not None and self.pressed(found.key, "info", found.held_s):
            self.keeper.key(self, found.key)
        elif self.call is not None and self.call.edge.commands and is_request(content_type):
            asked = self._services.requests.answer(self.call, self.keeper.session, self.party, body)
            self._services.tasks.start(asked)
