"""What the rules of a conference say is done here, effect by effect, without a second thought."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from mixer.rules.effects import (
    Admitted,
    DeafChanged,
    Denied,
    DropInvite,
    Effect,
    Ended,
    HeldChanged,
    Invite,
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
from mixer.rules.events import SetRecording
from mixer.rules.roles import RecordingState
from softphone.errors import SoftphoneError
from softphone.focus.feed import EventType
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.session import ConferenceRole, Party, Stage

if TYPE_CHECKING:
    from softphone.focus.room.conference import ConferenceRoom

__all__ = ["carry_out", "say"]

log = structlog.get_logger()

# Whose coming is written in the history, and so its leaving.
CAME_IN = (Stage.JOINED, Stage.HELD)


def carry_out(room: "ConferenceRoom", effect: Effect) -> None:
    """Do what an effect says; one about a party that is not there any more is nothing."""
    CARRIED_OUT[type(effect)](room, effect)


# Who is where.


def _admitted(room: "ConferenceRoom", effect: Admitted) -> None:
    member = room.arrive(effect.party)
    party = member.party
    party.stage, party.muted = Stage.JOINED, effect.muted
    member.admit(room.room)
    room.context.tasks.start(_recorded(room, member))
    role = party.role.word if party.role else ""
    room.context.history.joined(
        room.session.id,
        party.id,
        number=party.caller.number,
        role=role,
        name=party.caller.name,
        extension_id=party.extension_id,
        muted=effect.muted,
    )
    room.publish(
        EventType.PARTY_JOINED,
        party.id,
        number=party.caller.number,
        name=party.caller.name,
        role=role,
        muted=effect.muted,
    )


async def _recorded(room: "ConferenceRoom", member: Member) -> None:
    """Tell the recording of somebody who came in, once it has a leg."""
    await member.ready()
    if room.members.get(member.party.id) is member:
        room.recorder.joined(member)


def _waits(room: "ConferenceRoom", effect: Waits) -> None:
    member = room.arrive(effect.party)
    party = member.party
    party.stage = Stage(effect.place.value)
    member.take_out()
    room.publish(
        EventType.PARTY_WAITING,
        party.id,
        stage=party.stage.value,
        number=party.caller.number,
        name=party.caller.name,
    )


def _party_left(room: "ConferenceRoom", effect: PartyLeft) -> None:
    room.announcer.gone(effect.party)
    room.music.stop(effect.party)
    room.recorder.left(effect.party)
    member = room.members[effect.party]
    if member.party.stage in CAME_IN:
        room.context.history.left(room.session.id, effect.party, effect.reason)
    room.spoken.left(effect.party, moved=member.keeper is not room)
    room.see_off(member, effect.reason, effect.say)
    room.publish(EventType.PARTY_LEFT, effect.party, reason=effect.reason)


def _ended(room: "ConferenceRoom", effect: Ended) -> None:
    room.wind_up(effect.reason)


# What a party may do and hear.


def _change(room: "ConferenceRoom", name: str, **changes: Any) -> Member | None:
    """Change what is known of a party and tell the watchers."""
    member = room.members.get(name)
    if member is None:
        return None
    for key, value in changes.items():
        setattr(member.party, key, value)
    member.refresh()
    return member


def _mute_changed(room: "ConferenceRoom", effect: MuteChanged) -> None:
    if _change(room, effect.party, muted=effect.muted):
        room.context.history.muted(room.session.id, effect.party, effect.muted)
        room.publish(EventType.PARTY_CHANGED, effect.party, muted=effect.muted)


def _deaf_changed(room: "ConferenceRoom", effect: DeafChanged) -> None:
    if _change(room, effect.party, deaf=effect.deaf):
        room.publish(EventType.PARTY_CHANGED, effect.party, deaf=effect.deaf)


def _held_changed(room: "ConferenceRoom", effect: HeldChanged) -> None:
    if _change(room, effect.party, stage=Stage.HELD if effect.held else Stage.JOINED):
        room.publish(EventType.PARTY_CHANGED, effect.party, held=effect.held)


def _volume_changed(room: "ConferenceRoom", effect: VolumeChanged) -> None:
    changes = {"volume_in_db": effect.input_db, "volume_out_db": effect.output_db}
    if _change(room, effect.party, **changes):
        room.publish(EventType.PARTY_CHANGED, effect.party, **changes)


def _role_changed(room: "ConferenceRoom", effect: RoleChanged) -> None:
    role = ConferenceRole.of(effect.role)
    if _change(room, effect.party, role=role):
        room.publish(EventType.PARTY_CHANGED, effect.party, role=role.word)


def _whisper_changed(room: "ConferenceRoom", effect: WhisperChanged) -> None:
    member = _change(room, effect.party, whispers_to=effect.to)
    if member is not None:
        room.context.tasks.start(_whisper(room, member))
        room.publish(EventType.PARTY_CHANGED, effect.party, whispers_to=effect.to)


async def _whisper(room: "ConferenceRoom", member: Member) -> None:
    """Tell the worker who hears a party: at once, and again when one of them who is just coming in has a leg."""
    coming = [listener for listener in _listeners(room, member) if listener.leg is None]
    await _aim(room, member)
    for listener in coming:
        await listener.ready()
        await _aim(room, member)


async def _aim(room: "ConferenceRoom", member: Member) -> None:
    leg, to = await member.ready(), member.party.whispers_to
    legs = [listener.leg for listener in _listeners(room, member) if listener.leg is not None]
    await room.context.media.whisper(leg, None if to is None else legs)


def _listeners(room: "ConferenceRoom", member: Member) -> list[Member]:
    """Those who hear it now instead of the room."""
    return [room.members[name] for name in member.party.whispers_to or () if name in room.members]


# What is heard.


def _say(room: "ConferenceRoom", effect: Say) -> None:
    if effect.when_recording:
        room.recording_notices.take(effect, runs=room.recorder.running and not room.recorder.paused)
    else:
        say(room, effect)


def say(room: "ConferenceRoom", effect: Say) -> None:
    """Say something to a party, or to all."""
    # Keys cut off what was said to the one who pressed them; what was said to all, they do not. What is said to one is
    # not said in the room, so no recording of the room has it.
    room.announcer.say(
        effect.to,
        effect.prompts,
        notice=effect.notice,
        recorded=effect.recorded and effect.to is None,
        barge_in=effect.to is not None,
        tag=room.spoken.telling(effect.prompts),
    )


def _music(room: "ConferenceRoom", effect: Music) -> None:
    member = room.members.get(effect.party)
    if effect.on and member is not None:
        room.music.start(member, effect.sound)
    else:
        room.music.stop(effect.party)


# The room.


def _lock_changed(room: "ConferenceRoom", effect: LockChanged) -> None:
    room.session.locked = effect.locked
    room.publish(EventType.CONFERENCE_CHANGED, locked=effect.locked)


def _notices_changed(room: "ConferenceRoom", effect: NoticesChanged) -> None:
    room.session.notices = effect.on
    room.publish(EventType.CONFERENCE_CHANGED, notices=effect.on)


def _recording_changed(room: "ConferenceRoom", effect: RecordingChanged) -> None:
    room.context.tasks.start(_record(room, effect.state))


async def _record(room: "ConferenceRoom", state: RecordingState) -> None:
    """Do what the rules want of the recorder; when it cannot, tell them."""
    try:
        match state:
            case RecordingState.RUNNING:
                await room.recorder.start()
                room.recording_notices.runs()
                return
            case RecordingState.PAUSED:
                await room.recorder.pause()
            case RecordingState.OFF:
                await room.recorder.finish()
    except SoftphoneError as error:
        log.warning("not_recording", session=room.session.id, error=str(error))
        if not room.recorder.running:
            room.handle(SetRecording(RecordingState.OFF))
    room.recording_notices.none_runs()


def _invite(room: "ConferenceRoom", effect: Invite) -> None:
    inviter = room.session.parties.get(effect.by)
    room.invitations.start(effect.invitation, effect.number, effect.by, _caller(room, inviter))


def _caller(room: "ConferenceRoom", inviter: Party | None) -> Caller:
    """Say for whom somebody is called in: for who invites, or for whoever the conference belongs to."""
    if inviter is not None:
        return Caller(inviter.caller.number, inviter.caller.name, account=inviter.extension_id or "")
    owner = room.session.owner_id or room.session.extension_id or room.session.id
    return Caller(room.session.extension or "conference", "Conference", account=owner)


def _drop_invite(room: "ConferenceRoom", effect: DropInvite) -> None:
    room.invitations.drop(effect.invitation)


def _unknown_keys(room: "ConferenceRoom", effect: UnknownKeys) -> None:
    # How many, never which: they may be somebody's code.
    log.info("unknown_keys", session=room.session.id, party=effect.party, count=len(effect.keys))


def _answered(room: "ConferenceRoom", effect: Refused | Denied) -> None:
    """Do nothing: it is the answer to whoever asked."""


CARRIED_OUT: Mapping[type, Callable[["ConferenceRoom", Any], None]] = {
    Admitted: _admitted,
    Waits: _waits,
    Refused: _answered,
    Denied: _answered,
    PartyLeft: _party_left,
    Ended: _ended,
    MuteChanged: _mute_changed,
    DeafChanged: _deaf_changed,
    HeldChanged: _held_changed,
    VolumeChanged: _volume_changed,
    RoleChanged: _role_changed,
    WhisperChanged: _whisper_changed,
    Say: _say,
    Music: _music,
    LockChanged: _lock_changed,
    NoticesChanged: _notices_changed,
    RecordingChanged: _recording_changed,
    Invite: _invite,
    DropInvite: _drop_invite,
    UnknownKeys: _unknown_keys,
}
