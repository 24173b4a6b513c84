"""A call of an extension, to another or to a number outside, or from there: a session of two.

All phones of the callee ring; the first to answer wins. The rules of `mixer.rules.call` have the caller from the
beginning and the callee from its answer on.
"""

import asyncio
from dataclasses import replace

import structlog

from mixer.rules.events import Join
from mixer.rules.roles import PartyKind
from mixer.rules.session import TwoPartyCall
from softphone.errors import CallEnded, SoftphoneError
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.forwarding import Forwarding
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller, hops_left
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached
from softphone.focus.party.ringing import Ringing
from softphone.focus.room import transfers
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import CallEnd, Direction, Party, PartyAddress, PartyStatus, TelephonySession
from softphone.sip.message.body import sdp_of
from softphone.sip.message.message import Response
from softphone.sip.ua.call import InviteSession

__all__ = ["CallRoom", "begin", "joins"]

log = structlog.get_logger()

# What telephones say of a call that is not answered yet; anything else means progress (RFC 3261 section 21.1.5).
PASSED = (180, 181, 182, 183)


class CallRoom(RuledRoom):
    """A two-party call.

    Parameters
    ----------
    session, room, context
        As for `RuledRoom`.
    dialer
        Rings the callee's phones.
    """

    def __init__(self, session: TelephonySession, room: int, context: Context, dialer: Dialer) -> None:
        super().__init__(session, room, context, TwoPartyCall())
        self.dialer = dialer
        self.answered = False
        "Whether the two can talk."
        self._told: dict[str, str] = {}
        self._since = context.clock()
        self._passing = asyncio.Lock()
        self._passed: set[tuple[int, bool]] = set()
        self._early: Member | None = None
        self.parked: Party | None = None
        "Who has left it while the other end waits, with music, for somebody to pick it up; None: nobody has."
        self.ringing = Ringing(dialer, context, session)

    async def connect(self, call: InviteSession, caller: Caller, from_: PartyAddress, to: PartyAddress) -> None:
        """Ring the callee's phones and join the first that answers with the caller.

        Parameters
        ----------
        caller
            Who is shown, and answers for it.
        from_, to
            The two ends; at least one is an extension.

        Raises
        ------
        NotReached
            Nobody answered, or no phone is there; with the status to pass on.
        SdpError, MediaError, CallEnded
        """
        first, second = begin(self, from_, to)
        member = Member(first, self.context, room=self.room, call=call)
        self.ask(member, first, joins(first))
        try:
            await self.ring(second, replace(caller, hops=hops_left(call.invite)))
            async with self._passing:
                await member.answer(self.identity(member))
        except NotReached as error:
            self.close(error.outcome.word)
            raise
        except (SoftphoneError, asyncio.CancelledError):
            self.close("failed")
            raise
        self.stands()

    def stands(self) -> None:
        """Note that the two can talk."""
        self.answered = True
        self.context.history.call_answered(self.session.id)
        self._tell(EventType.CALL_ANSWERED)

    async def ring(self, party: Party, caller: Caller) -> None:
        """Ring all phones; the first that answers becomes the second member. Raises NotReached, CallEnded."""
        self.statuses.expect(party)
        self._told = {"caller": party.caller.number, "callee": party.callee.number}
        self._tell(EventType.CALL_STARTED)
        way = Forwarding(self.ringing, self.dialer, self._rings, lambda to: self._forwarded(party, to))
        winner = await way.reach(party.callee.number, lambda: self.phone(party), caller)
        self.statuses.proceed()
        if self.ask(winner, party, joins(party)) is not None:
            Hangup(self.context, winner).say()
            raise CallEnded("the caller hung up")
        self.progressed(party, PartyStatus.ANSWERED)
        transfers.follow(self, self.dialer)

    def _forwarded(self, party: Party, to: str) -> None:
        """Show whom the call goes on to, and tell the caller that it does (RFC 3261 section 21.1.3)."""
        self.session.became(party, self.dialer.whom(to))
        caller = next(iter(self.members.values()), None)
        if caller is not None:
            self.context.tasks.start(caller.progress(181, self.identity(caller)))

    def _rings(self, member: Member, response: Response) -> None:
        self.statuses.proceed()
        self.context.tasks.start(self._pass_on(member, response.status, sdp_of(response)))

    async def _pass_on(self, member: Member, status: int, answer: str | None) -> None:
        """Tell the caller what a telephone does, and let it hear the first that says something (RFC 3960 section 3)."""
        async with self._passing:
            caller = next(iter(self.members.values()), None)
            if caller is None or self.answered or member.gone:
                return
            heard = answer is not None and (self._early is None or self._early.gone or self._early is member)
            if heard and answer is not None:
                self._early = member
                await member.early(answer)
            said = (status if status in PASSED else 183, heard)
            if said not in self._passed:
                self._passed.add(said)
                await caller.progress(said[0], self.identity(caller), media=heard)

    def silent(self, member: Member) -> None:
        """Wait on for a caller that says nothing before it is answered."""
        if self.answered:
            super().silent(member)

    def phone(self, party: Party) -> Member:
        """Make the member of a telephone that is about to ring for a party."""
        member = Member(party, self.context, room=self.room)
        member.admit(self.room)
        return member

    def wind_up(self, reason: str) -> None:
        """Give everything back: nobody rings or talks any more."""
        self.ringing.stop()
        super().wind_up(reason)
        self.context.history.call_ended(self.session.id, reason)
        seconds = round(self.context.clock() - self._since, 1)
        log.info(
            "call_over", session=self.session.id, **self._told, outcome=reason, answered=self.answered, seconds=seconds
        )
        if self._told:
            self._tell(EventType.CALL_ENDED, reason=reason)

    def _tell(self, type: EventType, **more: str) -> None:
        self.publish(type, **self._told, **more)


def begin(room: CallRoom, from_: PartyAddress, to: PartyAddress) -> tuple[Party, Party]:
    """Make the two parties of a call, and write down that it has begun."""
    session, within = room.session, from_.extension_id
    first = Party(session.new_party_id(host=True), from_, to, Direction.OUTBOUND, CallEnd.CALLER, within)
    second = Party(session.new_party_id(host=False), from_, to, Direction.INBOUND, CallEnd.CALLEE, to.extension_id)
    room.context.history.call_started(
        session.id,
        session_id=session.id,
        direction="inbound" if within is None else "outbound",
        caller=from_.number,
        callee=to.number,
        extension_id=within or to.extension_id,
    )
    return first, second


def joins(party: Party) -> Join:
    """Give what the rules are told of a party that comes in."""
    return Join(party.id, kind=PartyKind.OUTSIDE if party.extension_id is None else PartyKind.INSIDE)
