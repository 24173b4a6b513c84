"""A session by its rules: what happens is an event for them, and what they answer is done, without a second thought.

What is commanded through the control face, what is pressed, who comes and who goes are events for the rules, whatever
kind of session it is: a conference (`ConferenceRoom`) or a call of two parties (`CallRoom`).
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import structlog

from mixer.rules import effects, events
from mixer.rules.attendance import MOST_LABELS
from mixer.rules.session import Session
from mixer.rules.state import Carried
from softphone.focus.commanding import actor_of
from softphone.focus.errors import FocusError, NotAllowed, WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member
from softphone.focus.room.recording import NOT_RECORDING, RecordingControl
from softphone.focus.room.room import NO_MEDIA, Room
from softphone.focus.room.voices import Voices
from softphone.focus.session import Party, TelephonySession
from softphone.media.contract.leg import LegVoice
from softphone.tasks import Alarm

__all__ = ["RuledRoom"]

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
    "groups_open": (WrongState, "There are breakout groups already: end them first"),
    "no_groups": (WrongState, "There are no breakout groups"),
    "no_group": (WrongState, "There is no such breakout group"),
    "may_not_return": (NotAllowed, "The host lets nobody return from its group by itself"),
    "no_conference": (WrongState, "A call of two parties has no such thing"),
}


class RuledRoom(Room):
    """A running session, the keeper of its members: what happens to them is an event, what follows is carried out.

    Parameters
    ----------
    session, room, context, rules
        As for `Room`.
    """

    carried_out: ClassVar[Mapping[type, Callable[[Any, Any], None]]]
    "What is done for each effect of the rules: `softphone.focus.room.carried_out`, and what a kind of room adds."

    def __init__(self, session: TelephonySession, room: int, context: Context, rules: Session) -> None:
        super().__init__(session, room, context, rules)
        self.recording = RecordingControl(self.recorder, rules, context.tasks, self.handle, self.announcer)
        self._voices = Voices(session, self.recorder, self.news, self.handle)
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
            self.news.publish(EventType.CONFERENCE_CHANGED, muted_all=self.rules.muted_all)
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

    def noticed(self, member: Member, event: LegVoice) -> None:
        """Tell who talks, has the floor, talks in vain or returns what it hears."""
        self._voices.take(member, event)

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
