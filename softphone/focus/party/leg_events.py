"""What a worker tells of a party's leg, handed to who has the party's call."""

import structlog

from softphone.focus.party.member import Member
from softphone.media.contract.leg import Event, KeyPressed, LegVoice, RtpTimeout, SrtpRefused

__all__ = ["react"]

log = structlog.get_logger()


def react(member: Member, event: Event) -> None:
    """Tell the keeper of a member what has happened to its leg."""
    match event:
        case KeyPressed(key=key, way=way) if member.pressed(key, way):
            member.keeper.key(member, key)
        case SrtpRefused(reason=reason):
            log.warning("media_refused", party=member.party.id, reason=reason)
        case RtpTimeout():
            member.keeper.silent(member)
        case _ if isinstance(event, LegVoice):
            member.keeper.noticed(member, event)
