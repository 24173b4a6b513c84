"""What the rules say of a conference alone: who waits, roles, whispers, the lock, the notices."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from mixer.rules.effects import (
    LockChanged,
    NoticesChanged,
    RoleChanged,
    UnknownKeys,
    Waits,
    WhisperChanged,
)
from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.room.effects import change
from softphone.focus.room.room import Room
from softphone.focus.session import ConferenceRole

__all__ = ["CARRIED_OUT"]

log = structlog.get_logger()


def _waits(room: Room, effect: Waits) -> None:
    member = room.arrive(effect.party)
    party = member.party
    member.take_out()
    room.publish(
        EventType.PARTY_WAITING,
        party.id,
        stage=effect.place.value,
        number=party.caller.number,
        name=party.caller.name,
    )


def _role_changed(room: Room, effect: RoleChanged) -> None:
    change(room, effect.party, role=ConferenceRole.of(effect.role).word)


def _whisper_changed(room: Room, effect: WhisperChanged) -> None:
    member = change(room, effect.party, whispers_to=effect.to)
    if member is not None:
        room.context.tasks.start(_whisper(room, member))


async def _whisper(room: Room, member: Member) -> None:
    """Tell the worker who hears a party: at once, and again when one of them who is just coming in has a leg."""
    coming = [listener for listener in _listeners(room, member) if listener.leg is None]
    await _aim(room, member)
    for listener in coming:
        await listener.ready()
        await _aim(room, member)


async def _aim(room: Room, member: Member) -> None:
    leg, to = await member.ready(), member.party.whispers_to
    legs = [listener.leg for listener in _listeners(room, member) if listener.leg is not None]
    await room.context.media.whisper(leg, None if to is None else legs)


def _listeners(room: Room, member: Member) -> list[Member]:
    """Those who hear it now instead of the room."""
    return [room.members[name] for name in member.party.whispers_to or () if name in room.members]


def _lock_changed(room: Room, effect: LockChanged) -> None:
    room.session.locked = effect.locked
    room.publish(EventType.CONFERENCE_CHANGED, locked=effect.locked)


def _notices_changed(room: Room, effect: NoticesChanged) -> None:
    room.session.notices = effect.on
    room.publish(EventType.CONFERENCE_CHANGED, notices=effect.on)


def _unknown_keys(room: Room, effect: UnknownKeys) -> None:
    # How many, never which: they may be somebody's code.
    log.info("unknown_keys", session=room.session.id, party=effect.party, count=len(effect.keys))


CARRIED_OUT: Mapping[type, Callable[[Any, Any], None]] = {
    Waits: _waits,
    RoleChanged: _role_changed,
    WhisperChanged: _whisper_changed,
    LockChanged: _lock_changed,
    NoticesChanged: _notices_changed,
    UnknownKeys: _unknown_keys,
}
