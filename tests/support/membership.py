"""What is true of all members at all times: every live leg has one keeper, which lists it, and the books agree."""

from softphone.focus.focus import Focus
from softphone.focus.party.member import Member
from softphone.focus.room.room import Room


def astray(focus: Focus) -> list[str]:
    """Where the lists of who is here disagree; empty: nowhere."""
    legs = focus.context.legs.items()
    found = [f"leg {leg}: {member.party.id} has {member.leg}" for leg, member in legs if member.leg != leg]
    found += [f"leg {leg}: nobody keeps {m.party.id}" for leg, m in legs if not m.keeper.keeps(m)]
    found += [f"leg {leg}: found elsewhere" for leg, member in legs if not _found(focus, leg, member)]
    for room in focus.rooms.values():
        found += [f"{name}: not its keeper" for name, member in room.members.items() if member.keeper is not room]
        found += [f"{name}: its call is over" for name, member in room.members.items() if member.over]
        if set(room.members) != set(room.rules.parties):
            found.append(f"{room.session.id}: {list(room.members)}, ruled {list(room.rules.parties)}")
        calls: dict[str, list[str]] = {}
        for name, party in room.session.parties.items():
            calls.setdefault(party.extension_id or "", []).append(name)
        extensions = {member.party.extension_id for _, member in legs} | set(calls) | set(room.session._calls)
        found += [
            f"{each}: listed otherwise"
            for each in extensions - {"", None}
            if {party.id for party in room.session.calls_of(each or "")} != set(calls.get(each or "", []))
        ]
        found += [f"{name}: ruled otherwise" for name, member in room.members.items() if not _ruled(room, name, member)]
    return found


def _ruled(room: Room, name: str, member: Member) -> bool:
    """Whether a member is shown as the rules have it."""
    shown = (room.session.parties | room.session.hidden)[name]
    return shown is member.party and shown.id == name and shown.facts is room.rules.parties.get(name)


def _found(focus: Focus, leg: int, member: Member) -> bool:
    """Whether a leg is found by its ports, and by where its telephone takes media."""
    kept, info, remote = focus.context.legs, member.media.info, member.media.spec.remote
    ports = {port for port, there in kept._ports.items() if leg in there}
    telephones = [where for where, there in kept._telephones.items() if leg in there]
    extension = member.party.extension_id
    named = extension is not None and remote is not None and remote.port != 9
    agreed = member.media.session.agreement.negotiated is not None
    return ports == ({info.port, info.rtcp_port} if info else set()) and (
        not agreed or telephones == ([(extension, remote)] if named else [])
    )
