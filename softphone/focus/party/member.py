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
from collections.abc import Sequence

from mixer.rules.roles import Place
from softphone.calls.dtmf import KeyEntry, KeyWay, info_key
from softphone.errors import CallEnded, MediaError, NoSuchLeg, OtherWorker, SdpError, SipError
from softphone.focus.measured import Measured
from softphone.focus.party.call_owner import NOBODY, CallOwner
from softphone.focus.party.context import Context, Header
from softphone.focus.party.path import path_of
from softphone.focus.party.phone_requests import is_request
from softphone.focus.party.signalling import HttpCall, Signalling
from softphone.focus.session import Party, PartyStatus
from softphone.media.contract.messages import Configure, JoinRoom, LeaveRoom
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
    encrypted
        Whether its media has to be encrypted, whatever is configured.
    """

    def __init__(
        self,
        party: Party,
        context: Context,
        *,
        room: int | None = None,
        call: InviteSession | None = None,
        encrypted: bool = False,
    ) -> None:
        self.party = party
        self.keeper: CallOwner = NOBODY
        self.media = context.leg(call, encrypted=encrypted)
        self.media.on_open = lambda leg: context.legs.opened(leg, self)
        self.media.on_change = self._changed
        self._context = context
        self._client: HttpCall | None = None
        self._room = room
        self._keys = KeyEntry()
        self._answer: str | None = None
        self._inside = False
        self._ready = asyncio.Event()
        if call is not None:
            self.listen(call)

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
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self.media.held

    @property
    def inside(self) -> bool:
        """Whether it has been let into a room."""
        return self._inside

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
            self._agreed()

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
        client.on_ended = self._on_ended
        answer = await self.open(offer)
        self._progressed(self._standing)
        self._ready.set()
        return answer

    async def answer(self, headers: Sequence[Header] = ()) -> None:
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
            await asyncio.sleep(max(self._context.answer_delay_s, call.edge.pause_s))
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

    async def replace(self, call: InviteSession, headers: Sequence[Header] = ()) -> None:
        """Go on with another call, which takes the place of this one (RFC 3891): the same party, with all that it may.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
            Nothing has changed.
        """
        was_held = self.held
        await self.media.replace(call, headers)
        self._changed(was_held)

    async def progress(self, status: int, headers: Sequence[Header] = (), *, media: bool = False) -> None:
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

    async def early(self, answer: str) -> None:
        """Hear what a telephone or the network says before the call is answered; raises SdpError, MediaError."""
        if self.media.session.awaits_answer:
            await self.media.accept(answer, early=True)

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
        description = await self.media.answer(offer, self._room)
        self._agreed()
        for replaced in self._context.legs.older(self):
            replaced.hang_up()
        if self.leg is not None and self._room is not None and self._inside:
            await self._context.media.ask(JoinRoom(self.leg, self._room))
        await self.apply()
        return description

    def admit(self, room: int) -> None:
        """Put the leg into a room, out of the one it is in, soon; one that is not open yet when it is."""
        self._room, self._inside = room, True
        if self.leg is not None:
            self._context.tasks.start(self._enter(room))

    def take_out(self) -> None:
        """Take the leg out of its room, soon: it hears and says nothing there."""
        self._inside = False
        if self.leg is not None:
            self._context.tasks.start(self._context.media.ask(LeaveRoom(self.leg)))

    async def _enter(self, room: int) -> None:
        """Join a room; when that is on another worker, media moves there first. Who cannot is hung up on."""
        if self.leg is None:
            return
        try:
            await self._context.media.ask(JoinRoom(self.leg, room))
        except OtherWorker:
            try:
                await self.media.move(room)
                await self._context.media.ask(JoinRoom(self.leg, room))
            except (SipError, SdpError, MediaError) as error:
                self.hang_up([reason(error)])
                raise
        await self.apply()

    async def confirm(self, answer: str) -> None:
        """Take the peer's answer to the offer of its INVITE; raises SdpError, MediaError."""
        await self.media.accept(answer)
        self._ready.set()

    @property
    def _standing(self) -> PartyStatus:
        """How far its call is once it is answered."""
        return PartyStatus.HOLD if self.held else PartyStatus.ANSWERED

    def _agreed(self) -> None:
        """Take note of what is agreed on, or of whose it is."""
        self.party.path = path_of(self.media)
        self._context.legs.agreed(self)

    def _progressed(self, status: PartyStatus) -> None:
        self.party.status = status
        self.keeper.progressed(self.party, status)

    def _changed(self, was_held: bool) -> None:
        """Take note of what is agreed now; while it rings nobody is told."""
        self._agreed()
        self.refresh()
        if self.signalling is None or self.signalling.state is InviteState.EARLY:
            return
        self._progressed(self._standing)
        if self.held is not was_held:
            self.keeper.held(self, self.held)

    async def apply(self) -> None:
        """Tell the worker what the party may say and hear; who holds us is silent: its music is not for the room.

        Its call stands from the ACK on: a caller that has proved nothing is sent no silence before.
        """
        if self.leg is None:
            return
        party = self.party
        held = party.place is Place.HELD
        await self._context.media.ask(
            Configure(
                self.leg,
                muted=party.muted or held or self.held,
                deaf=party.deaf or held,
                gain_in=10.0 ** (party.volume_in_db / 20.0),
                gain_out=10.0 ** (party.volume_out_db / 20.0),
                answered=self.signalling is not None and self.signalling.is_confirmed,
            )
        )

    def refresh(self) -> None:
        """Apply what has changed, soon."""
        self._context.tasks.start(self.apply())

    def pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> bool:
        """Take a key that came by one way; whether the keeper is to hear of it: once, by however many ways it comes."""
        return self._keys.press(key, way, self._context.clock(), held_s)

    def hang_up(self, headers: Sequence[Header] = ()) -> None:
        """End the call, soon; one that is not answered yet is refused."""
        if self.signalling is not None:
            self._context.tasks.start(self.signalling.bye(headers))

    async def close(self) -> None:
        """Give the leg back; closing twice is no error."""
        self._ready.set()
        if (stats := await self.media.close()) is not None:
            self._context.measurements.note(measured := Measured.of(stats))
            if (quality := measured.quality) is not None:
                self._context.history.call_measured(self.party.call_id, quality)

    def _on_ended(self, reason: str) -> None:
        # Who waits for the answer of a call that is over waits no longer.
        self._ready.set()
        self.keeper.over(self, reason)

    def _on_info(self, content_type: str, body: bytes) -> None:
        found = info_key(content_type, body)
        if found is not None and self.pressed(found.key, "info", found.held_s):
            self.keeper.key(self, found.key)
        elif self.call is not None and self.call.edge.commands and is_request(content_type):
            self._context.tasks.start(self._context.requests.answer(self, body))
