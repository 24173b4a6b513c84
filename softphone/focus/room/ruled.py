"""A session by its rules: what happens is an event for them, and what they answer is done, without a second thought.

What is commanded through the control face, what is pressed, who comes and who goes are events for the rules, whatever
kind of session it is: a conference (`ConferenceRoom`) or a call of two parties (`CallRoom`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import structlog

from mixer.rules import effects, events
from mixer.rules.attendance import MOST_LABELS
from mixer.rules.session import Session
from mixer.rules.state import Carried
from softphone.errors import MediaError
from softphone.focus.commanding import actor_of
from softphone.focus.errors import FocusError, NotAllowed, WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member
from softphone.focus.room.recording import NOT_RECORDING, RecordingControl
from softphone.focus.room.room import NO_MEDIA, Room
from softphone.focus.session import ConferenceRole, Party, TelephonySession
from softphone.media.contract.messages import LevelVoices, SendKeys, Whisper
from softphone.tasks import Alarm

__all__ = ["CARRIED_OUT", "RuledRoom", "recorded"]

log = structlog.get_logger()

# Why something is not done, as the rules say it and as people read it.
DENIALS: Mapping[str, tuple[type[FocusError], str]] = {
    "not_allowed": (NotAllowed, "The conference does not let this party unmute itself"),
    "listener": (WrongState, "A listener's microphone is never on: give it another role first"),
    "not_inside": (WrongState, "The party is not in the room yet"),
    "not_in_lobby": (WrongState, "The party is not in the lobby"),
    "nobody_inside": (WrongState, "Nobody is in the conference: there is nothing to record"),
    "not_recording": (WrongState, NOT_RECORDING),
    "locked": (WrongState, "The conference is locked: unlock it first"),
    "not_a_call": (WrongState, "Only a call of two is parked"),
    "nobody_waits": (WrongState, "Nobody would wait: the call is parked, or not answered"),
    "hidden": (WrongState, "A hidden listener is nothing else: call it in again as what it is to be"),
    "nobody_there": (WrongState, "Nobody is in the conference: there is nobody to listen to"),
    "too_many_labels": (WrongState, f"A party bears {MOST_LABELS} labels at most: take some off"),
    "no_conference": (WrongState, "A call of two parties has no such thing"),
}


# Who is where.


def _admitted(room: "RuledRoom", effect: effects.Admitted) -> None:
    # Before it leaves where it is: the worker is told to move its leg before a room that it leaves is given back.
    member = room.members.get(effect.party) or room.asking[effect.party][0]
    member.admit(room.room)
    party = room.arrive(effect.party).party
    if not party.hidden:
        room.context.tasks.start(recorded(room, member))
    room.publish(
        EventType.PARTY_JOINED,
        party.id,
        number=party.address.number,
        name=party.address.name,
        role=party.role.word if party.role else "",
        muted=effect.muted,
    )


async def recorded(room: "RuledRoom", member: Member) -> None:
    """Tell the recording of somebody who came in, once it has a leg."""
    await member.ready()
    if room.keeps(member):
        room.recorder.joined(member)


def _party_left(room: "RuledRoom", effect: effects.PartyLeft) -> None:
    room.announcer.gone(effect.party)
    room.music.stop(effect.party)
    room.recorder.left(effect.party)
    member = room.members[effect.party]
    room.spoken.left(effect.party, moved=member.keeper is not room)
    room.see_off(member, effect.reason, effect.say)
    room.publish(EventType.PARTY_LEFT, effect.party, reason=effect.reason)


def _ended(room: "RuledRoom", effect: effects.Ended) -> None:
    room.wind_up(effect.reason)


# What a party may do and hear.


def change(room: "RuledRoom", name: str, **changed: Any) -> Member | None:
    """Tell the worker and the watchers what changed of a party that is here."""
    member = room.members.get(name)
    if member is not None:
        member.refresh()
        member.party.updated = datetime.now(UTC)
        room.publish(EventType.PARTY_CHANGED, name, **changed)
    return member


def _mute_changed(room: "RuledRoom", effect: effects.MuteChanged) -> None:
    change(room, effect.party, muted=effect.muted)


def _deaf_changed(room: "RuledRoom", effect: effects.DeafChanged) -> None:
    change(room, effect.party, deaf=effect.deaf)


def _held_changed(room: "RuledRoom", effect: effects.HeldChanged) -> None:
    change(room, effect.party, held=effect.held)


def _volume_changed(room: "RuledRoom", effect: effects.VolumeChanged) -> None:
    change(room, effect.party, volume_in_db=effect.input_db, volume_out_db=effect.output_db)


def level_voices(room: "RuledRoom", effect: effects.VoicesLevelled) -> None:
    """Have the voices of a room brought to one level, or left."""
    room.context.tasks.start(room.context.media.ask(LevelVoices(room.room, effect.on)))


def _labels_changed(room: "RuledRoom", effect: effects.LabelsChanged) -> None:
    if effect.party in room.members:
        room.publish(EventType.PARTY_CHANGED, effect.party, labels=dict(effect.labels))


# What is heard.


def _say(room: "RuledRoom", effect: effects.Say) -> None:
    if effect.when_recording:
        room.recording.notice(effect)
    else:
        room.say(effect)


def _music(room: "RuledRoom", effect: effects.Music) -> None:
    member = room.members.get(effect.party)
    if effect.on and member is not None:
        room.music.start(member, effect.sound)
    else:
        room.music.stop(effect.party)


def _key_passed(room: "RuledRoom", effect: effects.KeyPassed) -> None:
    member = room.members.get(effect.party)
    if member is not None and member.leg is not None:
        room.context.tasks.start(_send_key(room, member.leg, effect.digit))


async def _send_key(room: "RuledRoom", leg: int, digit: str) -> None:
    try:
        await room.context.media.ask(SendKeys(leg, digit))
    except MediaError as error:
        log.debug("key_not_sent", error=str(error))


# The recording.


def _recording_changed(room: "RuledRoom", effect: effects.RecordingChanged) -> None:
    room.recording.change(effect.state)


def _answered(room: "RuledRoom", effect: effects.Refused | effects.Denied | effects.Selected) -> None:
    """Do nothing: it is the answer to whoever asked."""


def _waits(room: "RuledRoom", effect: effects.Waits) -> None:
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


def _role_changed(room: "RuledRoom", effect: effects.RoleChanged) -> None:
    change(room, effect.party, role=ConferenceRole.of(effect.role).word)


def _whisper_changed(room: "RuledRoom", effect: effects.WhisperChanged) -> None:
    member = change(room, effect.party, whispers_to=effect.to)
    if member is not None:
        room.context.tasks.start(_whisper(room, member))


async def _whisper(room: "RuledRoom", member: Member) -> None:
    """Tell the worker who hears a party: at once, and again when one of them who is just coming in has a leg."""
    coming = [listener for listener in _listeners(room, member) if listener.leg is None]
    await _aim(room, member)
    for listener in coming:
        await listener.ready()
        await _aim(room, member)


async def _aim(room: "RuledRoom", member: Member) -> None:
    leg, to = await member.ready(), member.party.whispers_to
    legs = [listener.leg for listener in _listeners(room, member) if listener.leg is not None]
    await room.context.media.ask(Whisper(leg, None if to is None else legs))


def _listeners(room: "RuledRoom", member: Member) -> list[Member]:
    """Those who hear it now instead of the room."""
    return [room.members[name] for name in member.party.whispers_to or () if name in room.members]


def _lock_changed(room: "RuledRoom", effect: effects.LockChanged) -> None:
    room.publish(EventType.CONFERENCE_CHANGED, locked=effect.locked)


def _restricted_changed(room: "RuledRoom", effect: effects.RestrictedChanged) -> None:
    room.publish(EventType.CONFERENCE_CHANGED, restricted=effect.on)


def _notices_changed(room: "RuledRoom", effect: effects.NoticesChanged) -> None:
    room.publish(EventType.CONFERENCE_CHANGED, notices=effect.on)


def _unknown_keys(room: "RuledRoom", effect: effects.UnknownKeys) -> None:
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
    effects.DeafChanged: _deaf_changed,
    effects.HeldChanged: _held_changed,
    effects.VoicesLevelled: level_voices,
    effects.VolumeChanged: _volume_changed,
    effects.Say: _say,
    effects.Music: _music,
    effects.KeyPassed: _key_passed,
    effects.RecordingChanged: _recording_changed,
    effects.Waits: _waits,
    effects.RoleChanged: _role_changed,
    effects.WhisperChanged: _whisper_changed,
    effects.LockChanged: _lock_changed,
    effects.RestrictedChanged: _restricted_changed,
    effects.NoticesChanged: _notices_changed,
    effects.UnknownKeys: _unknown_keys,
}


class RuledRoom(Room):
    """A running session, the keeper of its members: what happens to them is an event, what follows is carried out.

    Parameters
    ----------
    session, room, context, rules
        As for `Room`.
    """

    carried_out: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = CARRIED_OUT
    "What is done for each effect of the rules."

    def __init__(self, session: TelephonySession, room: int, context: Context, rules: Session) -> None:
        super().__init__(session, room, context, rules)
        self.recording = RecordingControl(self.recorder, rules, context.tasks, self.handle, self.announcer)
        # An idle room has no timer.
        self._alarm = Alarm(context.clock, lambda: self.handle(events.Time()))
        self._alarm.set(rules.deadline)

    def handle(self, event: events.Event) -> list[effects.Effect]:
        """Hand an event to the rules, carry out what they answer, and set the alarm for what they wait for."""
        muted_all = self.rules.muted_all
        answer = self.rules.handle(event, self.context.clock())
        for carried in self.rules.carried():
            _note_keys(self, carried)
        if self.rules.muted_all is not muted_all:
            self.publish(EventType.CONFERENCE_CHANGED, muted_all=self.rules.muted_all)
        self._alarm.set(self.rules.deadline)
        for effect in answer:
            self.carried_out[type(effect)](self, effect)
        self.spoken.sweep()
        return answer

    def command(self, event: events.Event) -> None:
        """Hand to the rules what somebody in control wants.

        Raises
        ------
        NotAllowed
            It is not for the party to decide.
        WrongState
            It cannot be done now.
        """
        for effect in self.handle(event):
            if isinstance(effect, effects.Denied):
                error, why = DENIALS[effect.reason]
                raise error(why)

    def ask(self, member: Member, party: Party, event: events.Join | events.InviteAnswered) -> effects.Refused | None:
        """Ask the rules for a member that wants in, as `party`; it is taken over by the effect that says yes.

        Returns
        -------
        Refused
            The rules say no: the member stays with who has it, as it was. None: it is in, or waits.
        """
        self.asking[party.id] = (member, party, event)
        refused = next((effect for effect in self.handle(event) if isinstance(effect, effects.Refused)), None)
        del self.asking[party.id]
        if refused is not None:
            log.info("party_refused", session=self.session.id, party=party.id, reason=refused.reason)
        return refused

    # What telephones do.

    def keeps(self, member: Member) -> bool:
        """Say whether a member is here."""
        return self.members.get(member.party.id) is member

    def lost(self, member: Member) -> None:
        """Go on without a member that another keeper has taken."""
        self.dismiss(member, "moved")

    def over(self, member: Member, reason: str) -> None:
        """Take notice that a member's call is over."""
        self.dismiss(member, reason)

    def silent(self, member: Member) -> None:
        """Take notice that no media came from a member for too long."""
        log.info("no_media", session=self.session.id, party=member.party.id)
        self.dismiss(member, NO_MEDIA)

    def key(self, member: Member, digit: str) -> None:
        """Give a pressed key to the rules; what is being said to the party gives way."""
        self.announcer.key(member.party.id)
        self.handle(events.Keys(member.party.id, digit))

    def held(self, member: Member, on: bool) -> None:
        """Take notice that a telephone put the call on hold, or took it back."""
        self.handle(events.PeerHeld(member.party.id, on))
        for watcher in self.session.watchers:
            watcher(member.party.id)

    def talking(self, member: Member, on: bool) -> None:
        """Tell who talks."""
        member.party.talking = on
        self.recorder.talking(member.party.id, on)
        self.publish(EventType.PARTY_TALKING, member.party.id, on=on)
        self.handle(events.Talking(member.party.id, on))

    def echoing(self, member: Member, on: bool) -> None:
        """Tell whose telephone returns what the others say."""
        member.party.echoing = on
        self.publish(EventType.PARTY_ECHOING, member.party.id, on=on)

    def dismiss(self, member: Member, reason: str) -> None:
        """Tell the rules that a member leaves, whoever wants that; the session goes on without it, if they say so."""
        self.handle(events.Leave(member.party.id, reason))
        if self.keeps(member):
            # The rules do not know it: nobody else would ever end it.
            self.see_off(member, reason)

    def close(self, reason: str) -> None:
        """End the session: BYE to all, the recording closed, the room given back."""
        self.handle(events.End(reason))


def _note_keys(room: RuledRoom, carried: Carried) -> None:
    """Log a command by keys; what was typed besides may be a code and is not told."""
    log.info(
        "command",
        command=carried.command,
        **actor_of(room.members[carried.party].party, "keys").fields(),
        session=room.session.id,
        party=carried.party,
        **({"number": carried.number} if carried.number else {}),
        outcome="done" if carried.done else "refused",
    )
