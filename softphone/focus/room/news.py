"""Events of a running session and its parties: for the feed, and what of them the history keeps."""

from collections.abc import Mapping
from typing import Any

from mixer.rules.session import Session
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.session import TALKING, Party, PartyStatus, SessionOrigin, TelephonySession

__all__ = ["News"]


class News:
    """The events of one session: how far the call of each party is, each change once, and what else happens.

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

    def expect(self, party: Party) -> None:
        """Show and tell a party that is about to be called."""
        self._session.expect(party)
        self._begins(party)

    def arrive(self, party: Party) -> None:
        """Have a party from now on, and tell it."""
        if party.hidden:
            self._hidden.add(party.id)
        self._session.arrive(party)
        self._begins(party)

    def progressed(self, party: Party, status: PartyStatus) -> None:
        """Note how far a party's call is, and tell it where that is new."""
        party.status = status
        party.answered = party.answered or status in TALKING
        if party.told is not status:
            self._tell_status(party, status)

    def proceed(self) -> None:
        """Note that those who are being set up are reached."""
        for party in self._session.parties.values():
            if party.told is PartyStatus.SETUP:
                self.progressed(party, PartyStatus.PROCEEDING)

    def leave(self, party: Party) -> None:
        """Tell that a party leaves; it is one of the session until that is told, and no longer."""
        self.progressed(party, PartyStatus.DISCONNECTED if party.moved_to is None else PartyStatus.GONE)
        self._session.leave(party.id)

    def end(self) -> None:
        """Tell that nobody is called any more who never came."""
        for party in list(self._session.parties.values()):
            self.leave(party)

    def publish(self, type: EventType, party: str | None = None, **data: Any) -> None:
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

    def _begins(self, party: Party) -> None:
        """Tell of a party that is new: it is being set up, and then as far as its call is."""
        if party.told is None:
            self._tell_status(party, PartyStatus.SETUP)
        self.progressed(party, party.status)

    def _tell_status(self, party: Party, status: PartyStatus) -> None:
        party.told = status
        there = {} if party.moved_to is None else {"moved_to": party.moved_to}
        who = party.address
        self.publish(
            EventType.PARTY_STATUS, party.id, status=status.value.lower(), number=who.number, name=who.name, **there
        )
