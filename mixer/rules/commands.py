"""Key commands: the function of each command of a menu, for the party that typed it."""

from collections.abc import Callable, Mapping

from mixer.rules import admission, announcements, dialout, groups, lifetime, parties, selection
from mixer.rules.attendance import IN_ROOM, Participant
from mixer.rules.effects import Denied, Effect, KeyPassed, KeysTold, UnknownKeys
from mixer.rules.events import Keys, SetDeaf, SetGroup, SetHeld, SetMuted, SetVolume
from mixer.rules.keypad import UNKNOWN, Command, KeypadError, Menu
from mixer.rules.roles import Place, RecordingState, Role, Selector
from mixer.rules.room_events import Dial, Lock, MuteAll, SetNotices
from mixer.rules.settings import VOLUME_STEP_DB, KeyScope
from mixer.rules.state import Carried, SessionState, menu_name

__all__ = ["RULES", "carry_out", "check", "keys"]

# Whom the keys of a moderator can choose: ``mute_others``, ``kick_last``.
BY_KEYS = (Selector.OTHERS, Selector.LAST, Selector.PARTICIPANT, Selector.LISTENER)

Rule = Callable[[SessionState, Participant, Command, float], list[Effect]]


def keys(session: SessionState, party: Participant, event: Keys, now: float) -> list[Effect]:
    """Take a key of a party in the room."""
    typed = party.keypad.press(event.digit, now)
    return [*_go_on(session, party, event.digit, KeyScope.ALL), *carry_out(session, party, typed, now)]


def _go_on(session: SessionState, party: Participant, digits: str, scope: KeyScope) -> list[Effect]:
    """Let keys go further than the menu, as far as the settings let those of a scope."""
    settings = session.settings
    effects: list[Effect] = [KeysTold(party.name, digits)] if settings.tell_keys is scope else []
    if settings.pass_keys is scope and party.place is Place.JOINED:
        effects += [KeyPassed(other.name, digit) for digit in digits for other in session.parties.around(party)]
    return effects


def carry_out(session: SessionState, party: Participant, commands: list[Command], now: float) -> list[Effect]:
    """Do what a party has typed."""
    effects: list[Effect] = []
    for command in commands:
        # One command may be the last: its party left by it, or ended the conference.
        if party.name in session.parties:
            follows = RULES[command.name](session, party, command, now)
            if command.name != UNKNOWN:
                done = not any(isinstance(each, UnknownKeys | Denied) for each in follows)
                session.carried.append(Carried(party.name, command.name, command.number, done))
            effects += follows
    pending = party.keypad.deadline is not None and party.name in session.parties
    session.typing.pop(party.name, None)
    if pending:
        session.typing[party.name] = None
    return effects


def _denied(session: SessionState, party: Participant, reason: str) -> list[Effect]:
    """Do not do what a party has typed, and let it hear that."""
    return [Denied(party.name, reason), *announcements.not_a_key(session, party)]


def _unknown(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return [UnknownKeys(party.name, command.keys), *announcements.not_a_key(session, party)]


def _meaningless(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    """Let keys go on that mean nothing here, or let who typed them hear that."""
    if session.settings.keys_go_on:
        return _go_on(session, party, command.keys, KeyScope.UNKNOWN)
    return _unknown(session, party, command, now)


# The own microphone and the own ears.


def _toggle_own_mute(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    if party.role is Role.LISTENER:
        return [Denied(party.name, "listener")]
    if not session.microphones.may_unmute(party, session.settings):
        return _unknown(session, party, command, now)
    return parties.set_muted(session, party, SetMuted(party.name, not party.muted), now)


def _volume(input_db: float, output_db: float) -> Rule:
    def rule(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
        event = SetVolume(party.name, party.input_db + input_db, party.output_db + output_db)
        return [*parties.set_volume(session, party, event, now), *announcements.say(session, party.name, "beep")]

    return rule


# The others' microphones.


def _mute_all(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return parties.mute_all(session, MuteAll(True), now)


def _unmute_all(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return parties.mute_all(session, MuteAll(False), now)


def _listening_mode(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    """Go on to the next: everybody speaks; muted, but may unmute themselves; muted, and may not."""
    if not session.microphones.muted_all:
        return _mute_all(session, party, command, now)
    if session.microphones.listen_only or session.settings.mute_non_moderator:
        return _unmute_all(session, party, command, now)
    told = session.microphones.turn_others(True, listen_only=True)
    return [*told, *announcements.say(session, None, "conf-listenonly")]


# The room.


def _set_lock(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    changed = parties.lock(session, Lock(on), now)
    return [*changed, *announcements.say(session, party.name, "conf-lockednow" if on else "conf-unlockednow")]


def _lock(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_lock(session, party, True, now)


def _unlock(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_lock(session, party, False, now)


def _toggle_lock(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_lock(session, party, not session.locked, now)


def _set_notices(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    changed = parties.set_notices(session, SetNotices(on), now)
    return [*changed, *announcements.say(session, party.name, "conf-notices-on" if on else "conf-notices-off")]


def _notices_on(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_notices(session, party, True, now)


def _notices_off(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_notices(session, party, False, now)


def _toggle_notices(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _set_notices(session, party, not session.notices, now)


_NO_RECORDING = {RecordingState.OFF: "conf-recording-stopped", RecordingState.PAUSED: "conf-recording-paused"}


def _record(session: SessionState, party: Participant, state: RecordingState) -> list[Effect]:
    changed = lifetime.set_recording(session, state)
    # That it runs is told to everybody.
    told = announcements.say(session, party.name, _NO_RECORDING[state]) if state in _NO_RECORDING else []
    return [*changed, *told]


def _toggle_recording(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    off = session.recording is RecordingState.OFF
    return _record(session, party, RecordingState.RUNNING if off else RecordingState.OFF)


def _pause_recording(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    """Pause, or resume."""
    if session.recording is RecordingState.OFF:
        return _denied(session, party, "not_recording")
    runs = session.recording is RecordingState.RUNNING
    return _record(session, party, RecordingState.PAUSED if runs else RecordingState.RUNNING)


def _count(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return announcements.say(session, party.name, *announcements.alone_or_not(session, party))


def _help(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    menu = session.settings.menu
    return announcements.say(
        session, party.name, menu.help.get(menu_name(menu, party.role, party.kind), announcements.NOT_A_KEY)
    )


# Several parties. Keys decide about no moderator, whoever is chosen.


def _mute_one(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    return parties.set_muted(session, party, SetMuted(party.name, on), now)


def _deafen_one(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    return parties.set_deaf(session, party, SetDeaf(party.name, on), now)


def _hold_one(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    return parties.set_held(session, party, SetHeld(party.name, on), now)


def _kick_one(session: SessionState, party: Participant, on: bool, now: float) -> list[Effect]:
    return admission.remove(session, party, "kicked", now)


def _selected(which: Selector, do: Callable[[SessionState, Participant, bool, float], list[Effect]], on: bool) -> Rule:
    """Make the rule that does something to all in the room who are chosen, if anybody is."""

    def rule(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
        those = selection.chosen(session, which, IN_ROOM, party.name)
        meant = [each for each in those if each.role is not Role.MODERATOR]
        if not meant:
            return _denied(session, party, "not_allowed")
        effects = [effect for each in meant for effect in do(session, each, on, now)]
        # Of some it may not be so, a listener's microphone for one: that is nothing to tell who pressed the keys.
        return [effect for effect in effects if not isinstance(effect, Denied)]

    return rule


_DONE = {"mute": _mute_one, "deafen": _deafen_one, "hold": _hold_one}
_SELECTED: Mapping[str, Rule] = {
    **{f"kick_{which}": _selected(which, _kick_one, True) for which in BY_KEYS},
    **{f"{verb}_{which}": _selected(which, do, True) for verb, do in _DONE.items() for which in BY_KEYS},
    **{f"un{verb}_{which}": _selected(which, do, False) for verb, do in _DONE.items() for which in BY_KEYS},
}


# Comings and goings.


def _invite(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return dialout.dial(session, Dial(command.number, party.name), now)


def _drop_invited(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    dropped = dialout.drop_last_of(session, party, now)
    return _denied(session, party, "no_invitation") if dropped is None else dropped


def _leave(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return admission.remove(session, party, "left", now)


def _end(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return lifetime.over(session, "requested")


# Breakout groups.


def _go(session: SessionState, party: Participant, group: int, now: float) -> list[Effect]:
    """Let a party go where it has asked for, or hear that it may not."""
    gone = groups.set_group(session, party, SetGroup(party.name, group, own=True), now)
    denied = any(isinstance(each, Denied) for each in gone)
    return [*gone, *(announcements.not_a_key(session, party) if denied else [])]


def _return_to_main(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _go(session, party, 0, now) if party.group else _unknown(session, party, command, now)


def _visit_group(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return _go(session, party, int(command.number), now)


def _end_groups(session: SessionState, party: Participant, command: Command, now: float) -> list[Effect]:
    return groups.all_return(session) if session.groups.names else _unknown(session, party, command, now)


RULES: Mapping[str, Rule] = {
    "toggle_own_mute": _toggle_own_mute,
    "mute_all": _mute_all,
    "unmute_all": _unmute_all,
    "listening_mode": _listening_mode,
    "lock": _lock,
    "unlock": _unlock,
    "toggle_lock": _toggle_lock,
    "notices_on": _notices_on,
    "notices_off": _notices_off,
    "toggle_notices": _toggle_notices,
    "invite": _invite,
    "drop_invited": _drop_invited,
    "toggle_recording": _toggle_recording,
    "pause_recording": _pause_recording,
    "count": _count,
    "help": _help,
    "leave": _leave,
    "return_to_main": _return_to_main,
    "visit_group": _visit_group,
    "end_groups": _end_groups,
    "end": _end,
    "louder": _volume(0.0, VOLUME_STEP_DB),
    "softer": _volume(0.0, -VOLUME_STEP_DB),
    "speak_louder": _volume(VOLUME_STEP_DB, 0.0),
    "speak_softer": _volume(-VOLUME_STEP_DB, 0.0),
    **_SELECTED,
    UNKNOWN: _meaningless,
}


def check(menu: Menu) -> None:
    """Refuse a menu that asks for a command that is none of the rules; raises KeypadError."""
    unknown = sorted(menu.commands - RULES.keys())
    if unknown:
        raise KeypadError(f"no command {', '.join(map(repr, unknown))} in a conference")
