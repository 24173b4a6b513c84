"""Calling people into a conference: ``*8``, the control face, and what becomes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

import structlog

from mixer.rules.events import InviteAnswered, InviteFailed
from mixer.rules.roles import PartyKind
from softphone.errors import SoftphoneError
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.forwarding import Forwarding
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import DROPPED, Outcome, outcome_of
from softphone.focus.party.ringing import Ringing
from softphone.focus.session import TelephonySession, identity_of
from softphone.sip.message.message import Headers

__all__ = ["DialOutStatus", "InvitationState", "Invitations"]

log = structlog.get_logger()

# Of a conference that calls people in all day, so many are remembered that are over.
KEPT = 100


class InvitationState(Enum):
    """How far an invitation is."""

    RINGING = "ringing"
    ANSWERED = "answered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(slots=True)
class DialOutStatus:
    """Somebody is called into a conference."""

    id: int
    "Counts from 1 in its conference."
    session: str
    number: str
    by: str
    "Party that invites; empty: somebody in control."
    state: InvitationState = InvitationState.RINGING
    reason: str = ""
    "Why it failed: one of `softphone.focus.party.outcome.WORDS`."
    party: str | None = None
    "Who answered."
    ringing: Ringing | None = field(default=None, repr=False)
    hidden: bool = False
    "Whether it is to be a hidden listener: for administrators."
    outcome: "asyncio.Future[Outcome | None]" = field(default_factory=lambda: asyncio.Future(), repr=False)
    "How it failed, once it has; None: it was answered."


class Invitations:
    """The invitations of one conference: those that ring, and the last ones that are over.

    Parameters
    ----------
    session, context, dialer
        The conference, the focus's side, and the way to a number.
    make
        Makes the member that a called number is going to be.
    tell
        Takes what the rules have to know; with the member that answered.

    Attributes
    ----------
    headers
        Of the INVITEs of those that are started now.
    """

    def __init__(
        self,
        session: TelephonySession,
        context: Context,
        dialer: Dialer,
        make: Callable[[str], Member],
        tell: Callable[[InviteAnswered | InviteFailed, Member | None], None],
    ) -> None:
        self.all: dict[int, DialOutStatus] = {}
        self.headers: Headers = ()
        self._session = session
        self._context = context
        self._dialer = dialer
        self._make = make
        self._tell = tell

    def start(self, number: int, called: str, by: str, caller: Caller, *, hidden: bool = False) -> None:
        """Ring a number.

        Parameters
        ----------
        number
            Of the invitation.
        called
            Whom.
        by
            The party that invites.
        caller
            Who is shown to the called.
        hidden
            Whether only administrators are told.
        """
        invitation = DialOutStatus(number, self._session.id, called, by, hidden=hidden)
        self._forget()
        self.all[number] = invitation
        self._publish(EventType.INVITATION_RINGING, invitation)
        self._context.tasks.start(self._call(invitation, replace(caller, headers=self.headers)))

    def _forget(self) -> None:
        """Forget the oldest that are over."""
        over = [each.id for each in self.all.values() if each.state is not InvitationState.RINGING]
        for number in over[:-KEPT]:
            del self.all[number]

    def drop(self, number: int) -> None:
        """Ring no more."""
        invitation = self.all.get(number)
        if invitation is not None and invitation.state is InvitationState.RINGING:
            if invitation.ringing is not None:
                invitation.ringing.stop()
            self._fail(invitation, InvitationState.DROPPED, DROPPED)

    def close(self) -> None:
        """Ring nobody any more."""
        for number in list(self.all):
            self.drop(number)

    async def _call(self, invitation: DialOutStatus, caller: Caller) -> None:
        try:
            invitation.ringing = Ringing(self._dialer, self._context, self._session)
            way = Forwarding(invitation.ringing, self._dialer)
            member = await way.reach(invitation.number, lambda: self._make(invitation.number), caller)
        except SoftphoneError as error:
            self._failed(invitation, outcome_of(error))
            return
        finally:
            invitation.ringing = None
        if invitation.state is not InvitationState.RINGING:
            Hangup(self._context, member).say()
            return
        invitation.state, invitation.party = InvitationState.ANSWERED, member.party.id
        invitation.outcome.set_result(None)
        log.info("invitation_answered", session=self._session.id, number=invitation.number, party=member.party.id)
        self._publish(EventType.INVITATION_ANSWERED, invitation)
        self._tell(self._answered(invitation, member), member)

    def _answered(self, invitation: DialOutStatus, member: Member) -> InviteAnswered:
        extension = member.party.extension_id
        kind = PartyKind.INSIDE if extension else PartyKind.OUTSIDE
        return InviteAnswered(invitation.id, member.party.id, kind, identity_of(invitation.number, extension))

    def _failed(self, invitation: DialOutStatus, outcome: Outcome) -> None:
        if invitation.state is InvitationState.RINGING:
            self._fail(invitation, InvitationState.FAILED, outcome)
            self._tell(InviteFailed(invitation.id, outcome.word), None)

    def _fail(self, invitation: DialOutStatus, state: InvitationState, outcome: Outcome) -> None:
        invitation.state = state
        invitation.reason = outcome.word if state is InvitationState.FAILED else ""
        invitation.outcome.set_result(outcome)
        log.info("invitation_failed", session=self._session.id, number=invitation.number, outcome=outcome.word)
        self._publish(EventType.INVITATION_FAILED, invitation, reason=outcome.word)

    def _publish(self, type: EventType, invitation: DialOutStatus, **data: str) -> None:
        self._context.feed.publish(
            type,
            self._session.id,
            invitation.party,
            hidden=invitation.hidden,
            invitation=invitation.id,
            number=invitation.number,
            **data,
        )
