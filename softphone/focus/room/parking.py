"""A call of two is parked: one of them leaves, the other waits with music, and somebody else picks it up.

Nobody is forgotten: after a while whoever has parked the call is rung again, and again, as long as it waits.
"""

from mixer.rules.events import Park
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import Party
from softphone.tasks import Alarm

__all__ = ["park", "pick_up"]

NOT_PARKED = "Nobody is parked there any more"


def park(room: CallRoom, member: Member) -> None:
    """Let a member leave, and the other end wait with music; raises WrongState where nobody would."""
    room.command(Park(member.party.id))
    room.parked = member.party
    _tell(room, True)
    _remind(room, member.party)


def _tell(room: CallRoom, parked: bool) -> None:
    """Show, and tell, that who is there waits to be picked up, or does so no more."""
    for member in room.members.values():
        if member.party.parked is not parked:
            member.party.parked = parked
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
    room.parked = None
    room.transfers.stop()
    _tell(room, False)
    return party
