"""The calls of a conference in the history: one for each party, from when it came in until it left."""

from collections.abc import Iterable
from typing import Any

from softphone.focus.feed import EventType
from softphone.focus.party.invitations import Invitation
from softphone.focus.session import Party, TelephonySession
from softphone.store.history import History

__all__ = ["note_call"]


def note_call(
    history: History,
    session: TelephonySession,
    invitations: Iterable[Invitation],
    type: EventType,
    party: str | None,
    data: dict[str, Any],
) -> None:
    """Write down what an event says of a party's call; a party that comes back from the lobby is still in its call.

    Parameters
    ----------
    history
        Where.
    session
        The conference.
    invitations
        Those of the conference: whom the server has called.
    type, party, data
        The event.
    """
    if party is None:
        return
    if type is EventType.PARTY_JOINED and (found := session.parties.get(party)) is not None:
        _began(history, session, found, called=any(each.party == party for each in invitations))
    elif type is EventType.PARTY_LEFT:
        history.call_ended(party, str(data["reason"]))


def _began(history: History, session: TelephonySession, party: Party, *, called: bool) -> None:
    room, number = session.extension or "conference", party.caller.number
    history.call_started(
        party.id,
        session_id=session.id,
        direction="outbound" if called else "inbound",
        caller=room if called else number,
        callee=number if called else room,
        extension_id=party.extension_id,
    )
    history.call_answered(party.id)
