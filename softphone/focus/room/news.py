"""What is told of a running session, to whom, and what of it the history keeps."""

from collections.abc import Mapping
from typing import Any

from mixer.rules.session import Session
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.session import Party, SessionOrigin, TelephonySession

__all__ = ["News"]


class News:
    """The events of one session.

    Parameters
    ----------
    session, context, rules
        As for `softphone.focus.room.room.Room`.
    """

    def __init__(self, session: TelephonySession, context: Context, rules: Session) -> None:
        self._session = session
        self._context = context
        self._rules = rules
        self._hidden: set[str] = set()

    def comes(self, party: Party) -> None:
        """Take notice of a party before anything is told of it."""
        if party.hidden:
            self._hidden.add(party.id)

    def tell(self, type: EventType, party: str | None = None, **data: Any) -> None:
        """Tell the watchers, and write down who comes to a conference and goes.

        Of a hidden listener only administrators are told, and it is in no history.
        """
        hidden = party in self._hidden
        self._context.feed.publish(type, self._session.id, party, hidden=hidden, **data)
        if hidden:
            if type is EventType.PARTY_LEFT:
                self._hidden.discard(str(party))
        elif party is not None and self._session.origin is SessionOrigin.CONFERENCE:
            self._note(type, party, data)

    def _note(self, type: EventType, party: str, data: Mapping[str, Any]) -> None:
        """Write down what an event says of a party; one that comes back from the lobby is still in its call."""
        history, session = self._context.history, self._session
        if type is EventType.PARTY_JOINED and (found := session.parties.get(party)) is not None:
            extension = found.extension_id
            history.joined(session.id, party, **data, extension_id=extension)
            if found.placed is not None:
                return  # It is written down already: it goes on.
            here, number, called = session.extension or "conference", found.caller.number, self._rules.invited(party)
            history.call_started(
                party,
                session_id=session.id,
                direction="outbound" if called else "inbound",
                caller=here if called else number,
                callee=number if called else here,
                extension_id=extension,
            )
            history.call_answered(party)
        elif type is EventType.PARTY_LEFT:
            history.left(session.id, party, str(data["reason"]))
            history.call_ended(party, str(data["reason"]))
        elif type is EventType.PARTY_CHANGED and "muted" in data:
            history.muted(session.id, party, data["muted"])
