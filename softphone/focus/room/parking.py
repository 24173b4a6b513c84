"""A call of two is parked: one of them leaves, the other waits with music, and somebody else picks it up."""

from mixer.rules.events import Park
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.forwarding import Forwarding
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.ringing import Ringing
from softphone.focus.room import transfers
from softphone.focus.room.two_party import CallRoom, joins
from softphone.focus.session import CallEnd, Party, PartyStatus

__all__ = ["park", "pick_up"]

NOT_PARKED = "Nobody is parked there any more"


def park(room: CallRoom, member: Member) -> None:
    """Let a member leave, and the other end wait with music; raises WrongState where nobody would."""
    room.command(Park(member.party.id))
    room.parked = member.party
    _tell(room, True)


def _tell(room: CallRoom, parked: bool) -> None:
    """Show, and tell, that who is there waits to be picked up, or does so no more."""
    for member in room.members.values():
        if member.party.parked is not parked:
            member.party.parked = parked
            room.publish(EventType.PARTY_CHANGED, member.party.id, parked=parked)


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
    left, waiting = room.parked, next(iter(room.members.values()), None)
    if left is None or waiting is None:
        raise WrongState(NOT_PARKED)
    party = _successor(room, left, number)
    address = waiting.party.address
    way = Forwarding(Ringing(room.dialer, room.context, room.session), room.dialer)
    caller = Caller(address.number, address.name, account=account)
    winner = await way.reach(number, lambda: room.context.member(party, room=room.room), caller)
    if room.parked is not left or room.ask(winner, party, joins(party)) is not None:
        Hangup(room.context, winner).say()
        raise WrongState(NOT_PARKED)
    room.parked = None
    _tell(room, False)
    room.progressed(party, PartyStatus.ANSWERED)
    room.session.became(party, party.address)
    transfers.follow(room, room.dialer)
    return party


def _successor(room: CallRoom, left: Party, number: str) -> Party:
    """Make the party of a number that comes in the place of one that has left."""
    who = room.dialer.whom(number)
    ends = (who, left.callee) if left.end is CallEnd.CALLER else (left.caller, who)
    return Party(room.session.new_party_id(host=False), *ends, left.direction, left.end, who.extension_id)
