"""What the history keeps of a conference's parties: who came and left, its call, and when its microphone was off."""

from collections.abc import Iterable
from typing import Any

from softphone.focus.feed import EventType
from softphone.focus.party.invitations import DialOutStatus
from softphone.focus.session import Party, TelephonySession
from softphone.store.history import History

__all__ = ["note"]


def note(
    history: History,
    session: TelephonySession,
    invitations: Iterable[DialOutStatus],
    type: EventType,
    party: str | None,
    data: dict[str, Any],
) -> None:
    """Write down what an event says of a party; one that comes back from the lobby is still in its call.

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
        _joined(history, session, found, data)
        _began(history, session, found, called=any(each.party == party for each in invitations))
    elif type is EventType.PARTY_LEFT:
        history.left(session.id, party, str(data["reason"]))
        history.call_ended(party, str(data["reason"]))
    elif type is EventType.PARTY_CHANGED and "muted" in data:
        history.muted(session.id, party, data["muted"])


def _joined(history: History, session: TelephonySession, party: Party, data: dict[str, Any]) -> None:
    history.joined(
        session.id,
        party.id,
        number=data["number"],
        role=data["role"],
        name=data["name"],
        extension_id=party.extension_id,
        muted=data["muted"],
    )


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
