"""REFER from a phone inside: the conference calls somebody in, or sends somebody away, and tells how that went.

RFC 4579 sections 5.5 and 5.11.
"""

import asyncio

from mixer.rules.events import Kick
from mixer.rules.room_events import Dial
from softphone.errors import CallRefused
from softphone.focus.commanding import acting, actor_of, told
from softphone.focus.errors import WrongState
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached
from softphone.focus.room.admission import Admission
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.transfers import Asked, known_as, other_end
from softphone.focus.session import ConferenceRole
from softphone.sip.message.fields import Address
from softphone.sip.message.uri import number_of
from softphone.text import shown

__all__ = ["refer", "was_called"]


# Of the method that a REFER asks for.
COMMANDS = {"INVITE": "dial", "BYE": "kick"}


def was_called(member: Member) -> bool:
    """Whether we called a member; the others called us."""
    return member.signalling is not None and member.signalling.direction == "out"


async def refer(room: ConferenceRoom, member: Member, target: Address) -> None:
    """Do what a REFER asks for; returns when that is done.

    Raises
    ------
    CallRefused
        It may not ask for that, or the status with which it failed.
    """
    method = target.uri.params.get("method", "INVITE") or ""
    whom = {"session": room.session.id, "party": member.party.id, "target": shown(number_of(target.uri))}
    with acting(actor_of(member.party, "refer")), told(COMMANDS.get(method, "refer"), **whom):
        match method:
            case "INVITE":
                await _call_in(room, member, target)
            case "BYE":
                _send_away(room, member, target)
            case _:
                raise CallRefused(501)


def _send_away(room: ConferenceRoom, member: Member, target: Address) -> None:
    """Send away whom a moderator names, by a URI of the roster: of a call, or of a participant with all its calls."""
    if member.party.role is not ConferenceRole.HOST:
        raise CallRefused(403)
    user = number_of(target.uri)
    named = [name for name, each in room.members.items() if user in (name, each.party.user(called=was_called(each)))]
    if not named:
        raise CallRefused(404)
    for party in named:
        room.handle(Kick(party))


async def _call_in(room: ConferenceRoom, member: Member, target: Address) -> None:
    """Call somebody in; returns when it is answered. Only our extensions may, and not in every state of the room."""
    if member.party.extension_id is None:
        raise CallRefused(403)
    asked = Asked(target.uri)
    partner = other_end(member, asked.replaces, room.context.legs.values())
    if partner is not None:
        _bring_in(room, partner)
        return
    room.invitations.headers = asked.headers
    try:
        invitation = room.dial(Dial(str(asked.uri), member.party.id), known_as(member))
    except WrongState as error:
        raise CallRefused(403) from error
    finally:
        room.invitations.headers = ()
    outcome = await asyncio.shield(invitation.outcome)
    if outcome is not None:
        raise NotReached(outcome)


def _bring_in(room: ConferenceRoom, partner: Member) -> None:
    """Let in somebody who talks with a party elsewhere; that call ends."""
    who = partner.party.address
    refused = room.admit(partner, Admission(who.number, who.name, room.dialer.find(who.number)))
    if refused is not None:
        raise CallRefused(486 if refused.reason == "full" else 403)
