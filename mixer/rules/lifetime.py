"""The life of a conference: what a host's coming and going does, what emptiness does, and the end."""

from mixer.rules import announcements
from mixer.rules.effects import DropInvite, Effect, Ended, LockChanged, PartyLeft, RecordingChanged
from mixer.rules.events import End
from mixer.rules.roles import PartyKind, RecordingState, Role
from mixer.rules.settings import EndWithHost, Settings
from mixer.rules.state import Participant, Phase, SessionState

__all__ = [
    "emptied",
    "end",
    "host_came",
    "host_left",
    "nothing",
    "other_settings",
    "over",
    "recorded_from",
    "recorded_no_more",
    "set_recording",
]


def nothing(*_: object) -> list[Effect]:
    """Do nothing."""
    return []


def host_came(room: SessionState) -> None:
    """Begin, if the conference has not begun, and forget that a host left."""
    room.started = True
    room.host_ends = None


def host_left(room: SessionState, now: float) -> list[Effect]:
    """Let the conference end with its host, if it does; after the grace time."""
    rule = room.settings.end_with_host
    if not room.parties or rule is EndWithHost.NEVER or (rule is EndWithHost.LAST and room.has_host()):
        return []
    room.host_ends = now + room.settings.host_grace_s
    return announcements.say(room, None, "conf-leaderhasleft") if room.settings.host_grace_s else []


def other_settings(room: SessionState, before: Settings, now: float) -> None:
    """Count a new limit of silence from now, and forget that a host left when that ends the conference no more."""
    if room.settings.silence_limit_s != before.silence_limit_s:
        room.heard_at = now
    if room.settings.end_with_host is EndWithHost.NEVER:
        room.host_ends = None


def emptied(room: SessionState, now: float) -> list[Effect]:
    """Wait for somebody to come back, as if nobody had come yet; whom a party was ringing has nobody to talk to.

    A lock would keep out everybody, with nobody left to open it. A ban lasts as long as the conference.
    """
    room.state, room.ends = Phase.EMPTY, (now + room.settings.empty_timeout_s, "empty")
    room.started, room.recorded, room.host_ends = False, False, None
    rung = [one.id for one in room.invitations.values() if one.by]
    for invitation in rung:
        del room.invitations[invitation]
    room.muted_all, room.listen_only = room.settings.mute_non_moderator, False
    unlocked: list[Effect] = [LockChanged(False)] if room.locked else []
    room.locked = False
    return [*map(DropInvite, rung), *unlocked, *set_recording(room, RecordingState.OFF)]


def over(room: SessionState, reason: str) -> list[Effect]:
    """End the conference."""
    effects = set_recording(room, RecordingState.OFF)
    effects += [DropInvite(one.id) for one in room.invitations.values() if not one.party]
    effects += [PartyLeft(name, reason, announcements.farewell(room, reason)) for name in room.parties]
    for held in (room.parties, room.invitations, room.talkers, room.typing):
        held.clear()
    room.state, room.ends, room.host_ends = Phase.ENDED, None, None
    return [*effects, Ended(reason)]


def end(room: SessionState, event: End, now: float) -> list[Effect]:
    """End the conference, or the call, because somebody in control wants that."""
    return over(room, event.reason)


def set_recording(room: SessionState, state: RecordingState) -> list[Effect]:
    """Start, pause, resume or stop; starting and resuming are told to all, and pausing what does not run is nothing."""
    if state is room.recording or (state is RecordingState.PAUSED and room.recording is RecordingState.OFF):
        return []
    room.recording = state
    room.recording_by_setting = room.recording_by_setting and state is not RecordingState.OFF
    notice = announcements.recording_runs(room, None) if state is RecordingState.RUNNING else []
    return [RecordingChanged(state), *notice]


def recorded_from(room: SessionState, party: Participant) -> list[Effect]:
    """Start the recording of `Settings.record_enabled`, once, if it begins with this party."""
    if room.recorded or not room.settings.record_enabled:
        return []
    invited = any(one.party == party.name for one in room.invitations.values())
    if room.settings.hosted and party.role is not Role.MODERATOR and not (invited and party.kind is PartyKind.OUTSIDE):
        return []
    room.recorded = True
    if room.recording is not RecordingState.OFF:
        return []
    begun = set_recording(room, RecordingState.RUNNING)
    room.recording_by_setting = True
    return begun


def recorded_no_more(room: SessionState) -> list[Effect]:
    """Stop what `Settings.record_enabled` began, as it is off now; should it be on again, it has its effect again."""
    room.recorded = False
    return set_recording(room, RecordingState.OFF) if room.recording_by_setting else []
