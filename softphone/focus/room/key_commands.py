"""Commands that parties give by their telephones, as the log tells them."""

from typing import TYPE_CHECKING

import structlog

from mixer.rules.state import Carried
from softphone.focus.commanding import Actor
from softphone.focus.party.member import Member

if TYPE_CHECKING:
    from softphone.focus.room.conference import ConferenceRoom

__all__ = ["actor_of", "note_keys"]

log = structlog.get_logger()


def actor_of(member: Member, way: str) -> Actor:
    """Say who a party is that commands something."""
    return Actor(f"{'extension' if member.party.extension_id else 'caller'} {member.party.caller.number}", way)


def note_keys(room: "ConferenceRoom", carried: Carried) -> None:
    """Log a command by keys; what was typed besides may be a code and is not told."""
    member = room.members[carried.party]
    log.info(
        "command",
        command=carried.command,
        **actor_of(member, "keys").fields(),
        session=room.session.id,
        party=carried.party,
        **({"number": carried.number} if carried.number else {}),
        outcome="done" if carried.done else "refused",
    )
