"""A call of an extension, to another or to a number outside, or from there: a session of two.

All phones of the callee ring; the first to answer wins. The rules of `mixer.rules.call` have the caller from the
beginning and the callee from its answer on.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

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
from softphone.focus.placed import PlacedCall
from softphone.focus.room.attendant import TakenHere, take_call
from softphone.focus.room.carried_out import CARRIED_OUT
from softphone.focus.room.progress import CallerProgress
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.room.transfers import Transfers, WayIn, joins, nowhere
from softphone.focus.session import CallEnd, Direction, Party, PartyAddress, PartyStatus, TelephonySession
from softphone.sip.message.body import sdp_of
from softphone.sip.message.message import Response
from softphone.sip.ua.call import InviteSession

__all__ = ["CallRoom", "begin", "serve"]

log = structlog.get_logger()


class CallRoom(RuledRoom):
    """A two-party call.

    Parameters
    ----------
    session, room, context
        As for `RuledRoom`.
    dialer, way_in
        Ring the callee's phones, and find the conference that the call is handed into.
    """

    carried_out = CARRIED_OUT

    def __init__(
        self, session: TelephonySession, room: int, context: Context, dialer: Dialer, way_in: WayIn = nowhere
    ) -> None:
        super().__init__(session, room, context, TwoPartyCall())
        self.dialer = dialer
        self.answered = False
        "Whether the two can talk."
        self._told: dict[str, str] = {}
        self._since = context.clock()
        self._early = CallerProgress(self, lambda: next((m for m in self.members.values() if not self.answered), None))
        self.parked: Party | None = None
        "Who has left it while the other end waits, with music, for somebody to pick it up; None: nobody has."
        self.placed: PlacedCall | None = None
        "The call, where the server has placed it: nobody is at the other end, and it goes on where its party goes."
        self.on_key: Callable[[str], None] = lambda _key: None  # where the server is at the other end
        self._gone_on = False
        self.ringing = Ringing(dialer, context, session)
        self.transfers = Transfers(self, dialer, way_in)

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
        member = self.context.member(first, room=self.room, call=call)
        self.ask(member, first, joins(first))
        try:
            await self.ring(second, replace(caller, hops=hops_left(call.invite)))
            async with self._early.lock:
                await member.answer(self.identity(member))
        except TakenHere as taken:
            await take_call(self, self._early.lock, member)
            serve(self, member, taken)
        except NotReached as error:
            self.close(error.outcome.word)
            raise
        except (SoftphoneError, asyncio.CancelledError):
            self.close("failed")
            raise
        else:
            self.stands()

    def stands(self) -> None:
        """Note that the two can talk."""
        self.answered = True
        self.context.history.call_answered(self.session.id)
        self._tell(EventType.CALL_ANSWERED)

    async def ring(self, party: Party, caller: Caller) -> None:
        """Ring all phones; the first that answers becomes the second member. Raises NotReached, CallEnded."""
        self.news.expect(party)
        self._told = {"caller": party.caller.number, "callee": party.callee.number}
        self._tell(EventType.CALL_STARTED)
        way = Forwarding(self.ringing, self.dialer, self._rings, lambda to: self._forwarded(party, to))
        winner = await way.reach(party.callee.number, lambda: self.phone(party), caller)
        self.news.proceed()
        if self.ask(winner, party, joins(party)) is not None:
            Hangup(self.context, winner).say()
            raise CallEnded("the caller hung up")
        self.progressed(party, PartyStatus.ANSWERED)
        self.transfers.follow()

    def _forwarded(self, party: Party, to: str) -> None:
        """Show whom the call goes on to, and tell the caller that it does (RFC 3261 section 21.1.3)."""
        self.session.became(party, self.dialer.whom(to))
        caller = next(iter(self.members.values()), None)
        if caller is not None:
            self.context.tasks.start(caller.progress(181, self.identity(caller)))

    def _rings(self, member: Member, response: Response) -> None:
        self.news.proceed()
        if self.placed is not None:
            self.placed.rings()
        self.context.tasks.start(self._early.pass_on(member, response.status, sdp_of(response)))

    def key(self, member: Member, digit: str) -> None:
        """Take a key; where the server is at the other end it is for what the server does."""
        super().key(member, digit)
        self.on_key(digit)

    def lost(self, member: Member) -> None:
        """End, for who has gone elsewhere; a call that was placed goes on there."""
        self._gone_on = True
        super().lost(member)

    def over(self, member: Member, reason: str) -> None:
        """End, when a party has hung up, unless it has handed its place over."""
        if not self.transfers.leaves(member):
            super().over(member, reason)

    def silent(self, member: Member) -> None:
        """Wait on for a caller that is silent before it is answered; one of WebRTC is known to be gone (RFC 7675)."""
        if self.answered or member.media.spec.ice is not None:
            super().silent(member)

    def phone(self, party: Party) -> Member:
        """Make the member of a telephone that is about to ring for a party."""
        member = self.context.member(party, room=self.room)
        member.admit(self.room)
        return member

    def wind_up(self, reason: str) -> None:
        """Give everything back: nobody rings or talks any more."""
        if self.answered and reason == "cancelled":
            reason = "hung up"  # by who was alone in it, parked or with the server at the other end
        self.ringing.stop()
        self.transfers.close()
        super().wind_up(reason)
        if self.placed is None:
            self.context.history.call_ended(self.session.id, reason)
        elif not self._gone_on:
            self.placed.end(reason)
        seconds = round(self.context.clock() - self._since, 1)
        log.info(
            "call_over", session=self.session.id, **self._told, outcome=reason, answered=self.answered, seconds=seconds
        )
        if self._told:
            self._tell(EventType.CALL_ENDED, reason=reason)

    def _tell(self, type: EventType, **more: str) -> None:
        self.news.publish(type, **self._told, **more)


def serve(room: CallRoom, member: Member, taken: TakenHere) -> None:
    """Let the server be at the other end of the caller, as whoever is called wants it."""
    room.stands()
    room.on_key = taken.begin(room, member)


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
