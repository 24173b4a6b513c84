"""What the rules of a session say is done here, effect by effect, without a second thought."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Denied,
    Ended,
    HeldChanged,
    KeyPassed,
    LockChanged,
    Music,
    MuteChanged,
    NoticesChanged,
    PartyLeft,
    RecordingChanged,
    Refused,
    RoleChanged,
    Say,
    UnknownKeys,
    VolumeChanged,
    Waits,
    WhisperChanged,
)
from softphone.errors import MediaError
from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.room.room import Room
from softphone.focus.session import ConferenceRole

__all__ = ["CARRIED_OUT", "CONFERENCE", "change"]

log = structlog.get_logger()


# Who is where.


def _admitted(room: Room, effect: Admitted) -> None:
    member = room.arrive(effect.party)
    party = member.party
    member.admit(room.room)
    room.context.tasks.start(_recorded(room, member))
    room.publish(
        EventType.PARTY_JOINED,
        party.id,
        number=party.address.number,
        name=party.address.name,
        role=party.role.word if party.role else "",
        muted=effect.muted,
    )


async def _recorded(room: Room, member: Member) -> None:
    """Tell the recording of somebody who came in, once it has a leg."""
    await member.ready()
    if room.members.get(member.party.id) is member:
        room.recorder.joined(member)


def _party_left(room: Room, effect: PartyLeft) -> None:
    room.announcer.gone(effect.party)
    room.music.stop(effect.party)
    room.recorder.left(effect.party)
    member = room.members[effect.party]
    room.spoken.left(effect.party, moved=member.keeper is not room)
    room.see_off(member, effect.reason, effect.say)
    room.publish(EventType.PARTY_LEFT, effect.party, reason=effect.reason)


def _ended(room: Room, effect: Ended) -> None:
    room.wind_up(effect.reason)


# What a party may do and hear.


def change(room: Room, name: str, **changed: Any) -> Member | None:
    """Tell the worker and the watchers what changed of a party that is here."""
    member = room.members.get(name)
    if member is not None:
        member.refresh()
        room.publish(EventType.PARTY_CHANGED, name, **changed)
    return member


def _mute_changed(room: Room, effect: MuteChanged) -> None:
    change(room, effect.party, muted=effect.muted)


def _deaf_changed(room: Room, effect: DeafChanged) -> None:
    change(room, effect.party, deaf=effect.deaf)


def _held_changed(room: Room, effect: HeldChanged) -> None:
    change(room, effect.party, held=effect.held)


def _volume_changed(room: Room, effect: VolumeChanged) -> None:
    change(room, effect.party, volume_in_db=effect.input_db, volume_out_db=effect.output_db)


# What is heard.


def _say(room: Room, effect: Say) -> None:
    if effect.when_recording:
        room.recording.notice(effect)
    else:
        room.say(effect)


def _music(room: Room, effect: Music) -> None:
    member = room.members.get(effect.party)
    if effect.on and member is not None:
        room.music.start(member, effect.sound)
    else:
        room.music.stop(effect.party)


def _key_passed(room: Room, effect: KeyPassed) -> None:
    member = room.members.get(effect.party)
    if member is not None and member.leg is not None:
        room.context.tasks.start(_send_key(room, member.leg, effect.digit))


async def _send_key(room: Room, leg: int, digit: str) -> None:
    try:
        await room.context.media.send_keys(leg, digit)
    except MediaError as error:
        log.debug("key_not_sent", error=str(error))


# The recording.


def _recording_changed(room: Room, effect: RecordingChanged) -> None:
    room.recording.change(effect.state)


def _answered(room: Room, effect: Refused | Denied) -> None:
    """Do nothing: it is the answer to whoever asked."""


CARRIED_OUT: Mapping[type, Callable[[Any, Any], None]] = {
    Admitted: _admitted,
    Refused: _answered,
    Denied: _answered,
    PartyLeft: _party_left,
    Ended: _ended,
    MuteChanged: _mute_changed,
    DeafChanged: _deaf_changed,
    HeldChanged: _held_changed,
    VolumeChanged: _volume_changed,
    Say: _say,
    Music: _music,
    KeyPassed: _key_passed,
    RecordingChanged: _recording_changed,
}


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


CONFERENCE: Mapping[type, Callable[[Any, Any], None]] = {
    Waits: _waits,
    RoleChanged: _role_changed,
    WhisperChanged: _whisper_changed,
    LockChanged: _lock_changed,
    NoticesChanged: _notices_changed,
    UnknownKeys: _unknown_keys,
}
