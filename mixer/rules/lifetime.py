"""Lifetime of a conference: effects of the host's presence, of an empty room, and the end."""

from mixer.rules import announcements
from mixer.rules.attendance import Participant
from mixer.rules.effects import Effect, Ended, PartyLeft
from mixer.rules.events import End
from mixer.rules.roles import PartyKind, Place, RecordingState, Role
from mixer.rules.room_effects import DropInvite, GroupsChanged, LockChanged, RecordingChanged
from mixer.rules.settings import EndWithHost, Settings
from mixer.rules.state import Groups, Phase, SessionState

__all__ = [
    "emptied",
    "end",
    "host_came",
    "host_left",
    "is_automatic",
    "no_groups",
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


def host_came(session: SessionState) -> None:
    """Begin, if the conference has not begun, and forget that a host left."""
    session.started = True
    session.host_ends = None


def host_left(session: SessionState, now: float) -> list[Effect]:
    """Let the conference end with its host, if it does; after the grace time."""
    rule = session.settings.end_with_host
    if (
        not session.parties.visible
        or rule is EndWithHost.NEVER
        or (rule is EndWithHost.LAST and session.parties.has_host)
    ):
        return []
    session.host_ends = now + session.settings.host_grace_s
    return announcements.say(session, None, "conf-leaderhasleft") if session.settings.host_grace_s else []


def other_settings(session: SessionState, before: Settings, now: float) -> None:
    """Count a new limit of silence from now, and forget that a host left when that ends the conference no more."""
    if session.settings.silence_limit_s != before.silence_limit_s:
        session.heard_at = now
    if session.settings.end_with_host is EndWithHost.NEVER:
        session.host_ends = None


def emptied(session: SessionState, now: float) -> list[Effect]:
    """Wait for somebody to come back, as if nobody had come yet; whom a party was ringing has nobody to talk to.

    A lock would keep out everybody, with nobody left to open it. A ban lasts as long as the conference.
    """
    session.state, session.ends = Phase.EMPTY, (now + session.settings.empty_timeout_s, "empty")
    session.started, session.recorded, session.host_ends = False, False, None
    rung = [one.id for one in session.invitations.values() if one.by]
    for invitation in rung:
        session.invitations.remove(invitation)
    session.microphones.begin(session.settings)
    unlocked: list[Effect] = [LockChanged(False)] if session.locked else []
    session.locked = False
    return [*map(DropInvite, rung), *unlocked, *no_groups(session), *set_recording(session, RecordingState.OFF)]


def no_groups(session: SessionState) -> list[Effect]:
    """Have no breakout groups any more; nobody is in one."""
    before, session.groups = session.groups, Groups()
    return [GroupsChanged(())] if before.names else []


def over(session: SessionState, reason: str) -> list[Effect]:
    """End the conference."""
    effects = set_recording(session, RecordingState.OFF)
    effects += [DropInvite(one.id) for one in session.invitations.ringing]
    effects += [PartyLeft(name, reason, announcements.farewell(session, reason)) for name in session.parties]
    for held in (session.parties, session.invitations, session.typing):
        held.clear()
    session.state, session.ends, session.host_ends = Phase.ENDED, None, None
    return [*effects, *no_groups(session), Ended(reason)]


def end(session: SessionState, event: End, now: float) -> list[Effect]:
    """End the conference, or the call, because somebody in control wants that."""
    return over(session, event.reason)


def set_recording(session: SessionState, state: RecordingState) -> list[Effect]:
    """Start, pause, resume or stop; starting and resuming are told to all, and pausing what does not run is nothing."""
    if state is session.recording or (state is RecordingState.PAUSED and session.recording is RecordingState.OFF):
        return []
    session.recording = state
    session.recording_by_setting = session.recording_by_setting and state is not RecordingState.OFF
    notice = announcements.recording_runs(session, None) if state is RecordingState.RUNNING else []
    return [RecordingChanged(state), *notice]


def recorded_from(session: SessionState, party: Participant) -> list[Effect]:
    """Start the recording of `Settings.record_enabled` or `record_from`, once, if it begins with this party."""
    if session.recorded or not (_begins_by_whom(session, party) or _begins_by_count(session)):
        return []
    session.recorded = True
    if session.recording is not RecordingState.OFF:
        return []
    begun = set_recording(session, RecordingState.RUNNING)
    session.recording_by_setting = True
    return begun


def _begins_by_whom(session: SessionState, party: Participant) -> bool:
    if not session.settings.record_enabled:
        return False
    called = party.invitation and party.kind is PartyKind.OUTSIDE
    return bool(not session.settings.hosted or party.role is Role.MODERATOR or called)


def _begins_by_count(session: SessionState) -> bool:
    inside = session.joined + session.parties.count(Place.HELD)
    return 0 < session.settings.record_from <= inside


def is_automatic(settings: Settings) -> bool:
    """Whether settings begin recordings by themselves."""
    return settings.record_enabled or settings.record_from > 0


def recorded_no_more(session: SessionState) -> list[Effect]:
    """Stop what `Settings.record_enabled` began, as it is off now; should it be on again, it has its effect again."""
    session.recorded = False
    return set_recording(session, RecordingState.OFF) if session.recording_by_setting else []
