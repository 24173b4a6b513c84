"""REFER from a phone inside: the conference calls somebody in, or sends somebody away, and tells how that went.

RFC 4579 sections 5.5 and 5.11.
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from mixer.rules.events import Dial, Kick
from softphone.errors import BadMessage, CallRefused
from softphone.focus.commanding import acting, actor_of, told
from softphone.focus.errors import WrongState
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached
from softphone.focus.session import ConferenceRole
from softphone.sip.message.uri import REPLACES, Uri, headers_of, number_of
from softphone.text import shown

if TYPE_CHECKING:
    from softphone.focus.room.conference import ConferenceRoom
    from softphone.sip.message.fields import Address

__all__ = ["follow", "refer", "was_called"]


# Of the method that a REFER asks for.
COMMANDS = {"INVITE": "dial", "BYE": "kick"}


def was_called(member: Member) -> bool:
    """Whether we called a member; the others called us."""
    return member.call is not None and member.call.direction == "out"


def follow(room: "ConferenceRoom", member: Member) -> None:
    """Let a member's phone invite by REFER."""
    if member.call is not None:
        member.call.on_refer = lambda target: refer(room, member, target)


async def refer(room: "ConferenceRoom", member: Member, target: "Address") -> None:
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
                raise CallRefused(501, "Not Implemented")


def _send_away(room: "ConferenceRoom", member: Member, target: "Address") -> None:
    """Send away whom a moderator names, by a URI of the roster: of a call, or of a participant with all its calls."""
    if member.party.role is not ConferenceRole.HOST:
        raise CallRefused(403, "Forbidden")
    user = number_of(target.uri)
    named = [name for name, each in room.members.items() if user in (name, each.party.user(called=was_called(each)))]
    if not named:
        raise CallRefused(404, "Not Found")
    for party in named:
        room.handle(Kick(party))


async def _call_in(room: "ConferenceRoom", member: Member, target: "Address") -> None:
    """Call somebody in; returns when it is answered. Only our extensions may, and not in every state of the room."""
    if member.party.extension_id is None:
        raise CallRefused(403, "Forbidden")
    try:
        invitation = room.dial(Dial(str(_called(target.uri)), member.party.id), _known_as(member))
    except WrongState as error:
        raise CallRefused(403, "Forbidden") from error
    outcome = await asyncio.shield(invitation.outcome)
    if outcome is not None:
        raise NotReached(outcome)


def _known_as(member: Member) -> str:
    """Give the host that a member's telephone has called us by."""
    call = member.call
    return call.invite.uri.host if call is not None and call.direction == "in" else ""


def _called(uri: Uri) -> Uri:
    """Give whom a REFER means, without what the URI says of the request (RFC 3261 section 19.1.5).

    Raises
    ------
    CallRefused
        501: the call is to replace another (RFC 3891), which is not done; whoever is called would ring anew.
        400: its headers are none.
    """
    try:
        named = {name.lower() for name, _ in headers_of(uri)}
    except BadMessage as error:
        raise CallRefused(400, "Bad Request") from error
    if REPLACES.lower() in named:
        raise CallRefused(501, "Not Implemented")
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return uri if uri.opaque else replace(uri, params=params, headers="", text="")
