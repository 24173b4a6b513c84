"""Transfer by REFER (RFC 3515, RFC 5589): another party takes the place of the transferor.

Either whoever it names is called, or, where the REFER names another call of the phone (RFC 3891), whoever is at the
other end of that one. In a conference they come in as further parties: `referrals`.

Who hands a call over may hang up before that is done, as one does who does not want to be told (RFC 4488): the other
end waits then, with music. If nobody takes it, whoever has handed it over is rung again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from mixer.rules.events import Join, Park, PeerHeld
from mixer.rules.roles import PartyKind, Role
from softphone.errors import BadMessage, CallRefused
from softphone.focus.commanding import acting, actor_of, told
from softphone.focus.errors import FocusError
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.forwarding import Forwarding
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import CANCELLED, NotReached
from softphone.focus.party.ringing import Ringing
from softphone.focus.room import moving
from softphone.focus.room.carried_out import recorded
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.replacement import became
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import CallEnd, Party, PartyAddress, PartyStatus
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers
from softphone.sip.message.uri import REPLACES, Uri, number_of, split_headers
from softphone.sip.ua.referral import Progressed
from softphone.tasks import Alarm
from softphone.text import shown

__all__ = ["Asked", "Transfers", "WayIn", "joins", "known_as", "nowhere", "other_end", "successor"]

WayIn = Callable[[str, str], Awaitable[ConferenceRoom | None]]
"""Gives the conference that a number leads to, for a call that the extension of this id hands over; None: to none."""

# Headers of the INVITE that a REFER may ask for (RFC 3891, RFC 3892).
PASSED = (REPLACES, "Require", "Referred-By")
# Who has handed its call over is told so, and hangs up; if it does not, we do.
PARTING_S = 1.0


class Asked:
    """Whom a REFER means, and what it says of the request (RFC 3261 section 19.1.5).

    Raises
    ------
    CallRefused
        400: that is none.
    """

    def __init__(self, target: Uri) -> None:
        try:
            uri, headers = split_headers(target)
            self.headers = tuple((name, value) for name, value in headers if name in PASSED)
            replaced = [Replaces.parse(value) for name, value in self.headers if name == REPLACES]
        except BadMessage as error:
            raise CallRefused(400) from error
        params = {name: value for name, value in uri.params.items() if name != "method"}
        self.uri = uri if uri.opaque else replace(uri, params=params, text="")
        self.replaces = replaced[0] if replaced else None


def known_as(member: Member) -> str:
    """Give the host that a member's telephone has called us by."""
    call = member.call
    return call.invite.uri.host if call is not None and call.direction == "in" else ""


def other_end(member: Member, wanted: Replaces | None, legs: Iterable[Member]) -> Member | None:
    """Find whom a member talks with in another call, which it names; None: that is no call of ours.

    Raises
    ------
    CallRefused
        403: it is the call of somebody else. 481: nobody is at the other end.
    """
    named = () if wanted is None else wanted.names()
    other = next((each for each in legs if each.call is not None and each.call.dialog.id in named), None)
    if other is None:
        return None
    if other.party.extension_id is None or other.party.extension_id != member.party.extension_id:
        raise CallRefused(403)
    if other.party.end is None or not other.keeper.keeps(other):
        raise CallRefused(481)
    found = next((each for each in other.keeper.members.values() if each is not other and not each.gone), None)
    if found is None:
        raise CallRefused(481)
    return found


def unheard(_status: int) -> None:
    """Tell nobody how far a call is."""


def joins(party: Party) -> Join:
    """Give what the rules are told of a party that comes in."""
    return Join(party.id, kind=PartyKind.OUTSIDE if party.extension_id is None else PartyKind.INSIDE)


class Transfers:
    """The places in a call of two that change hands, and who is rung for them: no longer than the call lasts.

    Parameters
    ----------
    room
        The call.
    dialer
        Rings whoever is to come.
    way_in
        Finds the conference that the call is handed into.

    Attributes
    ----------
    reminder
        When whoever has parked the call is rung again; None: nobody is.
    """

    def __init__(self, room: RuledRoom, dialer: Dialer, way_in: WayIn) -> None:
        self._way_in = way_in
        self.reminder: Alarm | None = None
        self._room = room
        self._dialer = dialer
        self._asking: set[Member] = set()
        self._ringing: set[Ringing] = set()
        self._closed = False

    def stop(self) -> None:
        """Let nobody ring any more who does now; who waits for that is told that it was cancelled."""
        for ringing in self._ringing:
            ringing.stop()

    def close(self) -> None:
        """Let nobody ring any more, now or later."""
        self._closed = True
        self.stop()
        if self.reminder is not None:
            self.reminder.set(None)

    def follow(self) -> None:
        """Let the phones of the call hand it over."""
        for member in self._room.members.values():
            self._follow(member)

    def _follow(self, member: Member) -> None:
        if member.call is not None:
            member.call.on_refer = lambda target, told: self._refer(member, target, told)

    async def _refer(self, member: Member, target: Address, progressed: Progressed) -> None:
        """Let whom a REFER means take a member's place; returns when that is done.

        Raises
        ------
        CallRefused
            It may not ask for that, or the status with which it failed; the call goes on.
        """
        room = self._room
        whom = {"session": room.session.id, "party": member.party.id, "target": shown(number_of(target.uri))}
        with acting(actor_of(member.party, "refer")), told("transfer", **whom):
            if target.uri.params.get("method", "INVITE") != "INVITE":
                raise CallRefused(501)
            if member.party.extension_id is None:
                raise CallRefused(403)
            asked = Asked(target.uri)
            heir = other_end(member, asked.replaces, room.context.legs.values())
            if heir is not None:
                self.hand_over(member, heir)
                return
            try:
                await self.transfer(member, asked, progressed)
            except FocusError as error:
                raise CallRefused(403) from error

    def wanted_by(self, member: Member) -> bool:
        """Say whether a member is handing the call over."""
        return member in self._asking

    def leaves(self, member: Member) -> bool:
        """Take notice that a member has hung up; whether the other end waits for what becomes of its transfer."""
        if member not in self._asking or len(self._room.members) < 2:
            return False
        self._room.handle(Park(member.party.id, "transferred"))
        return True

    async def transfer(self, member: Member, asked: Asked, progressed: Progressed = unheard) -> None:
        """Ring somebody for the other end, who takes a member's place, or let the other end into a conference.

        Raises
        ------
        NotReached
            Nobody answered.
        FocusError
            The conference does not let it in.
        CallRefused
            487: the call was over by then. 491: it is being transferred already.
        """
        if member in self._asking:
            raise CallRefused(491)
        self._asking.add(member)
        try:
            await self._transfer(member, asked, progressed)
        finally:
            self._asking.discard(member)

    async def _transfer(self, member: Member, asked: Asked, progressed: Progressed) -> None:
        room = self._room
        number = self._dialer.spelled(str(asked.uri), known_as(member))
        conference = await self._way_in(number, member.party.extension_id or "")
        if conference is not None:
            self._hand_in(member, conference)
            return
        party = successor(member.party, self._dialer.whom(number))
        try:
            heir = await self._ring(member.party, party, number, asked.headers, progressed=progressed)
        except NotReached as error:
            if not room.keeps(member):
                room.context.tasks.start(self._return(member.party, error))
            raise
        if room.keeps(member) and not heir.gone:
            self.hand_over(member, heir)
        elif self.succeed(heir, party) is None:
            raise CallRefused(487)

    def _hand_in(self, member: Member, there: ConferenceRoom) -> None:
        """Let the other end of a member go into a conference, as its host if it is its owner; the call is over."""
        other = moving.other_end(self._room, member)
        extension = self._dialer.find(other.party.address.number) if other.party.extension_id else None
        host = extension is not None and extension.id == there.session.owner_id
        moving.move(other, there, extension, role=Role.MODERATOR if host else None)

    async def _return(self, left: Party, failed: NotReached) -> None:
        """Ring whoever has left and handed over in vain; the call is over if it does not answer."""
        try:
            if left.extension_id is None:
                raise failed
            await self.replace(left, left.address.number)
        except NotReached:
            self._room.close(failed.outcome.word)

    async def replace(self, left: Party, number: str, headers: Headers = (), *, account: str = "") -> Party:
        """Ring a number for who waits, and let whoever answers come in the place of a party that has left.

        Parameters
        ----------
        headers
            Further ones of the INVITE.
        account
            Id of the extension that answers for this; empty: of who has left.

        Raises
        ------
        NotReached
            Nobody answered, or nobody waits any more.
        """
        party = successor(left, self._dialer.whom(number))
        heir = await self._ring(left, party, number, headers, account)
        came = self.succeed(heir, party)
        if came is None:
            raise NotReached(CANCELLED)
        return came

    async def _ring(
        self,
        left: Party,
        party: Party,
        number: str,
        headers: Headers,
        account: str = "",
        progressed: Progressed = unheard,
    ) -> Member:
        """Call somebody for the other end of a party; raises NotReached."""
        room = self._room
        waits = next((each.party for each in room.members.values() if each.party is not left), left).address
        answers = account or left.extension_id or room.session.owner_id or ""
        caller = Caller(waits.number, waits.name, account=answers, headers=tuple(headers))
        ringing = Ringing(self._dialer, room.context, room.session)
        self._ringing.add(ringing)
        try:
            if self._closed:
                raise NotReached(CANCELLED)
            way = Forwarding(ringing, self._dialer, lambda _member, answer: progressed(answer.status))
            return await way.reach(number, lambda: room.context.member(party, room=room.room), caller)
        finally:
            self._ringing.discard(ringing)

    def succeed(self, heir: Member, like: Party, id: str = "") -> Party | None:
        """Let somebody in to who waits, and give its party; None: nobody does, and it is hung up on.

        Parameters
        ----------
        id
            Of the party; empty: a new one.
        """
        room = self._room
        party = replace(like, id=id or room.session.new_party_id(host=False))
        alone = len(room.members) == 1
        if heir.gone or not alone or room.ask(heir, party, joins(party)) is not None:
            Hangup(room.context, heir).say()
            return None
        room.progressed(party, PartyStatus.ANSWERED)
        room.session.became(party, party.address)
        self.follow()
        return party

    def hand_over(self, member: Member, heir: Member) -> None:
        """Let a member that is elsewhere take another one's place; the call that it has left ends."""
        room, party, held = self._room, member.party, member.media.held
        who = replace(heir.party.address, extension_id=heir.party.extension_id)
        room.members[party.id] = heir
        # Before it leaves where it is: the worker is told to move its leg before a room that it leaves is given back.
        heir.admit(room.room)
        heir.pass_to(room, party)
        room.recorder.left(party.id)
        room.context.tasks.start(_part(room.context, member))
        room.context.tasks.start(recorded(room, heir))
        became(room, party, who)
        if held is not heir.media.held:
            room.handle(PeerHeld(party.id, heir.media.held))
        self._follow(heir)


def successor(left: Party, who: PartyAddress) -> Party:
    """Make the party of somebody that comes in the place of one that leaves."""
    ends = (who, left.callee) if left.end is CallEnd.CALLER else (left.caller, who)
    return Party(left.id, *ends, left.direction, left.end, who.extension_id)


async def _part(context: Context, member: Member) -> None:
    """Hang up on who has handed its call over, and is no party any more."""
    parting = Hangup(context, member)
    member.take_out()
    await asyncio.sleep(PARTING_S)
    parting.say()


async def nowhere(_number: str, _account: str) -> ConferenceRoom | None:
    """Know no conference."""
    return None
