"""A running conference: the rules of `mixer.conference` decide, `effects` carries out what they say.

One caller's way: `enter` (its call decides all) or `adopt` (the reception has answered it and checked its codes) tells
the rules of it; they let it in, let it wait, or refuse it. From then on its keys, and what is commanded through the
control face, are events for the rules. When they say that it left, it is seen off.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from mixer import conference as rules
from softphone.errors import CallRefused, SoftphoneError
from softphone.focus import effects, referrals
from softphone.focus.accounts import Extension
from softphone.focus.admission import Admission, Parting
from softphone.focus.announcer import Announcer
from softphone.focus.call_records import note_call
from softphone.focus.context import Context, Header
from softphone.focus.errors import WrongState
from softphone.focus.farewell import Farewell
from softphone.focus.feed import EventType
from softphone.focus.invitations import Invitation, Invitations
from softphone.focus.member import Member
from softphone.focus.music import Music
from softphone.focus.ringing import Dialer
from softphone.focus.room import Room
from softphone.focus.room_settings import LifeRules
from softphone.focus.session import ConferenceRole, Direction, Party, PartyAddress, TelephonySession

if TYPE_CHECKING:
    from softphone.sip.call import Call

__all__ = ["ConferenceRoom"]

log = structlog.get_logger()

REFUSALS = {
    "full": (486, "Busy Here"),
    "locked": (403, "Conference Locked"),
    "banned": (403, "Forbidden"),
    "ended": (410, "Gone"),
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

    Attributes
    ----------
    partings
        How those leave who are about to, by party.
    departing
        Those who have left and are not yet seen off.
    last_words
        Once the rules have ended the conference: why, and what is said to all.
    inside
        The parties whose coming was written into the history.
    """

    def __init__(
        self, session: TelephonySession, room: int, context: Context, settings: rules.Settings, dialer: Dialer
    ) -> None:
        super().__init__(session, room, context)
        self.announcer = Announcer(context, self.members.get, room)
        self.music = Music(context)
        self.invitations = Invitations(session, context, dialer, self._make_invited, self._invited)
        self.partings: dict[str, Parting] = {}
        self.departing: list[Member] = []
        self.last_words: Parting | None = None
        self.inside: set[str] = set()
        self._spoken: list[str] = []
        self._dialer = dialer
        self._configured = settings
        self._own = LifeRules()
        self._rules = rules.Conference(settings, context.clock())
        self._timer: asyncio.TimerHandle | None = None
        session.notices, session.muted_all = settings.entry_notices, self._rules.muted_all
        context.history.conference_created(
            session.id, kind=session.kind.value, owner_id=session.owner_id, extension_id=session.extension_id
        )
        self.publish(EventType.CONFERENCE_CREATED, kind=session.kind.value, extension=session.extension)
        self._arm()

    @property
    def settings(self) -> rules.Settings:
        """Of the rules, in force."""
        return self._rules.settings

    @property
    def max_members(self) -> int:
        """The most parties at one time."""
        return self.settings.max_members

    def configure(self, settings: rules.Settings) -> None:
        """Go on by other settings, but for the rules of its own."""
        self._configured = settings
        self.handle(rules.NewSettings(self._own.over(settings)))

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
        member = self.attach(self._new_party(admission), call)
        refused = self._join(member, admission)
        if refused is not None:
            raise CallRefused(*REFUSALS[refused.reason])
        referrals.follow(self, member)
        try:
            await member.answer(self.identity(member))
        except SoftphoneError:
            self.over(member, "failed")
            raise

    def adopt(self, member: Member, admission: Admission) -> rules.Refused | None:
        """Take somebody over whose call is answered.

        Returns
        -------
        Refused
            The rules say no: the member is left as it was. None: it is in, or waits.
        """
        before, keeper = member.party, member.keeper
        member.party = self._new_party(admission)
        member.party.status = before.status
        self.enrol(member)
        refused = self._join(member, admission)
        if refused is not None:
            member.party, member.keeper = before, keeper
        else:
            referrals.follow(self, member)
        return refused

    def _join(self, member: Member, admission: Admission) -> rules.Refused | None:
        event = rules.Join(member.party.id, admission.role, admission.kind, admission.identity, admission.spoken)
        refused = self.handle(event)
        self._spoken.append(admission.spoken)
        if refused is not None:
            self.strike(member.party.id)
            log.info("party_refused", session=self.session.id, party=member.party.id, reason=refused.reason)
        return refused

    def _new_party(self, admission: Admission) -> Party:
        host = admission.role is rules.Role.MODERATOR
        extension_id = admission.caller.id if admission.caller else None
        return Party(
            id=self.session.new_party_id(host=host),
            caller=PartyAddress(admission.number, admission.name, extension_id),
            callee=HERE,
            direction=Direction.OUTBOUND if host else Direction.INBOUND,
            role=ConferenceRole.HOST if host else ConferenceRole.PARTICIPANT,
            extension_id=extension_id,
        )

    def _make_invited(self, number: str) -> Member:
        extension = self._dialer.find(number)
        admission = Admission(number, extension.name if extension else "", extension)
        return Member(self._new_party(admission), self, self.context, room=self.room)

    def _invited(self, event: rules.Event, member: Member | None) -> None:
        """Tell the rules what became of an invitation."""
        if self.ended:
            if member is not None:
                Farewell(self.context, member).say()
            return
        if member is not None:
            self.enrol(member)
        refused = self.handle(event)
        if refused is not None and member is not None:
            self.strike(member.party.id)
            Farewell(self.context, member).say(refused.say)

    def dial(self, event: rules.Dial) -> Invitation:
        """Call somebody in.

        Raises
        ------
        WrongState
            The rules do not let anybody be invited now.
        """
        before = len(self.invitations.all)
        self.handle(event)
        if len(self.invitations.all) == before:
            raise WrongState("Nobody can be invited now")
        return list(self.invitations.all.values())[-1]

    # What they do.

    def set_muted(self, party_id: str, on: bool) -> None:
        """Turn a microphone off or on."""
        self.handle(rules.SetMuted(self.member(party_id).party.id, on))

    def key(self, member: Member, digit: str) -> None:
        """Give a pressed key to the rules; what is being said to the party gives way."""
        party = member.party.id
        if not self.ended and party in self.members:
            self.announcer.key(party)
            self.handle(rules.Keys(party, digit))

    def talking(self, member: Member, on: bool) -> None:
        """Tell who talks."""
        super().talking(member, on)
        party = member.party.id
        if not self.ended and party in self.members:
            self.publish(EventType.PARTY_TALKING, party, on=on)
            self.handle(rules.Talking(party, on))

    # Who goes.

    def dismiss(self, member: Member, reason: str, headers: Sequence[Header] = ()) -> None:
        """Send a member away: BYE, and the conference goes on without it."""
        self.part(member, Parting(reason, headers=headers))

    def over(self, member: Member, reason: str) -> None:
        """Tell the rules that somebody's call is over."""
        self.part(member, Parting(reason))

    def part(self, member: Member, parting: Parting) -> None:
        """Tell the rules that somebody leaves."""
        party = member.party.id
        if self.ended or self.members.get(party) is not member:
            return
        self.partings[party] = parting
        self.handle(rules.Leave(party))
        if self.release(member):
            self.partings.pop(party, None)

    def give(self, member: Member) -> None:
        """Let somebody go who is another room's already."""
        party = next(name for name, each in self.members.items() if each is member)
        self.strike(party)
        self.partings[party] = Parting("moved")
        self.handle(rules.Leave(party))

    def close(self, reason: str) -> None:
        """End the conference."""
        if self.ended:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.announcer.close()
        self.invitations.close()
        for party in list(self.members):
            self.tell_left(party, reason)
            self.music.stop(party)
        for name in filter(None, self._spoken):
            self.context.names.forget(name)
        super().close(reason)
        self.context.history.conference_ended(self.session.id, reason)
        self.publish(EventType.CONFERENCE_ENDED, reason=reason)

    # The rules.

    def handle(self, event: rules.Event) -> rules.Refused | None:
        """Hand an event to the rules, carry out what they answer, and set the alarm for what they wait for.

        Returns
        -------
        Refused
            Of somebody who wants to come in, when the rules say no.
        """
        answer = self._rules.handle(event, self.context.clock())
        if self.session.muted_all != self._rules.muted_all:
            self.session.muted_all = self._rules.muted_all
            self.publish(EventType.CONFERENCE_CHANGED, muted_all=self.session.muted_all)
        self._arm()
        refused = None
        for effect in answer:
            if isinstance(effect, rules.Refused):
                refused = effect
            else:
                effects.carry_out(self, effect)
        self._see_off()
        return refused

    def _see_off(self) -> None:
        """Say goodbye to those who left, and to the conference if it is over."""
        departing, self.departing = self.departing, []
        for member in departing:
            party = member.party.id
            parting = self.last_words or self.partings.pop(party, Parting("left"))
            self.tell_left(party, parting.reason)
            Farewell(self.context, member, parting.headers).say(parting.say)
        if self.last_words is not None:
            self.close(self.last_words.reason)

    def tell_left(self, party: str, reason: str) -> None:
        """Write down that somebody who was inside is not any more."""
        if party in self.inside:
            self.inside.discard(party)
            self.context.history.left(self.session.id, party, reason)
        self.publish(EventType.PARTY_LEFT, party, reason=reason)
        log.info("party_left", session=self.session.id, party=party, reason=reason)

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
        if deadline is not None and not self.ended:
            delay_s = max(0.0, deadline - self.context.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self.handle(rules.Time())
