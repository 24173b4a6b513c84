"""A phone hands its call over by REFER (RFC 3515; RFC 5589): somebody else takes its place with the other end.

Either whoever it names is called, or, where the REFER names another call of the phone (RFC 3891), whoever is at the
other end of that one. In a conference they come in as further parties: `referrals`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from mixer.rules.events import PeerHeld
from softphone.errors import BadMessage, CallRefused
from softphone.focus.commanding import acting, actor_of, told
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.forwarding import Forwarding
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.ringing import Ringing
from softphone.focus.room.carried_out import recorded
from softphone.focus.room.replacement import became
from softphone.focus.room.ruled import RuledRoom
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.message.fields import Address
from softphone.sip.message.uri import REPLACES, Uri, number_of, split_headers
from softphone.text import shown

__all__ = ["Asked", "follow", "hand_over", "known_as", "other_end", "transfer"]

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
            raise CallRefused(400, "Bad Request") from error
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
        raise CallRefused(403, "Forbidden")
    if other.party.end is None or not other.keeper.keeps(other):
        raise CallRefused(481)
    found = next((each for each in other.keeper.members.values() if each is not other and not each.gone), None)
    if found is None:
        raise CallRefused(481)
    return found


def follow(room: RuledRoom, dialer: Dialer) -> None:
    """Let the phones of a call of two hand it over."""
    for member in room.members.values():
        _follow(room, dialer, member)


def _follow(room: RuledRoom, dialer: Dialer, member: Member) -> None:
    if member.call is not None:
        member.call.on_refer = lambda target: _transfer(room, dialer, member, target)


async def _transfer(room: RuledRoom, dialer: Dialer, member: Member, target: Address) -> None:
    """Let whom a REFER means take a member's place; returns when that is done.

    Raises
    ------
    CallRefused
        It may not ask for that, or the status with which it failed; the call goes on.
    """
    whom = {"session": room.session.id, "party": member.party.id, "target": shown(number_of(target.uri))}
    with acting(actor_of(member.party, "refer")), told("transfer", **whom):
        if target.uri.params.get("method", "INVITE") != "INVITE":
            raise CallRefused(501, "Not Implemented")
        if member.party.extension_id is None:
            raise CallRefused(403, "Forbidden")
        asked = Asked(target.uri)
        heir = other_end(member, asked.replaces, room.context.legs.values())
        if heir is None:
            await transfer(room, dialer, member, asked)
        else:
            hand_over(room, dialer, member, heir)


async def transfer(room: RuledRoom, dialer: Dialer, member: Member, asked: Asked) -> None:
    """Ring somebody for the other end, who takes a member's place.

    Raises
    ------
    NotReached
        Nobody answered.
    CallRefused
        487: the call was over by then.
    """
    heir = await _ring(room, dialer, member, asked)
    if not room.keeps(member) or heir.gone:
        Hangup(room.context, heir).say()
        raise CallRefused(487)
    hand_over(room, dialer, member, heir)


async def _ring(room: RuledRoom, dialer: Dialer, member: Member, asked: Asked) -> Member:
    """Call somebody for the other end; raises NotReached."""
    left = next((each for each in room.members.values() if each is not member), member).party.address
    account = member.party.extension_id or room.session.owner_id or ""
    caller = Caller(left.number, left.name, account=account, headers=asked.headers)
    number = dialer.spelled(str(asked.uri), known_as(member))
    there = dialer.whom(number)

    def make() -> Member:
        party = replace(member.party, caller=there, callee=there, extension_id=there.extension_id, facts=None)
        return room.context.member(party, room=room.room)

    return await Forwarding(Ringing(dialer, room.context, room.session), dialer).reach(number, make, caller)


def hand_over(room: RuledRoom, dialer: Dialer, member: Member, heir: Member) -> None:
    """Let a member that is elsewhere take another one's place; the call that it has left ends."""
    party, held = member.party, member.media.held
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
    _follow(room, dialer, heir)


async def _part(context: Context, member: Member) -> None:
    """Hang up on who has handed its call over, and is no party any more."""
    parting = Hangup(context, member)
    member.take_out()
    await asyncio.sleep(PARTING_S)
    parting.say()
