"""The parties that have come by HTTP, by their keys: who has a key may hear of its party's conference, and command."""

import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from mixer.rules.roles import Place
from softphone.focus.party.member import Member
from softphone.focus.party.signalling import HttpCall
from softphone.focus.session import ConferenceRole, Party
from softphone.focus.token import session_of

__all__ = ["WebParties", "WebParty", "digest_of"]

INSIDE = (Place.JOINED, Place.HELD)

# Keys of parties that are over whose clients are still told so.
KEPT = 1000

# Bytes of a key.
KEY = 24


@dataclass(slots=True, eq=False, weakref_slot=True)
class WebParty:
    """A party that has come by HTTP."""

    id: str
    "Of the party when it came; it stays the name of the resource, wherever the party goes."
    member: Member
    client: HttpCall
    digest: bytes = field(repr=False)
    "Of its key."
    on_over: list[Callable[[], object]] = field(default_factory=list, repr=False)
    "Told when it is over."
    mails: int = 0
    "Invitations that it has sent by mail."

    @property
    def party(self) -> Party:
        """What others see of it, where it is now."""
        return self.member.party

    @property
    def inside(self) -> bool:
        """Whether it is in the conference, and waits no more."""
        return self.party.place in INSIDE

    @property
    def session(self) -> str:
        """Id of the session that it is in now."""
        return session_of(self.party.id)

    @property
    def role(self) -> ConferenceRole:
        """What it is to the others."""
        return self.party.role or ConferenceRole.PARTICIPANT

    async def renew(self, offer: str) -> str:
        """Answer a further offer: of another network, or of the same media in another direction.

        Raises
        ------
        SdpError, MediaError
            All is as it was.
        """
        return await self.member.media.answer(offer)

    def leave(self) -> None:
        """Hang up, from its side."""
        self.client.end("bye")


class WebParties:
    """All of a node."""

    def __init__(self) -> None:
        self._parties: dict[str, WebParty] = {}
        self._keys: dict[bytes, WebParty] = {}
        self._hosts: Counter[str] = Counter()
        self._over: OrderedDict[bytes, HttpCall] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parties)

    def of_host(self, host: str) -> int:
        """Give how many have come from an address."""
        return self._hosts[host]

    def add(self, member: Member, client: HttpCall) -> tuple[WebParty, str]:
        """Have one more, until it is over, and give its key, which is kept nowhere; it may be over already."""
        key = secrets.token_urlsafe(KEY)
        party = WebParty(member.party.id, member, client, digest_of(key))
        self._parties[party.id] = self._keys[party.digest] = party
        self._hosts[client.source_host] += 1
        if member.over:
            self._closed(party)
        client.on_closed = lambda: self._closed(party)
        return party, key

    def find(self, id: str, key: str) -> WebParty | None:
        """Give the party of an id to who has its key; None: there is none, or this is not its key."""
        party = self._parties.get(id)
        if party is None or not hmac.compare_digest(party.digest, digest_of(key)):
            return None
        return party

    def of_key(self, key: str) -> WebParty | None:
        """Give the party of a key."""
        # What is looked up is a digest: how long that takes tells nothing of a key.
        return self._keys.get(digest_of(key))

    def farewell(self, key: str) -> str | None:
        """Give why the party of a key is over, not long ago; None: there was none."""
        ended = self._over.get(digest_of(key))
        return None if ended is None else ended.reason

    def _closed(self, party: WebParty) -> None:
        if self._parties.pop(party.id, None) is None:
            return
        del self._keys[party.digest]
        host = party.client.source_host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        self._over[party.digest] = party.client
        if len(self._over) > KEPT:
            self._over.popitem(last=False)
        for told in party.on_over:
            told()


def digest_of(key: str) -> bytes:
    """Give what is kept of a key."""
    return sha256(key.encode()).digest()
