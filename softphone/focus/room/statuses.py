"""How far the calls of a session's parties are, and who is told: each change once, from the first to the last."""

from softphone.focus.feed import EventType
from softphone.focus.room.news import News
from softphone.focus.session import TALKING, Party, PartyStatus, TelephonySession

__all__ = ["Statuses"]


class Statuses:
    """The statuses of the parties of a running session.

    Parameters
    ----------
    session
        Whose parties they are.
    news
        Tells the watchers of the session.
    """

    def __init__(self, session: TelephonySession, news: News) -> None:
        self._session = session
        self._news = news

    def expect(self, party: Party) -> None:
        """Show and tell a party that is about to be called."""
        self._session.expect(party)
        self._begins(party)

    def arrive(self, party: Party) -> None:
        """Have a party from now on, and tell it."""
        self._session.arrive(party)
        self._begins(party)

    def _begins(self, party: Party) -> None:
        """Tell of a party that is new: it is being set up, and then as far as its call is."""
        if party.told is None:
            self._tell(party, PartyStatus.SETUP)
        self.now(party, party.status)

    def now(self, party: Party, status: PartyStatus) -> None:
        """Note how far a party's call is, and tell it where that is new."""
        party.status = status
        party.answered = party.answered or status in TALKING
        if party.told is not status:
            self._tell(party, status)

    def proceed(self) -> None:
        """Note that those who are being set up are reached."""
        for party in self._session.parties.values():
            if party.told is PartyStatus.SETUP:
                self.now(party, PartyStatus.PROCEEDING)

    def ends(self, party: Party) -> None:
        """Tell that a party leaves; it is one of the session until that is told, and no longer."""
        self.now(party, PartyStatus.DISCONNECTED if party.moved_to is None else PartyStatus.GONE)
        self._session.leave(party.id)

    def all_end(self) -> None:
        """Tell that nobody is called any more who never came."""
        for party in list(self._session.parties.values()):
            self.ends(party)

    def _tell(self, party: Party, status: PartyStatus) -> None:
        party.told = status
        there = {} if party.moved_to is None else {"moved_to": party.moved_to}
        who = party.address
        self._news.tell(
            EventType.PARTY_STATUS, party.id, status=status.value.lower(), number=who.number, name=who.name, **there
        )
