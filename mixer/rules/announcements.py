"""Announcements: prompts, and who hears them. Prompts have the names of Asterisk's core sounds where there are any."""

from mixer.rules.attendance import Participant
from mixer.rules.effects import Effect, Music, Prompt, Say, Sound, WhisperChanged
from mixer.rules.roles import Place, RecordingState
from mixer.rules.state import SessionState

__all__ = [
    "FAREWELLS",
    "NOT_A_KEY",
    "alone_or_not",
    "arrived",
    "entry",
    "farewell",
    "gone",
    "groups_end",
    "not_a_key",
    "recording_runs",
    "say",
    "sent",
    "settle",
    "waits",
]

# Said to who typed something without a meaning.
NOT_A_KEY = "conf-errormenu"
# Before a call is hung up, by the reason.
FAREWELLS: dict[str, tuple[Prompt, ...]] = {
    "full": ("conf-full", "vm-goodbye"),
    "locked": ("conf-locked", "vm-goodbye"),
    "ended": ("confbridge-conf-end", "vm-goodbye"),
    "cancelled": ("cancelled", "vm-goodbye"),
    "banned": ("conf-kicked",),
    "not_listed": ("vm-goodbye",),
    "kicked": ("conf-kicked",),
    "dropped": ("conf-kicked",),
    "rejected": ("vm-goodbye",),
    "unconfirmed": ("vm-goodbye",),
    "left": ("vm-goodbye",),
    "time": ("conf-kicked", "vm-goodbye"),
    "host_left": ("conf-leaderhasleft", "vm-goodbye"),
    "requested": ("confbridge-conf-end", "vm-goodbye"),
    "silence": ("confbridge-conf-end", "vm-goodbye"),
}
# Where there is music whatever the settings say: nothing else is heard there.
_MUSIC = frozenset({Place.LOBBY, Place.WAITING, Place.HELD})


def say(
    session: SessionState, to: str | None, *prompts: Prompt, notice: bool = False, group: int | None = None
) -> list[Effect]:
    """Say something, in a room that speaks."""
    return _always(session, to, *prompts, notice=notice, group=group) if session.settings.prompts else []


def _always(
    session: SessionState, to: str | None, *prompts: Prompt, notice: bool = False, group: int | None = None
) -> list[Effect]:
    group = group if session.groups.names else None
    return [Say(to, prompts, notice, session.settings.record_prompts, group=group)]


def not_a_key(session: SessionState, party: Participant) -> list[Effect]:
    """Let a party hear that its keys did nothing; in a silent room by a tone, so that it need not guess."""
    return _always(session, party.name, NOT_A_KEY if session.settings.prompts else "beeperr")


def farewell(session: SessionState, reason: str) -> tuple[Prompt, ...]:
    """Say what is said to somebody before hanging up for `reason`."""
    return FAREWELLS.get(reason, ()) if session.settings.prompts else ()


def waits(session: SessionState, party: Participant) -> list[Effect]:
    """Tell a party what it waits for; who was invited must know what to press, in a silent room as well."""
    if party.place is Place.INVITED:
        return _always(session, party.name, "conf-invited")
    return say(session, party.name, "conf-waitforleader" if party.place is Place.WAITING else "one-moment-please")


def arrived(session: SessionState, party: Participant) -> list[Effect]:
    """Greet a party, and tell the room that it has come."""
    counted = _count(session, party)
    greeting: list[Prompt] = [] if counted else [*alone_or_not(session, party)]
    if party.muted:
        greeting.append("conf-muted")
    return [
        *(say(session, party.name, *greeting, notice=True) if greeting else []),
        *_recording_notice(session, party),
        *entry(session, party),
        *counted,
    ]


def alone_or_not(session: SessionState, party: Participant) -> tuple[Prompt, ...]:
    """Say to a party how many others there are."""
    others = session.parties.hearing(party.group) - (party.place is Place.JOINED and not party.hidden)
    return _others(others)


def _others(others: int) -> tuple[Prompt, ...]:
    if others < 1:
        return ("conf-onlyperson",)
    return ("conf-onlyone",) if others == 1 else ("conf-thereare", others, "conf-otherinparty")


def entry(session: SessionState, party: Participant) -> list[Effect]:
    """Tell those around a party who has come; the usual tone is for others, a chosen sound for the newcomer as well."""
    if not session.notices or party.hidden:
        return []
    chosen, named = session.settings.enter_sound, _name(session, party)
    if not chosen and session.parties.hearing(party.group) < 2:
        return []
    tone: Prompt = Sound(chosen) if chosen else "confbridge-join"
    prompts: tuple[Prompt, ...] = (tone, *named, "conf-hasjoin") if named else (tone,)
    return _always(session, None, *prompts, notice=True, group=party.group)


def _count(session: SessionState, party: Participant) -> list[Effect]:
    """Tell the room how many there are, from so many on: for each of them there are as many others."""
    least = session.settings.count_from
    there = session.parties.hearing(party.group)
    if not least or party.hidden or there < max(least, 2):
        return []
    return say(session, None, *_others(there - 1), notice=True, group=party.group)


def gone(session: SessionState, party: Participant, group: int | None = None) -> list[Effect]:
    """Tell those whom a party was with who has left; a group: that was there, and not where it is now."""
    group = party.group if group is None else group
    if not session.notices or not session.parties.hearing(group) or party.hidden:
        return []
    named = _name(session, party)
    prompts: tuple[Prompt, ...] = (*named, "conf-hasleft") if named else ("confbridge-leave",)
    return _always(session, None, *prompts, notice=True, group=group)


def sent(session: SessionState, party: Participant) -> list[Effect]:
    """Tell a party which breakout group it is in now; in a silent room by a tone, as it hears other people."""
    if not session.settings.prompts:
        return _always(session, party.name, "beep")
    where: tuple[Prompt, ...] = ("conf-group", party.group) if party.group else ("conf-mainroom",)
    return _always(session, party.name, *where)


def groups_end(session: SessionState, seconds: float) -> list[Effect]:
    """Tell all when the breakout groups end."""
    return say(session, None, "conf-groups-end-in", round(seconds), "seconds")


def _name(session: SessionState, party: Participant) -> tuple[Prompt, ...]:
    return (Sound(party.sound),) if session.settings.announce_caller_name and party.sound else ()


def _recording_notice(session: SessionState, party: Participant) -> list[Effect]:
    return recording_runs(session, party.name) if session.recording is RecordingState.RUNNING else []


def recording_runs(session: SessionState, to: str | None) -> list[Effect]:
    """Tell a party, or the room, that it is recorded."""
    if not session.settings.record_notice:
        return []
    prompt = "conf-now-recording" if session.settings.prompts else "recording-tone"
    # Of breakout groups there is no recording.
    group = 0 if session.groups.names else None
    return [Say(to, (prompt,), recorded=session.settings.record_prompts, when_recording=True, group=group)]


def settle(session: SessionState) -> list[Effect]:
    """Tell who hears music and whose whisper reaches whom, where it differs from what was last told."""
    effects: list[Effect] = []
    for party in session.parties.unsettled():
        alone = session.settings.music and party is session.parties.alone(party.group)
        effects += _settle_one(session, party, alone)
    return effects


def _settle_one(session: SessionState, party: Participant, alone: bool) -> list[Effect]:
    effects: list[Effect] = []
    music = session.settings.music_on_hold_sound if alone or party.left_alone or party.place in _MUSIC else None
    if music != party.music:
        party.music = music
        effects.append(Music(party.name, music is not None, music or ""))
    to = session.reaches(party)
    if to != party.whispers_to:
        party.whispers_to = to
        effects.append(WhisperChanged(party.name, to))
    return effects
