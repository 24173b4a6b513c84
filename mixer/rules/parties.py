"""Commands to parties and to the room, by keys and by API alike."""

from mixer.rules import admission, announcements, events, lifetime, room_events
from mixer.rules.attendance import IN_ROOM, MOST_LABELS, Participant
from mixer.rules.effects import (
    DeafChanged,
    Denied,
    Effect,
    HeldChanged,
    LabelsChanged,
    RoleChanged,
    TalksInVain,
    VoicesLevelled,
    VolumeChanged,
)
from mixer.rules.roles import Place, RecordingState, Role
from mixer.rules.room_effects import LockChanged, NoticesChanged
from mixer.rules.settings import VOLUME_DB, Settings
from mixer.rules.state import SessionState, keypad_of

__all__ = [
    "lock",
    "mute_all",
    "new_settings",
    "not_a_call",
    "not_inside",
    "set_deaf",
    "set_held",
    "set_labels",
    "set_muted",
    "set_notices",
    "set_recording",
    "set_role",
    "set_volume",
    "set_whisper",
    "spoke_muted",
    "talking",
]

# Who goes on talking with its microphone off does so on purpose, with somebody beside it.
WARN_AGAIN_S = 30.0

# Of one party.


def set_muted(session: SessionState, party: Participant, event: events.SetMuted, now: float) -> list[Effect]:
    """Turn a microphone off or on, and tell its owner."""
    if party.role is Role.LISTENER and not event.on:
        return [Denied(party.name, "listener")]
    if event.own and not event.on and not session.microphones.may_unmute(party, session.settings):
        return [Denied(party.name, "not_allowed")]
    changed = session.microphones.turn(party, event.on)
    told = changed and party.place is Place.JOINED
    return [
        *changed,
        *(announcements.say(session, party.name, "conf-muted" if event.on else "conf-unmuted") if told else []),
    ]


def not_inside(session: SessionState, party: Participant, event: events.Event, now: float) -> list[Effect]:
    """Say no: who waits neither hears nor is heard, so there is nothing to change."""
    return [Denied(party.name, "not_inside")]


def not_a_call(session: SessionState, party: Participant, event: events.Event, now: float) -> list[Effect]:
    """Say no: a conference goes on without who leaves it."""
    return [Denied(party.name, "not_a_call")]


def set_deaf(session: SessionState, party: Participant, event: events.SetDeaf, now: float) -> list[Effect]:
    """Close a party's ears or open them."""
    if party.deaf == event.on:
        return []
    party.deaf = event.on
    return [DeafChanged(party.name, event.on)]


def set_held(session: SessionState, party: Participant, event: events.SetHeld, now: float) -> list[Effect]:
    """Put a party on hold or take it back."""
    place = Place.HELD if event.on else Place.JOINED
    if party.place is place:
        return []
    session.parties.move(party, place)
    return [HeldChanged(party.name, event.on)]


def set_volume(session: SessionState, party: Participant, event: events.SetVolume, now: float) -> list[Effect]:
    """Make a party, or what it hears, louder or softer, or its voice as loud as any."""
    before = (party.input_db, party.output_db, party.levelled)
    party.input_db = _limited(event.input_db, party.input_db)
    party.output_db = _limited(event.output_db, party.output_db)
    party.levelled = party.levelled if event.levelled is None else event.levelled
    after = (party.input_db, party.output_db, party.levelled)
    return [VolumeChanged(party.name, *after)] if after != before else []


def _limited(wanted: float | None, now: float) -> float:
    softest, loudest = VOLUME_DB
    return now if wanted is None else min(max(wanted, softest), loudest)


def set_role(session: SessionState, party: Participant, event: events.SetRole, now: float) -> list[Effect]:
    """Give a party another role: its keys, its microphone, and what its coming or going as a host means."""
    before, party.ends = party.role, event.ends
    if event.role is before:
        return []
    if party.hidden:
        return [Denied(party.name, "hidden")]
    session.parties.give_role(party, event.role)
    _give_keys(session, party)
    return [
        RoleChanged(party.name, event.role),
        *session.microphones.follow_role(party, before),
        *_other_host(session, party, before, now),
    ]


def _other_host(session: SessionState, party: Participant, before: Role, now: float) -> list[Effect]:
    """Take a new host for one that came, and a host no more for one that left."""
    if party.role is Role.MODERATOR:
        return _new_host(session, party, now)
    return lifetime.host_left(session, now) if before is Role.MODERATOR and party.place in IN_ROOM else []


def _new_host(session: SessionState, party: Participant, now: float) -> list[Effect]:
    if party.place in IN_ROOM:
        lifetime.host_came(session)
        return [*admission.begin(session, now), *lifetime.recorded_from(session, party)]
    return admission.begin(session, now)


def _give_keys(session: SessionState, party: Participant) -> None:
    party.keypad = keypad_of(session.settings, party.role, party.kind)
    session.typing.pop(party.name, None)


def set_labels(session: SessionState, party: Participant, event: events.SetLabels, now: float) -> list[Effect]:
    """Write on a party, or take off what is written."""
    labels = {name: text for name, text in {**party.labels, **event.labels}.items() if text is not None}
    if len(labels) > MOST_LABELS:
        return [Denied(party.name, "too_many_labels")]
    if labels == party.labels:
        return []
    party.labels = labels
    return [LabelsChanged(party.name, labels)]


def set_whisper(session: SessionState, party: Participant, event: events.SetWhisper, now: float) -> list[Effect]:
    """Choose who hears a party; those who cannot hear anything now will when they can."""
    session.parties.whisper(party, event.to)
    return []


def talking(session: SessionState, party: Participant, event: events.Talking, now: float) -> list[Effect]:
    """Take notice of who talks."""
    session.parties.talks(party, event.on)
    return []


def spoke_muted(session: SessionState, party: Participant, event: events.SpokeMuted, now: float) -> list[Effect]:
    """Tell a party that talks with its microphone off, and hears the others; not one that is nobody's talker."""
    if not party.muted or party.deaf or party.hidden or party.place is not Place.JOINED:
        return []
    if session.parties.hearing(party.group) < 2:
        return []
    if now < party.warned + WARN_AGAIN_S:
        return []
    party.warned = now
    told = session.settings.muted_notice and party.role is not Role.LISTENER
    return [TalksInVain(party.name), *(announcements.say(session, party.name, "conf-muted") if told else [])]


# Of the room.


def mute_all(session: SessionState, event: room_events.MuteAll, now: float) -> list[Effect]:
    """Turn the microphones of all but moderators off or on, and tell everybody."""
    return [
        *session.microphones.turn_others(event.on),
        *announcements.say(session, None, "conf-now-muted" if event.on else "conf-now-unmuted"),
    ]


def lock(session: SessionState, event: room_events.Lock, now: float) -> list[Effect]:
    """Lock or unlock; who waited for a host that came meanwhile gets in then."""
    if session.locked == event.on:
        return []
    session.locked = event.on
    return [LockChanged(event.on), *admission.begin(session, now)]


def set_notices(session: SessionState, event: room_events.SetNotices, now: float) -> list[Effect]:
    """Tell who comes and leaves, or do not."""
    if session.notices == event.on:
        return []
    session.notices = event.on
    return [NoticesChanged(event.on)]


def set_recording(session: SessionState, event: room_events.SetRecording, now: float) -> list[Effect]:
    """Start, pause, resume or stop the recording; it does not start while there is nobody to be recorded."""
    runs = event.state is RecordingState.RUNNING
    if runs and not session.joined:
        return [Denied("", "nobody_inside")]
    if not runs and session.recording is RecordingState.OFF:
        return [Denied("", "not_recording")]
    return lifetime.set_recording(session, event.state)


def new_settings(session: SessionState, event: room_events.NewSettings, now: float) -> list[Effect]:
    """Follow changed settings at once, as far as they are not about coming in."""
    before, session.settings = session.settings, event.settings
    session.parties.unsettle()
    lifetime.other_settings(session, before, now)
    effects = _level_voices(before, event.settings)
    if event.settings.mute_non_moderator != before.mute_non_moderator:
        effects += session.microphones.turn_others(event.settings.mute_non_moderator)
    if event.settings.entry_notices != before.entry_notices:
        effects += set_notices(session, room_events.SetNotices(event.settings.entry_notices), now)
    if _keypad(event.settings) != _keypad(before):
        for party in session.parties.values():
            _give_keys(session, party)
    if lifetime.is_automatic(before) and not lifetime.is_automatic(event.settings):
        effects += lifetime.recorded_no_more(session)
    effects += [*admission.leave_lobby(session, now), *admission.begin(session, now)]
    return effects + [effect for party in session.parties.inside for effect in lifetime.recorded_from(session, party)]


def _keypad(settings: Settings) -> tuple[object, ...]:
    """Say what keypads are made by."""
    return settings.menu, settings.key_timeout_s, settings.keys_go_on


def _level_voices(before: Settings, after: Settings) -> list[Effect]:
    """Have voices brought to one level, or left, where that has changed."""
    return [VoicesLevelled(after.level_voices)] if after.level_voices != before.level_voices else []
