"""The roster of a conference for phones: kept up to date party by party, for all its subscribers."""

from collections.abc import Callable

from mixer.rules.roles import Place
from softphone.focus.entrance.conference_info import ConferenceInfo, User, UserEndpoint, sip_uri
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.referrals import was_called
from softphone.focus.session import Party, PartyStatus

__all__ = ["ConferenceRoster"]

TITLE = "Conference"


class ConferenceRoster:
    """The roster of one conference.

    Parameters
    ----------
    room
        The conference.
    uri
        Of the conference: what is called to join it.
    domain
        Of the parties' URIs.
    changed
        Told of a party that has changed without an event.

    Attributes
    ----------
    info
        What is told, as it was at the last :meth:`bring_up`.
    """

    def __init__(
        self, room: ConferenceRoom, uri: str, domain: str, changed: Callable[[str], None] = lambda _party: None
    ) -> None:
        self.info = ConferenceInfo(uri, TITLE)
        self._room, self._domain = room, domain
        self._users: dict[str, str] = {}
        self._calls: dict[str, dict[str, None]] = {}
        self._stale: dict[str, None] = dict.fromkeys(room.session.parties)
        self._changed = changed
        room.session.watchers.append(changed)
        self.bring_up()

    def close(self) -> None:
        """Hear of nothing any more."""
        self._room.session.watchers.remove(self._changed)

    def note(self, party: str) -> None:
        """Take notice that something about a party has changed, or that it came or left."""
        self._stale[party] = None

    def bring_up(self) -> None:
        """Have what is told be what is so now."""
        session = self._room.session
        self.info.be(max_users=self._room.rules.settings.max_members, locked=session.locked)
        stale, self._stale = self._stale, {}
        users = {user: None for party in stale for user in self._place(party, session.parties.get(party))}
        for user in users:
            calls = [session.parties[each] for each in self._calls.get(user, ())]
            if calls:
                self.info.put(self._user(user, calls))
            else:
                self.info.drop(sip_uri(user, self._domain))

    def _place(self, name: str, party: Party | None) -> list[str]:
        """List a party with its user, where it has not been listed; give the users that are to be written again."""
        before = self._users.get(name)
        now = None if party is None else party.user(called=self._called(name))
        if now != before:
            if before is not None:
                del self._users[name], self._calls[before][name]
                if not self._calls[before]:
                    del self._calls[before]
            if now is not None:
                self._users[name] = now
                self._calls.setdefault(now, {})[name] = None
        return [each for each in (before, now) if each is not None]

    def _called(self, name: str) -> bool:
        member = self._room.members.get(name)
        return member is not None and was_called(member)

    def _user(self, user: str, parties: list[Party]) -> User:
        name = next((party.caller.name for party in parties if party.caller.name), parties[0].caller.number)
        roles = tuple(sorted({party.role.value for party in parties if party.role is not None}))
        endpoints = tuple(
            UserEndpoint(
                sip_uri(party.id, self._domain),
                _status(party),
                "dialed-out" if self._called(party.id) else "dialed-in",
                _media(party),
            )
            for party in parties
        )
        return User(sip_uri(user, self._domain), name, roles, endpoints)


def _status(party: Party) -> str:
    if party.status is PartyStatus.HOLD or party.place is Place.HELD:
        return "on-hold"
    if party.place is not Place.JOINED:
        return "pending"
    return "muted-via-focus" if party.muted else "connected"


def _media(party: Party) -> str:
    says, hears = not party.muted, not party.deaf
    return {(True, True): "sendrecv", (False, True): "recvonly", (True, False): "sendonly"}.get(
        (says, hears), "inactive"
    )
