"""Replacement of a party by another call: it takes over role, row and permissions, and the others go on talking."""

import structlog

from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.room.room import Room
from softphone.focus.session import Party, PartyAddress
from softphone.sip.ua.call import InviteSession
from softphone.text import shown

__all__ = ["became", "replace"]

log = structlog.get_logger()


async def replace(room: Room, member: Member, call: InviteSession, who: PartyAddress) -> None:
    """Let another call take the place of a member's (RFC 3891).

    Raises
    ------
    SdpError, NoCommonCodec, MediaError, CallEnded
        Nothing has changed.
    """
    if member.call is not None and "isfocus" in member.call.dialog.contact.params:
        call.dialog.as_focus()
    await member.replace(call, room.identity(member))
    became(room, member.party, who)


def became(room: Room, party: Party, who: PartyAddress) -> None:
    """Show from now on who a party is."""
    room.session.became(party, who)
    room.members[party.id].agreed()
    log.info("party_replaced", session=room.session.id, party=party.id, number=shown(who.number))
    room.news.publish(EventType.PARTY_CHANGED, party.id, number=who.number, name=who.name)
