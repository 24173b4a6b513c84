"""A call that the server places on an extension's behalf: one party, who goes on into a conference, or hears something.

It is a call of two whose other end is the server: its session lasts until the party hangs up or goes elsewhere. The
call itself is told by its `PlacedCall`, which goes with the party.
"""

from softphone.errors import SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.party.identity import Caller
from softphone.focus.party.outcome import outcome_of
from softphone.focus.placed import PlacedCall
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import CallEnd, Direction, Party, PartyAddress

__all__ = ["place", "put_through"]


def place(room: CallRoom, number: str, caller: Caller) -> PlacedCall:
    """Ring a number, soon, in a session that was made for it.

    Parameters
    ----------
    caller
        Who is shown; its account answers for the call.
    """
    there, here = room.dialer.whom(number), PartyAddress(caller.number, caller.name)
    history, id = room.context.history, room.session.id
    history.call_started(
        id,
        session_id=id,
        direction="outbound",
        caller=here.number,
        callee=there.number,
        extension_id=caller.account or None,
    )
    placed = PlacedCall(id, here.number, there.number, caller.account, lambda reason: history.call_ended(id, reason))
    party = Party(
        room.session.new_party_id(host=True), here, there, Direction.OUTBOUND, CallEnd.CALLEE, there.extension_id
    )
    party.placed = room.placed = placed
    room.on_key = lambda digit: placed.on_key(digit)
    room.context.tasks.start(_reach(room, placed, party, caller))
    return placed


async def put_through(room: CallRoom, number: str, account: str) -> Party:
    """Ring a number, and let whoever answers talk with whom the server has called; that one stays when nobody does.

    Parameters
    ----------
    account
        Id of the extension that answers for this.

    Raises
    ------
    WrongState
        Somebody is at the other end already, or nobody at this one.
    NotReached
        Nobody answered.
    """
    here = next(iter(room.session.parties.values()), None)
    if room.placed is None or here is None or len(room.members) != 1:
        raise WrongState("It is no call that the server is at the other end of")
    server = Party("", here.caller, here.callee, here.direction, CallEnd.CALLER)
    return await room.transfers.replace(server, number, account=account)


async def _reach(room: CallRoom, placed: PlacedCall, party: Party, caller: Caller) -> None:
    try:
        await room.ring(party, caller)
    except SoftphoneError as error:
        room.close(outcome_of(error).word)
        return
    room.stands()
    placed.answers(party.id)
