"""Calling people into a conference: ``*8``, the control face, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from mixer import conference as rules
from softphone.errors import CallEnded, CallRefused, SipTimeout, SoftphoneError
from softphone.focus.context import Context
from softphone.focus.feed import EventType
from softphone.focus.party.farewell import Farewell
from softphone.focus.party.member import Member
from softphone.focus.party.ringing import Dialer, Ringing
from softphone.focus.session import TelephonySession

__all__ = ["Invitation", "InvitationState", "Invitations"]

# RFC 3261 section 21, as the rules say it.
REASONS = {404: "unknown", 480: "no answer", 486: "busy", 600: "busy", 603: "declined"}


# Of a conference that calls people in all day, so many are remembered that are over.
KEPT = 100


class InvitationState(Enum):
    """How far an invitation is."""

    RINGING = "ringing"
    ANSWERED = "answered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(slots=True)
class Invitation:
    """Somebody is called into a conference."""

    id: int
    "Counts from 1 in its conference."
    session: str
    number: str
    by: str
    "Party that invites; empty: somebody in control."
    state: InvitationState = InvitationState.RINGING
    reason: str = ""
    "Why it failed: ``busy``, ``declined``, ``no answer``, ``not registered``, ``unknown``, ``no trunk`` or ``failed``."
    party: str | None = None
    "Who answered."
    ringing: Ringing | None = field(default=None, repr=False)


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
    """

    def __init__(
        self,
        session: TelephonySession,
        context: Context,
        dialer: Dialer,
        make: Callable[[str], Member],
        tell: Callable[[rules.InviteAnswered | rules.InviteFailed, Member | None], None],
    ) -> None:
        self.all: dict[int, Invitation] = {}
        self._session = session
        self._context = context
        self._dialer = dialer
        self._make = make
        self._tell = tell

    def start(self, number: int, called: str, by: str, caller: str) -> None:
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
            The number that the called sees.
        """
        invitation = Invitation(number, self._session.id, called, by)
        self._forget()
        self.all[number] = invitation
        self._publish(EventType.INVITATION_RINGING, invitation)
        self._context.tasks.start(self._call(invitation, caller))

    def _forget(self) -> None:
        """Forget the oldest that are over."""
        over = [each.id for each in self.all.values() if each.state is not InvitationState.RINGING]
        for number in over[:-KEPT]:
            del self.all[number]

    def drop(self, number: int) -> None:
        """Ring no more."""
        invitation = self.all.get(number)
        if invitation is not None and invitation.state is InvitationState.RINGING:
            invitation.state = InvitationState.DROPPED
            self._stop(invitation)
            self._publish(EventType.INVITATION_FAILED, invitation, reason="dropped")

    def close(self) -> None:
        """Ring nobody any more."""
        for number in list(self.all):
            self.drop(number)

    async def _call(self, invitation: Invitation, caller: str) -> None:
        try:
            targets = self._dialer.targets(invitation.number)
            invitation.ringing = Ringing(self._dialer, self._context, self._session)
            member = await invitation.ringing.first(targets, lambda: self._make(invitation.number), caller)
        except SoftphoneError as error:
            self._failed(invitation, error)
            return
        finally:
            invitation.ringing = None
        if invitation.state is not InvitationState.RINGING:
            Farewell(self._context, member).say()
            return
        invitation.state, invitation.party = InvitationState.ANSWERED, member.party.id
        self._publish(EventType.INVITATION_ANSWERED, invitation)
        self._tell(self._answered(invitation, member), member)

    def _answered(self, invitation: Invitation, member: Member) -> rules.InviteAnswered:
        extension = member.party.extension_id
        kind = rules.Kind.INSIDE if extension else rules.Kind.OUTSIDE
        return rules.InviteAnswered(invitation.id, member.party.id, kind, extension or invitation.number)

    def _failed(self, invitation: Invitation, error: SoftphoneError) -> None:
        if invitation.state is not InvitationState.RINGING:
            return
        invitation.state, invitation.reason = InvitationState.FAILED, reason_of(error)
        self._publish(EventType.INVITATION_FAILED, invitation, reason=invitation.reason)
        self._tell(rules.InviteFailed(invitation.id, invitation.reason), None)

    def _stop(self, invitation: Invitation) -> None:
        if invitation.ringing is not None:
            invitation.ringing.stop()

    def _publish(self, type: EventType, invitation: Invitation, **data: str) -> None:
        self._context.feed.publish(
            type, self._session.id, invitation.party, invitation=invitation.id, number=invitation.number, **data
        )


def reason_of(error: SoftphoneError) -> str:
    """Say why nobody came."""
    match error:
        case CallRefused(reason="No Trunk"):
            return "no trunk"
        case CallRefused(reason="Not Registered"):
            return "not registered"
        case CallRefused():
            return REASONS.get(error.status, "failed")
        case SipTimeout() | CallEnded():
            return "no answer"
    return "failed"
