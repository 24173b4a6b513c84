"""REFER from a phone inside (RFC 4579 section 5.5): the conference calls somebody in and tells how that went."""

from typing import TYPE_CHECKING

from mixer import conference as rules
from softphone.errors import CallRefused
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.member import Member

if TYPE_CHECKING:
    from softphone.focus.conference import ConferenceRoom
    from softphone.sip.fields import Address

__all__ = ["follow", "refer"]

# The words of an invitation that failed, as statuses again.
STATUS = {
    "unknown": 404,
    "busy": 486,
    "declined": 603,
    "no answer": 480,
    "not registered": 480,
    "no trunk": 404,
    "dropped": 487,
}


def follow(room: "ConferenceRoom", member: Member) -> None:
    """Let a member's phone invite by REFER."""
    if member.call is not None:
        member.call.on_refer = lambda target: refer(room, member, target)


async def refer(room: "ConferenceRoom", member: Member, target: "Address") -> None:
    """Call somebody in; returns when it is answered.

    Raises
    ------
    CallRefused
        Only our extensions may; nobody may now; or the status with which it failed.
    """
    if member.party.extension_id is None or target.uri.params.get("method", "INVITE") != "INVITE":
        raise CallRefused(403, "Forbidden")
    news = room.context.feed.subscribe()
    try:
        invitation = room.dial(rules.Dial(target.uri.user or "", member.party.id))
    except WrongState as error:
        raise CallRefused(403, "Forbidden") from error
    async for event in news:
        if event.session != room.session.id or event.data.get("invitation") != invitation.id:
            continue
        if event.type is EventType.INVITATION_ANSWERED:
            return
        if event.type is EventType.INVITATION_FAILED:
            raise CallRefused(STATUS.get(event.data["reason"], 480))
