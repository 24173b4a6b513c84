"""Parking: one party of a call leaves, the other waits with music until somebody picks the call up.

One that rings is parked by whoever is called: the server answers the caller, who waits.

Nobody is forgotten: after a while whoever has parked the call is rung again, and again, as long as it waits.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from mixer.rules.events import Park, WaitAlone
from softphone.errors import CallRefused, SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.outcome import NotReached
from softphone.focus.room.attendant import TakenHere
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.room.transfers import successor
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import Party, PartyAddress
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.tasks import Alarm

__all__ = ["ParkedUnanswered", "check_orbit", "park", "parked_at", "pick_up", "take_up"]

NOT_PARKED = "Nobody is parked there any more"


def park(room: CallRoom, member: Member, orbit: str = "") -> None:
    """Let a member leave, and the other end wait with music; raises WrongState where nobody would.

    Parameters
    ----------
    orbit
        The number that extensions call to pick it up; empty: none.
    """
    room.command(Park(member.party.id))
    _parked(room, member.party, orbit)


def _parked(room: CallRoom, left: Party, orbit: str) -> None:
    """Note who has left, tell who waits, and remind of it."""
    room.parked = left
    _tell(room, True, orbit)
    _remind(room, left)


class ParkedUnanswered(TakenHere):
    """Whoever is called lets the caller wait under a number; under none if somebody else was faster.

    Parameters
    ----------
    room, rooms
        The call, and all that there are.
    left
        Who is called.
    orbit
        The number that extensions call to pick it up.
    """

    def __init__(self, room: CallRoom, rooms: Iterable[CallRoom], left: Party, orbit: str) -> None:
        super().__init__()
        self._room, self._rooms, self._left, self._orbit = room, rooms, left, orbit

    def begin(self, _room: RuledRoom, member: Member) -> Callable[[str], None]:
        """Let the caller wait; its keys are nobody's."""
        room = self._room
        if not room.ended:
            room.command(WaitAlone(member.party.id))
            room.news.leave(self._left)
            _parked(room, self._left, "" if parked_at(self._rooms, self._orbit) else self._orbit)
        return room.on_key


def _tell(room: CallRoom, parked: bool, orbit: str = "") -> None:
    """Show, and tell, that who is there waits to be picked up, or does so no more."""
    for member in room.members.values():
        if member.party.parked is not parked:
            member.party.parked, member.party.orbit = parked, orbit
            room.news.publish(EventType.PARTY_CHANGED, member.party.id, parked=parked)


def _remind(room: CallRoom, left: Party) -> None:
    """Have whoever has parked a call rung again, after a while; nobody outside is, whom that might cost."""
    after_s, clock = room.dialer.park_recall_s, room.context.clock
    if after_s and left.extension_id is not None:
        room.transfers.reminder = Alarm(clock, lambda: room.context.tasks.start(_recall(room, left)))
        room.transfers.reminder.set(clock() + after_s)


async def _recall(room: CallRoom, left: Party) -> None:
    """Ring whoever has parked a call that still waits; later again, if it does not answer."""
    if room.parked is not left:
        return
    try:
        await pick_up(room, left.address.number, left.extension_id or "")
    except (WrongState, NotReached):
        if room.parked is left and not room.ended:
            _remind(room, left)


async def pick_up(room: CallRoom, number: str, account: str) -> Party:
    """Ring a number, and let whoever answers talk with who is parked; it stays parked when nobody does.

    Parameters
    ----------
    account
        Id of the extension that answers for this.

    Returns
    -------
    Party
        Who has answered.

    Raises
    ------
    WrongState
        Nobody is parked, or somebody else was faster.
    NotReached
        Nobody answered.
    """
    left = room.parked
    if left is None:
        raise WrongState(NOT_PARKED)
    try:
        party = await room.transfers.replace(left, number, account=account)
    except NotReached as error:
        if room.parked is not left or room.ended:
            raise WrongState(NOT_PARKED) from error
        raise
    _picked_up(room)
    return party


def _picked_up(room: CallRoom) -> None:
    """Note that nobody is parked any more, and let nobody ring for that."""
    room.parked = None
    room.transfers.stop()
    _tell(room, False)


def check_orbit(rooms: Iterable[CallRoom], dialer: Dialer, orbit: str) -> None:
    """Refuse a number that leads elsewhere, or that somebody is parked under; raises WrongState."""
    if dialer.is_taken(orbit) or parked_at(rooms, orbit):
        raise WrongState("The number is taken")


def parked_at(rooms: Iterable[CallRoom], orbit: str) -> CallRoom | None:
    """Find the call in which somebody is parked under a number; None: nobody is."""
    return next((room for room in rooms if any(each.orbit == orbit for each in room.session.parties.values())), None)


async def take_up(room: CallRoom, call: InviteSession, extension: Extension) -> None:
    """Answer an extension that calls the number that somebody is parked under, and let the two talk.

    Raises
    ------
    CallRefused
        404: nobody is parked there any more.
    SdpError, MediaError, CallEnded
        Who is parked stays so.
    """
    left, context = room.parked, room.context
    if left is None:
        raise CallRefused(404)
    own = replace(successor(left, PartyAddress.of(extension)), id=room.session.new_party_id(host=False))
    member = context.member(own, call=call)
    _Answering(context, member)
    try:
        await member.answer(room.identity(member))
    except SoftphoneError:
        member.keeper.over(member, "failed")
        raise
    if room.parked is not left or room.ended:
        Hangup(context, member).say()
    elif room.transfers.succeed(member, own, own.id) is not None:
        _picked_up(room)


class _Answering(CallOwner):
    """Keeps whoever picks a call up while it is answered: if it hangs up, who is parked stays so."""

    def __init__(self, context: Context, member: Member) -> None:
        self._context, self._member = context, member
        member.pass_to(self)

    def keeps(self, member: Member) -> bool:
        """Say whether it is this one."""
        return member is self._member and member.keeper is self

    def over(self, member: Member, reason: str) -> None:
        """End: it has hung up."""
        Hangup(self._context, member).say()
