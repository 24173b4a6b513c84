"""The table of effects: the function of a room that carries out each effect of the rules."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from mixer.rules import effects, room_effects
from softphone.errors import MediaError
from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import ConferenceRole
from softphone.media.contract.messages import LevelVoices, SendKeys, Whisper

__all__ = ["CARRIED_OUT", "level_voices", "recorded"]

log = structlog.get_logger()


# Who is where.


def _admitted(room: RuledRoom, effect: effects.Admitted) -> None:
    # Before it leaves where it is: the worker is told to move its leg before a room that it leaves is given back.
    member = room.members.get(effect.party) or room.asking[effect.party][0]
    member.admit(room.room)
    party = room.arrive(effect.party).party
    if not party.hidden:
        room.context.tasks.start(recorded(room, member))
    room.news.publish(
        EventType.PARTY_JOINED,
        party.id,
        number=party.address.number,
        name=party.address.name,
        role=party.role.word if party.role else "",
        muted=effect.muted,
    )


async def recorded(room: RuledRoom, member: Member) -> None:
    """Tell the recording of somebody who came into the main room, once it has a leg."""
    await member.ready()
    if room.keeps(member) and not member.party.group:
        room.recorder.joined(member)


def _party_left(room: RuledRoom, effect: effects.PartyLeft) -> None:
    room.announcer.gone(effect.party)
    room.music.stop(effect.party)
    room.recorder.left(effect.party)
    member = room.members[effect.party]
    room.spoken.left(effect.party, moved=member.keeper is not room)
    room.see_off(member, effect.reason, effect.say)
    room.news.publish(EventType.PARTY_LEFT, effect.party, reason=effect.reason)


def _ended(room: RuledRoom, effect: effects.Ended) -> None:
    room.wind_up(effect.reason)


# What a party may do and hear.


def change(room: RuledRoom, name: str, **changed: Any) -> Member | None:
    """Tell the worker and the watchers what changed of a party that is here."""
    member = room.members.get(name)
    if member is not None:
        member.refresh()
        member.party.updated = datetime.now(UTC)
        room.news.publish(EventType.PARTY_CHANGED, name, **changed)
    return member


def _mute_changed(room: RuledRoom, effect: effects.MuteChanged) -> None:
    change(room, effect.party, muted=effect.muted)


def _talks_in_vain(room: RuledRoom, effect: effects.TalksInVain) -> None:
    room.news.publish(EventType.PARTY_IN_VAIN, effect.party)


def _deaf_changed(room: RuledRoom, effect: effects.DeafChanged) -> None:
    change(room, effect.party, deaf=effect.deaf)


def _held_changed(room: RuledRoom, effect: effects.HeldChanged) -> None:
    change(room, effect.party, held=effect.held)


def _volume_changed(room: RuledRoom, effect: effects.VolumeChanged) -> None:
    volume = {"volume_in_db": effect.input_db, "volume_out_db": effect.output_db, "level_voice": effect.levelled}
    change(room, effect.party, **volume)


def level_voices(room: RuledRoom, effect: effects.VoicesLevelled) -> None:
    """Have the voices of a room brought to one level, or left."""
    for each in room.premises.rooms():
        room.context.tasks.start(room.context.media.ask(LevelVoices(each, effect.on)))


def _labels_changed(room: RuledRoom, effect: effects.LabelsChanged) -> None:
    if effect.party in room.members:
        room.news.publish(EventType.PARTY_CHANGED, effect.party, labels=dict(effect.labels))


# What is heard.


def _say(room: RuledRoom, effect: effects.Say) -> None:
    if effect.when_recording:
        room.recording.notice(effect)
    else:
        room.premises.say(effect)


def _music(room: RuledRoom, effect: effects.Music) -> None:
    member = room.members.get(effect.party)
    if effect.on and member is not None:
        room.music.start(member, effect.sound)
    else:
        room.music.stop(effect.party)


def _key_passed(room: RuledRoom, effect: effects.KeyPassed) -> None:
    member = room.members.get(effect.party)
    if member is not None and member.leg is not None:
        room.context.tasks.start(_send_key(room, member.leg, effect.digit))


def _keys_told(room: RuledRoom, effect: effects.KeysTold) -> None:
    room.news.publish(EventType.PARTY_KEYS, effect.party, keys=effect.keys)


async def _send_key(room: RuledRoom, leg: int, digit: str) -> None:
    try:
        await room.context.media.ask(SendKeys(leg, digit))
    except MediaError as error:
        log.debug("key_not_sent", error=str(error))


# The recording.


def _recording_changed(room: RuledRoom, effect: room_effects.RecordingChanged) -> None:
    room.recording.change(effect.state)


def _answered(room: RuledRoom, effect: effects.Refused | effects.Denied | effects.Selected) -> None:
    """Do nothing: it is the answer to whoever asked."""


def _waits(room: RuledRoom, effect: effects.Waits) -> None:
    member = room.arrive(effect.party)
    party = member.party
    member.take_out()
    room.news.publish(
        EventType.PARTY_WAITING,
        party.id,
        stage=effect.place.value,
        number=party.caller.number,
        name=party.caller.name,
    )


def _role_changed(room: RuledRoom, effect: effects.RoleChanged) -> None:
    change(room, effect.party, role=ConferenceRole.of(effect.role).word)


def _whisper_changed(room: RuledRoom, effect: effects.WhisperChanged) -> None:
    member = change(room, effect.party, whispers_to=effect.to)
    if member is not None:
        room.context.tasks.start(_whisper(room, member))


async def _whisper(room: RuledRoom, member: Member) -> None:
    """Tell the worker who hears a party: at once, and again when one of them who is just coming in has a leg."""
    coming = [listener for listener in _listeners(room, member) if listener.leg is None]
    await _aim(room, member)
    for listener in coming:
        await listener.ready()
        await _aim(room, member)


async def _aim(room: RuledRoom, member: Member) -> None:
    leg, to = await member.ready(), member.party.whispers_to
    legs = [listener.leg for listener in _listeners(room, member) if listener.leg is not None]
    await room.context.media.ask(Whisper(leg, None if to is None else legs))


def _listeners(room: RuledRoom, member: Member) -> list[Member]:
    """Those who hear it now instead of the room."""
    return [room.members[name] for name in member.party.whispers_to or () if name in room.members]


def _lock_changed(room: RuledRoom, effect: room_effects.LockChanged) -> None:
    room.news.publish(EventType.CONFERENCE_CHANGED, locked=effect.locked)


def _restricted_changed(room: RuledRoom, effect: room_effects.RestrictedChanged) -> None:
    room.news.publish(EventType.CONFERENCE_CHANGED, restricted=effect.on)


def _notices_changed(room: RuledRoom, effect: room_effects.NoticesChanged) -> None:
    room.news.publish(EventType.CONFERENCE_CHANGED, notices=effect.on)


def _unknown_keys(room: RuledRoom, effect: effects.UnknownKeys) -> None:
    # How many, never which: they may be somebody's code.
    log.info("unknown_keys", session=room.session.id, party=effect.party, count=len(effect.keys))


CARRIED_OUT: Mapping[type, Callable[[Any, Any], None]] = {
    effects.Admitted: _admitted,
    effects.Refused: _answered,
    effects.Denied: _answered,
    effects.Selected: _answered,
    effects.LabelsChanged: _labels_changed,
    effects.PartyLeft: _party_left,
    effects.Ended: _ended,
    effects.MuteChanged: _mute_changed,
    effects.TalksInVain: _talks_in_vain,
    effects.DeafChanged: _deaf_changed,
    effects.HeldChanged: _held_changed,
    effects.VoicesLevelled: level_voices,
    effects.VolumeChanged: _volume_changed,
    effects.Say: _say,
    effects.Music: _music,
    effects.KeyPassed: _key_passed,
    effects.KeysTold: _keys_told,
    room_effects.RecordingChanged: _recording_changed,
    effects.Waits: _waits,
    effects.RoleChanged: _role_changed,
    effects.WhisperChanged: _whisper_changed,
    room_effects.LockChanged: _lock_changed,
    room_effects.RestrictedChanged: _restricted_changed,
    room_effects.NoticesChanged: _notices_changed,
    effects.UnknownKeys: _unknown_keys,
}
