"""What is true of all members at all times: every live leg has one keeper, which lists it, and the books agree."""

from softphone.focus.focus import Focus
from softphone.focus.party.member import Member
from softphone.focus.room.room import Room


def astray(focus: Focus) -> list[str]:
    """Where the lists of who is here disagree; empty: nowhere."""
    legs = focus.context.legs.items()
    found = [f"leg {leg}: {member.party.id} has {member.leg}" for leg, member in legs if member.leg != leg]
    found += [f"leg {leg}: nobody keeps {m.party.id}" for leg, m in legs if not m.keeper.keeps(m)]
    for room in focus.rooms.values():
        found += [f"{name}: not its keeper" for name, member in room.members.items() if member.keeper is not room]
        found += [f"{name}: its call is over" for name, member in room.members.items() if member.over]
        if set(room.members) != set(room.rules.parties):
            found.append(f"{room.session.id}: {list(room.members)}, ruled {list(room.rules.parties)}")
        found += [f"{name}: ruled otherwise" for name, member in room.members.items() if not _ruled(room, name, member)]
    return found


def _ruled(room: Room, name: str, member: Member) -> bool:
    """Whether a member is shown as the rules have it."""
    shown = room.session.parties[name]
    return shown is member.party and shown.id == name and shown.facts is room.rules.parties.get(name)
