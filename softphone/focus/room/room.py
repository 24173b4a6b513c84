"""A running session: its rules decide, `effects` carries out what they say; its members, its room on a worker.

What is commanded through the control face, what is pressed, who comes and who goes are events for the rules, whatever
kind of session it is: a conference (`ConferenceRoom`) or a call of two parties (`CallRoom`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import structlog

from mixer.rules.effects import Denied, Effect, Prompt, Refused, Say
from mixer.rules.events import End, Event, InviteAnswered, Join, Keys, Leave, PeerHeld, Talking, Time
from mixer.rules.session import Session
from softphone.focus.context import Context, Header
from softphone.focus.errors import FocusError, NoSuchParty, NotAllowed, WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.member import Member
from softphone.focus.party.music import HoldMusic
from softphone.focus.party.prompt_player import PromptPlayer
from softphone.focus.room.recording import NOT_RECORDING, Recorder, RecordingControl
from softphone.focus.session import Party, PartyStatus, TelephonySession
from softphone.focus.voice.names import SpokenNames

__all__ = ["Room"]

log = structlog.get_logger()

NO_MEDIA = "no media"

# What a BYE says, by why the party leaves. RFC 3326; cause 102 is "recovery on timer expiry" (ITU-T Q.850).
BYE: Mapping[str, Sequence[Header]] = {NO_MEDIA: [("Reason", 'Q.850;cause=102;text="no media"')]}

# Why something is not done, as the rules say it and as people read it.
DENIALS: Mapping[str, tuple[type[FocusError], str]] = {
    "not_allowed": (NotAllowed, "The conference does not let this party unmute itself"),
    "listener": (WrongState, "A listener's microphone is never on: give it another role first"),
    "not_inside": (WrongState, "The party is not in the room yet"),
    "not_in_lobby": (WrongState, "The party is not in the lobby"),
    "nobody_inside": (WrongState, "Nobody is in the conference: there is nothing to record"),
    "not_recording": (WrongState, NOT_RECORDING),
    "locked": (WrongState, "The conference is locked: unlock it first"),
    "no_conference": (WrongState, "A call of two parties has no such thing"),
}


class Room:
    """A running session, the keeper of its members.

    Parameters
    ----------
    session
        What others see of it; kept up to date.
    room
        Its room on the worker.
    context
        The focus's side.
    rules
        What decides.

    Attributes
    ----------
    members
        Who is here, by party; the same parties as in `session`. Only :meth:`take` and :meth:`see_off` change it.
    """

    carried_out: ClassVar[Mapping[type, Callable[[Any, Any], None]]]
    "What is done for each effect of the rules."

    def __init__(self, session: TelephonySession, room: int, context: Context, rules: Session) -> None:
        self.session = session
        self.room = room
        self.context = context
        self.rules = rules
        self.members: dict[str, Member] = {}
        self.spoken = SpokenNames(context.names)
        self.announcer = PromptPlayer(context, self.members.get, room, lambda name, _to, _whole: self.spoken.told(name))
        self.music = HoldMusic(context)
        self.recorder = Recorder(context, session.id, room, self.members.values)
        self.recording = RecordingControl(self.recorder, rules, context.tasks, self.handle, self.say)
        self.ended = False
        self._came: dict[str, float] = {}
        self._asking: dict[str, tuple[Member, Party, Join | InviteAnswered]] = {}
        self._timer: asyncio.TimerHandle | None = None

    # The rules.

    def handle(self, event: Event) -> list[Effect]:
        """Hand an event to the rules, carry out what they answer, and set the alarm for what they wait for."""
        answer = self.rules.handle(event, self.context.clock())
        self.ruled()
        self.arm()
        for effect in answer:
            self.carried_out[type(effect)](self, effect)
        self.spoken.sweep()
        return answer

    def ruled(self) -> None:
        """Take notice of what the rules have changed about the session as a whole, before their effects."""

    def command(self, event: Event) -> None:
        """Hand to the rules what somebody in control wants.

        Raises
        ------
        NotAllowed
            It is not for the party to decide.
        WrongState
            It cannot be done now.
        """
        for effect in self.handle(event):
            if isinstance(effect, Denied):
                error, why = DENIALS[effect.reason]
                raise error(why)

    def arm(self) -> None:
        """Wake up when the rules want to know that time has passed; an idle room has no timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.rules.deadline
        if deadline is not None:
            delay_s = max(0.0, deadline - self.context.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.handle(Time())

    def publish(self, type: EventType, party: str | None = None, **data: object) -> None:
        """Tell the watchers."""
        self.context.feed.publish(type, self.session.id, party, **data)

    def say(self, effect: Say) -> None:
        """Say something to a party, or to all."""
        # Keys cut off what was said to the one who pressed them; what was said to all, they do not. What is said to one
        # is not said in the room, so no recording of the room has it.
        self.announcer.say(
            effect.to,
            effect.prompts,
            notice=effect.notice,
            recorded=effect.recorded and effect.to is None,
            barge_in=effect.to is not None,
            tag=self.spoken.telling(effect.prompts),
        )

    # Who comes.

    def ask(self, member: Member, party: Party, event: Join | InviteAnswered) -> Refused | None:
        """Ask the rules for a member that wants in, as `party`; it is taken over by the effect that says yes.

        Returns
        -------
        Refused
            The rules say no: the member stays with who has it, as it was. None: it is in, or waits.
        """
        self._asking[party.id] = (member, party, event)
        refused = next((effect for effect in self.handle(event) if isinstance(effect, Refused)), None)
        del self._asking[party.id]
        if refused is not None:
            log.info("party_refused", session=self.session.id, party=party.id, reason=refused.reason)
        return refused

    def arrive(self, party_id: str) -> Member:
        """Give the member that the rules let in or let wait; one that has asked is here from now on."""
        if party_id not in self.members:
            member, party, event = self._asking[party_id]
            party.facts = self.rules.parties.get(party_id)
            self.coming(party, event)
            self.take(member, party)
        return self.members[party_id]

    def coming(self, party: Party, event: Join | InviteAnswered) -> None:
        """Take notice of a party that the rules let in, before others see it."""

    def take(self, member: Member, party: Party) -> None:
        """Have a member from now on, as `party`; who had it has it no more."""
        member.pass_to(self, party)
        self.members[party.id] = member
        self._came[party.id] = self.context.clock()
        self.session.arrive(party)

    def member(self, party_id: str) -> Member:
        """Find a member.

        Raises
        ------
        NoSuchParty
        """
        try:
            return self.members[party_id]
        except KeyError:
            raise NoSuchParty(party_id) from None

    def identity(self, member: Member) -> Sequence[Header]:
        """Tell the client which party of which session it is; the form is what clients parse, to the letter."""
        return [("p-rc-api-ids", f"party-id={member.party.id};session-id={self.session.id}")]

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
        self.handle(Keys(member.party.id, digit))

    def held(self, member: Member, on: bool) -> None:
        """Take notice that a telephone put the call on hold, or took it back."""
        self.handle(PeerHeld(member.party.id, on))

    def talking(self, member: Member, on: bool) -> None:
        """Tell who talks."""
        member.party.talking = on
        self.recorder.talking(member.party.id, on)
        self.publish(EventType.PARTY_TALKING, member.party.id, on=on)
        self.handle(Talking(member.party.id, on))

    # Who goes.

    def dismiss(self, member: Member, reason: str) -> None:
        """Tell the rules that a member leaves, whoever wants that; the session goes on without it, if they say so."""
        self.handle(Leave(member.party.id, reason))
        if self.keeps(member):
            # The rules do not know it: nobody else would ever end it.
            self.see_off(member, reason)

    def see_off(self, member: Member, reason: str, say: Sequence[Prompt] = ()) -> None:
        """Have a member no more; unless another keeper has it already, it hears a last word and gets BYE."""
        del self.members[member.party.id]
        self.session.parties.pop(member.party.id, None)
        if member.keeper is self:
            member.party.status = PartyStatus.DISCONNECTED
            Hangup(self.context, member, BYE.get(reason, ())).say(say)
        seconds = round(self.context.clock() - self._came.pop(member.party.id), 1)
        log.info("party_left", session=self.session.id, party=member.party.id, reason=reason, seconds=seconds)

    def close(self, reason: str) -> None:
        """End the session: BYE to all, the recording closed, the room given back."""
        self.handle(End(reason))

    def wind_up(self, reason: str) -> None:
        """Give everything back when the rules have ended the session, and all have left."""
        self.ended = True
        self.announcer.close()
        self.spoken.close()
        self.context.tasks.start(self._give_back())
        self.context.closed(self, reason)
        log.info("session_ended", session=self.session.id, reason=reason)

    async def _give_back(self) -> None:
        await self.recorder.finish()
        await self.context.media.remove_room(self.room)
