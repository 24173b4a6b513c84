"""A running conference: the rules of `mixer.rules.conference` decide, `effects` carries out what they say.

One caller's way: `enter` (its call decides all) or `admit` (it is answered, and somebody's: the reception's, or another
conference's) asks the rules; they let it in, let it wait, or refuse it, and only then does it change hands. From then
on its keys, its end, and what is commanded through the control face, are events for the rules. When they say that it
left, it is seen off.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from mixer.rules import events, roles
from mixer.rules.conference import Conference
from mixer.rules.effects import Denied, Effect, Invite, Refused
from mixer.rules.roles import Role
from mixer.rules.settings import Settings
from softphone.errors import CallRefused, SoftphoneError
from softphone.focus.context import Context
from softphone.focus.errors import FocusError, NotAllowed, WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.announcer import Announcer
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.farewell import Farewell
from softphone.focus.party.invitations import Invitation, Invitations
from softphone.focus.party.member import Member
from softphone.focus.party.music import HoldMusic
from softphone.focus.room import effects, referrals
from softphone.focus.room.admission import Admission
from softphone.focus.room.call_records import note_call
from softphone.focus.room.key_commands import note_keys
from softphone.focus.room.namesakes import Namesakes
from softphone.focus.room.recording import RecordingState
from softphone.focus.room.recording_notices import RecordingNotices
from softphone.focus.room.room import Room
from softphone.focus.room.settings import LifeRules
from softphone.focus.session import ConferenceRole, Direction, Party, PartyAddress, TelephonySession
from softphone.focus.voice.spoken import SpokenNames
from softphone.store.values import Extension
from softphone.text import shown

if TYPE_CHECKING:
    from softphone.sip.ua.call import Call

__all__ = ["ConferenceRoom"]

log = structlog.get_logger()

REFUSALS = {
    "full": (486, "Busy Here"),
    "locked": (403, "Conference Locked"),
    "banned": (403, "Forbidden"),
    "ended": (410, "Gone"),
}

# Why something is not done, as the rules say it and as people read it.
DENIALS: dict[str, tuple[type[FocusError], str]] = {
    "not_allowed": (NotAllowed, "The conference does not let this party unmute itself"),
    "listener": (WrongState, "A listener's microphone is never on: give it another role first"),
    "not_inside": (WrongState, "The party is not in the room yet"),
    "not_in_lobby": (WrongState, "The party is not in the lobby"),
    "nobody_inside": (WrongState, "Nobody is in the conference: there is nothing to record"),
    "locked": (WrongState, "The conference is locked: unlock it first"),
}

HERE = PartyAddress("conference", "Conference")


class ConferenceRoom(Room):
    """A conference.

    Parameters
    ----------
    session, room, context
        As for `Room`.
    settings
        Of the rules, as configured.
    dialer
        Calls people in.
    """

    def __init__(
        self, session: TelephonySession, room: int, context: Context, settings: Settings, dialer: Dialer
    ) -> None:
        super().__init__(session, room, context)
        self.spoken = SpokenNames(context.names)
        self.announcer = Announcer(context, self.members.get, room, lambda name, _to, _whole: self.spoken.told(name))
        self.music = HoldMusic(context)
        self.recording_notices = RecordingNotices(lambda notice: effects.say(self, notice))
        self.invitations = Invitations(session, context, dialer, self._make_invited, self._invited)
        self._namesakes = Namesakes(session.parties)
        self._asking: dict[str, tuple[Member, Party, str]] = {}
        self._dialer = dialer
        self._configured = settings
        self._own = LifeRules()
        self._rules = Conference(settings, context.clock())
        self._timer: asyncio.TimerHandle | None = None
        session.notices, session.muted_all = settings.entry_notices, self._rules.muted_all
        context.history.conference_created(
            session.id, kind=session.kind.value, owner_id=session.owner_id, extension_id=session.extension_id
        )
        self.publish(EventType.CONFERENCE_CREATED, kind=session.kind.value, extension=session.extension)
        self._arm()

    @property
    def settings(self) -> Settings:
        """Of the rules, in force."""
        return self._rules.settings

    @property
    def max_members(self) -> int:
        """The most parties at one time."""
        return self.settings.max_members

    def configure(self, settings: Settings) -> None:
        """Go on by other settings, but for the rules of its own."""
        self._configured = settings
        self.handle(events.NewSettings(self._own.over(settings)))

    def change_rules(self, changes: Mapping[str, Any]) -> None:
        """Change the rules of its own; see `LifeRules`."""
        self._own = self._own.changed(changes)
        self.configure(self._configured)

    def member_of(self, extension: Extension) -> Member | None:
        """Give the call by which an extension is in the conference, or waits for it."""
        those = (member for member in self.members.values() if member.party.extension_id == extension.id)
        return next(those, None)

    @property
    def banned(self) -> frozenset[str]:
        """Who is not let in: ids of extensions, numbers of others."""
        return self._rules.banned

    def bannable(self, party_id: str) -> bool:
        """Whether a party would be known again: who hides its number is not."""
        return bool(self._rules.parties[self.member(party_id).party.id].identity)

    # Who comes.

    def check_open(self) -> None:
        """Refuse a caller that would be asked for a code in vain.

        Raises
        ------
        CallRefused
            The conference is locked or full.
        """
        full = self._rules.members >= self._rules.settings.max_members
        reason = "locked" if self._rules.locked else "full" if full else ""
        if reason:
            raise CallRefused(*REFUSALS[reason])

    async def enter(self, call: "Call", admission: Admission) -> None:
        """Let a call in, or refuse it.

        Raises
        ------
        CallRefused
            The rules say no; with the status and reason to answer.
        SdpError, MediaError, CallEnded
            It came to nothing; the party is gone again.
        """
        party = self._new_party(admission)
        member = Member(party, self.context, room=self.room, call=call)
        refused = self._join(member, party, admission)
        if refused is not None:
            raise CallRefused(*REFUSALS[refused.reason])
        try:
            await member.answer(self.identity(member))
        except SoftphoneError:
            member.keeper.over(member, "failed")
            raise

    def admit(self, member: Member, admission: Admission) -> Refused | None:
        """Take somebody over whose call is answered.

        Returns
        -------
        Refused
            The rules say no: the member stays with who has it, as it was. None: it is in, or waits.
        """
        return self._join(member, self._new_party(admission), admission)

    def _join(self, member: Member, party: Party, admission: Admission) -> Refused | None:
        event = events.Join(
            party.id,
            admission.role,
            admission.kind,
            admission.identity,
            admission.spoken,
            muted=admission.muted,
            deaf=admission.deaf,
            input_db=admission.volume_in_db,
            output_db=admission.volume_out_db,
        )
        refused = self._ask(member, party, event)
        if refused is None:
            referrals.follow(self, member)
        return refused

    def _ask(self, member: Member, party: Party, event: events.Join | events.InviteAnswered) -> Refused | None:
        """Ask the rules for a member that wants in, as `party`; it is taken over by the effect that says yes."""
        self._asking[party.id] = (member, party, event.name)
        refused = next((effect for effect in self.handle(event) if isinstance(effect, Refused)), None)
        del self._asking[party.id]
        if refused is not None:
            log.info("party_refused", session=self.session.id, party=party.id, reason=refused.reason)
        return refused

    def arrive(self, party_id: str) -> Member:
        """Give the member that the rules let in or let wait; one that has asked is here from now on."""
        if party_id not in self.members:
            member, party, spoken = self._asking[party_id]
            if party_id in self._rules.parties:
                # Of an invitation, only the rules know as what it comes.
                party.role = ConferenceRole.of(self._rules.parties[party_id].role)
            party.caller = replace(party.caller, name=self._namesakes.name(party))
            self.take(member, party)
            self.spoken.came(party_id, spoken)
        return self.members[party_id]

    def admission_of(self, member: Member, caller: Extension | None) -> Admission:
        """Say as what a member, which is the extension `caller` if any, goes on into another conference."""
        known, address = self._rules.parties[member.party.id], member.party.caller
        return Admission(
            address.number,
            address.name,
            caller,
            known.role,
            known.kind,
            known.sound,
            muted=known.muted,
            deaf=known.deaf,
            volume_in_db=known.input_db,
            volume_out_db=known.output_db,
        )

    def _new_party(self, admission: Admission) -> Party:
        host = admission.role is Role.MODERATOR
        extension_id = admission.caller.id if admission.caller else None
        return Party(
            id=self.session.new_party_id(host=host),
            caller=PartyAddress(admission.number, admission.name, extension_id),
            callee=HERE,
            direction=Direction.OUTBOUND if host else Direction.INBOUND,
            role=ConferenceRole.of(admission.role),
            extension_id=extension_id,
        )

    def _make_invited(self, number: str) -> Member:
        extension = self._dialer.find(number)
        admission = Admission(number, extension.name if extension else "", extension)
        return Member(self._new_party(admission), self.context, room=self.room)

    def _invited(self, event: events.InviteAnswered | events.InviteFailed, member: Member | None) -> None:
        """Tell the rules what became of an invitation."""
        if isinstance(event, events.InviteFailed) or member is None:
            self.handle(event)
            return
        refused = self._ask(member, member.party, event)
        if refused is not None:
            Farewell(self.context, member).say(refused.say)

    def dial(self, event: events.Dial, known_as: str = "") -> Invitation:
        """Call somebody in.

        Parameters
        ----------
        event
            Its number may be a URI, too.
        known_as
            A name by which whoever invites reaches us.

        Raises
        ------
        WrongState
            The rules do not let anybody be invited now.
        """
        named = self._dialer.spelled(event.number, known_as)
        for effect in self.handle(replace(event, number=shown(named))):
            if isinstance(effect, Invite):
                return self.invitations.all[effect.invitation]
        raise WrongState("Nobody can be invited now")

    # What they do.

    def set_muted(self, party_id: str, on: bool, *, own: bool = False) -> None:
        """Turn a microphone off or on; raises as :meth:`command`."""
        self.command(events.SetMuted(self.member(party_id).party.id, on, own))

    async def record(self, *, on: bool) -> RecordingState:
        """Start or stop the recording; WrongState also when nobody is there to be recorded."""
        if on:
            # The rules begin it themselves, with a notice; what is given back is the state of the same recording.
            self.command(events.SetRecording(roles.RecordingState.RUNNING))
            return await super().record(on=True)
        state = await super().record(on=False)
        self.handle(events.SetRecording(roles.RecordingState.OFF))
        return state

    def key(self, member: Member, digit: str) -> None:
        """Give a pressed key to the rules; what is being said to the party gives way."""
        self.announcer.key(member.party.id)
        self.handle(events.Keys(member.party.id, digit))

    def talking(self, member: Member, on: bool) -> None:
        """Tell who talks."""
        super().talking(member, on)
        self.publish(EventType.PARTY_TALKING, member.party.id, on=on)
        self.handle(events.Talking(member.party.id, on))

    # Who goes.

    def dismiss(self, member: Member, reason: str) -> None:
        """Tell the rules that a member leaves; the conference goes on without it, if they say so."""
        self.handle(events.Leave(member.party.id, reason))
        if self.keeps(member):
            # The rules do not know it: nobody else would ever end it.
            self.see_off(member, reason)

    def close(self, reason: str) -> None:
        """End the conference."""
        self.handle(events.End(reason))

    def wind_up(self, reason: str) -> None:
        """Give everything back when the rules have ended the conference, and all have left."""
        self.announcer.close()
        self.invitations.close()
        self.spoken.close()
        super().wind_up(reason)
        self.context.history.conference_ended(self.session.id, reason)
        self.publish(EventType.CONFERENCE_ENDED, reason=reason)

    # The rules.

    def handle(self, event: events.Event) -> list[Effect]:
        """Hand an event to the rules, carry out what they answer, and set the alarm for what they wait for."""
        answer = self._rules.handle(event, self.context.clock())
        if self.session.muted_all != self._rules.muted_all:
            self.session.muted_all = self._rules.muted_all
            self.publish(EventType.CONFERENCE_CHANGED, muted_all=self.session.muted_all)
        self._arm()
        for carried in self._rules.carried():
            note_keys(self, carried)
        for effect in answer:
            effects.carry_out(self, effect)
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
            if isinstance(effect, Denied):
                error, why = DENIALS[effect.reason]
                raise error(why)

    def publish(self, type: EventType, party: str | None = None, **data: object) -> None:
        """Tell the watchers; who comes and goes is a call in the history."""
        self.context.feed.publish(type, self.session.id, party, **data)
        note_call(self.context.history, self.session, self.invitations.all.values(), type, party, data)

    def _arm(self) -> None:
        """Wake up when the rules want to know that time has passed; an idle room has no timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._rules.deadline
        if deadline is not None:
            delay_s = max(0.0, deadline - self.context.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.handle(events.Time())
