"""A running conference: the rules of `mixer.rules.conference` decide, `ruled` carries out what they say.

One caller's way: `arriving` (its call decides all) or `admit` (it is answered, and somebody's: the reception's, or
another conference's) asks the rules; they let it in, let it wait, or refuse it, and only then does it change hands.
From then on its keys, its end, and what is commanded through the control face, are events for the rules. When they say
that it left, it is seen off.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from mixer.rules import events, room_events
from mixer.rules.effects import GroupChanged, Refused, VoicesLevelled
from mixer.rules.roles import Role
from mixer.rules.room_effects import DropInvite, GroupsChanged, Invite
from mixer.rules.session import Conference
from mixer.rules.settings import Settings
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.invitations import DialOutStatus, Invitations
from softphone.focus.party.member import Member
from softphone.focus.room.admission import Admission, Namesakes, NotAdmitted
from softphone.focus.room.carried_out import CARRIED_OUT, level_voices
from softphone.focus.room.groups import group_changed, groups_changed
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.room.settings import LifeRules
from softphone.focus.session import Direction, Party, PartyAddress, TelephonySession
from softphone.sip.message.fields import Address
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.text import shown

__all__ = ["ConferenceRoom"]

log = structlog.get_logger()

HERE = PartyAddress("conference", "Conference")

Refer = Callable[["ConferenceRoom", Member, Address], Awaitable[None]]
"""Carries a REFER out: of whom in which conference, and what it names; raises CallRefused."""


class ConferenceRoom(RuledRoom):
    """A conference.

    Parameters
    ----------
    session, room, context
        As for `Room`.
    settings
        Of the rules, as configured.
    dialer
        Calls people in.
    refer
        Does what the REFER of a member's telephone asks for.
    """

    def __init__(
        self, session: TelephonySession, room: int, context: Context, settings: Settings, dialer: Dialer, refer: Refer
    ) -> None:
        super().__init__(session, room, context, Conference(settings, context.clock()))
        self.invitations = Invitations(session, context, dialer, self._make_invited, self._invited)
        self.namesakes = Namesakes()
        self.dialer, self._refer = dialer, refer
        self._configured, self._own = settings, LifeRules()
        if settings.level_voices:
            level_voices(self, VoicesLevelled(True))
        _note(session, context)
        self.news.publish(EventType.CONFERENCE_CREATED, kind=session.kind.value, extension=session.extension)

    def configure(self, settings: Settings) -> None:
        """Go on by other settings, but for the rules of its own."""
        self._configured = settings
        self.handle(room_events.NewSettings(self._own.over(settings)))
        for member in self.members.values():
            self._keep_encrypted(member)

    def change_rules(self, changes: Mapping[str, Any]) -> None:
        """Change the rules of its own; see `LifeRules`."""
        self._own = self._own.changed(changes)
        self.configure(self._configured)

    def member_of(self, extension: Extension) -> Member | None:
        """Give the call by which an extension is in the conference, or waits for it."""
        return next((self.members[each.id] for each in self.session.calls_of(extension.id)), None)

    # Who comes.

    def check_open(self) -> None:
        """Refuse a caller that would be asked for a code in vain.

        Raises
        ------
        NotAdmitted
            The conference is locked or full, whatever code it would know.
        """
        settings = self.rules.settings
        if self.rules.locked and not (settings.hosted and settings.hosts_pass_lock):
            raise NotAdmitted("locked")
        if self.rules.size >= settings.max_members and not (settings.hosted and settings.hosts_pass_limit):
            raise NotAdmitted("full")

    def newcomer(self, admission: Admission, call: InviteSession | None = None) -> Member:
        """Make the member of somebody who wants in; it is nobody's."""
        party = _new_party(self.session, admission)
        return self.context.member(party, room=self.room, call=call, encrypted=self.rules.settings.encrypted)

    def admit(self, member: Member, admission: Admission) -> Refused | None:
        """Take somebody over whose call is answered.

        Returns
        -------
        Refused
            The rules say no: the member stays with who has it, as it was. None: it is in, or waits.
        """
        return self.let_in(member, _new_party(self.session, admission), admission)

    def let_in(self, member: Member, party: Party, admission: Admission) -> Refused | None:
        """As :meth:`admit`, as this party."""
        plain = self.rules.settings.encrypted and member.leg is not None and not member.media.cipher
        refused = Refused(party.id, "not_encrypted") if plain else self.ask(member, party, admission.event(party.id))
        if refused is None:
            self._keep_encrypted(member)
            if member.call is not None:
                member.call.on_refer = lambda target, _told: self._refer(self, member, target)
        return refused

    def _keep_encrypted(self, member: Member) -> None:
        """Let who is encrypted not give it up, where only such come in; who has been in as it is stays."""
        if self.rules.settings.encrypted and member.media.cipher:
            member.media.encrypt("required")

    def _make_invited(self, number: str) -> Member:
        extension = self.dialer.find(number)
        admission = Admission(number, extension.name if extension else "", extension)
        return self.newcomer(admission)

    def _invited(self, event: events.InviteAnswered | events.InviteFailed, member: Member | None) -> None:
        """Tell the rules what became of an invitation."""
        if isinstance(event, events.InviteFailed) or member is None:
            self.handle(event)
            return
        refused = self.ask(member, member.party, event)
        if refused is not None:
            Hangup(self.context, member).say(refused.say)

    def dial(self, event: room_events.Dial, known_as: str = "") -> DialOutStatus:
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
        named = self.dialer.spelled(event.number, known_as)
        for effect in self.handle(replace(event, number=shown(named))):
            if isinstance(effect, Invite):
                return self.invitations.all[effect.invitation]
        raise WrongState("Nobody can be invited now")

    # What happens.

    def wind_up(self, reason: str) -> None:
        """Give everything back when the rules have ended the conference, and all have left."""
        self.invitations.close()
        super().wind_up(reason)
        self.context.history.conference_ended(self.session.id, reason)
        self.news.publish(EventType.CONFERENCE_ENDED, reason=reason)


def _note(session: TelephonySession, context: Context) -> None:
    """Write down that a conference was made."""
    context.history.conference_created(
        session.id,
        kind=session.kind.value,
        owner_id=session.owner_id,
        extension_id=session.extension_id,
        name=session.name or session.extension or "",
    )


def _new_party(session: TelephonySession, admission: Admission) -> Party:
    host = admission.role is Role.MODERATOR
    extension_id = admission.caller.id if admission.caller else None
    return Party(
        id=session.new_party_id(host=host),
        caller=PartyAddress(admission.number, admission.name, extension_id),
        callee=HERE,
        direction=Direction.OUTBOUND if host else Direction.INBOUND,
        extension_id=extension_id,
    )


def _invite(room: ConferenceRoom, effect: Invite) -> None:
    inviter = room.session.parties.get(effect.by)
    room.invitations.start(effect.invitation, effect.number, effect.by, _caller(room, inviter), hidden=effect.hidden)


def _caller(room: ConferenceRoom, inviter: Party | None) -> Caller:
    """Say for whom somebody is called in: for who invites, or for whoever the conference belongs to."""
    if inviter is not None:
        return Caller(inviter.caller.number, inviter.caller.name, account=inviter.extension_id or "")
    owner = room.session.owner_id or room.session.extension_id or room.session.id
    return Caller(room.session.extension or "conference", "Conference", account=owner)


def _drop_invite(room: ConferenceRoom, effect: DropInvite) -> None:
    room.invitations.drop(effect.invitation)


ConferenceRoom.carried_out = {
    **CARRIED_OUT,
    Invite: _invite,
    DropInvite: _drop_invite,
    GroupChanged: group_changed,
    GroupsChanged: groups_changed,
}
