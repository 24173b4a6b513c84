"""Tokens of the API as a value: issued, refreshed, revoked, and looked up, with the time as an argument.

Only hashes of the tokens are kept, so a dump of the memory opens no door.
"""

import hashlib
import hmac
import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from softphone.config import ClientConfig, TokenConfig

__all__ = ["TICKET_S", "Grant", "Grants", "TokenPair"]

# An access token is forgotten for good this long after its end; until then the answer says `expired`, not `unknown`.
MEMORY_S = 3600.0

# Bounds the memory that log-ins can take: at a few hundred bytes each some 20 MB.
MAX_GRANTS = 50_000
# Of one user, or one program: whoever logs in over and over ends the oldest of his own, and nobody else's.
MAX_OF_OWNER = 500

# How long a token of the event gateway is good for beginning a connection.
TICKET_S = 600


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets."""

    access: str
    access_s: int
    refresh: str
    refresh_s: int
    extension_id: str
    endpoint: str
    "Names the log-in; the same after a refresh."


@dataclass(slots=True)
class Grant:
    """What we remember of a pair of tokens; times in seconds of one monotonic clock."""

    client_id: str
    extension_id: str
    "Whose log-in it was; empty: the program's own."
    access: bytes
    refresh: bytes
    access_until: float
    refresh_until: float
    endpoint: str
    successor: TokenPair | None = None
    "The pair that a refresh gave, for a client that lost the answer."

    @property
    def owner(self) -> str:
        """Of whose tokens it is one: a user, or a program."""
        return f"extension {self.extension_id}" if self.extension_id else f"client {self.client_id}"


class Grants:
    """All tokens of a node, and the programs that may ask for them.

    Parameters
    ----------
    settings
        Life times.
    clients
        The programs; every one has a secret, or is public.
    """

    def __init__(self, settings: TokenConfig, clients: Iterable[ClientConfig] = ()) -> None:
        self._settings = settings
        clients = tuple(clients)
        self._clients = {client.id: _hash(client.secret) for client in clients if client.secret}
        self._public = {client.id for client in clients if client.public}
        self._by_access: dict[bytes, Grant] = {}
        self._by_refresh: dict[bytes, Grant] = {}
        # By owner, in the order of issue.
        self._owned: dict[str, dict[bytes, Grant]] = {}
        # Of the event gateway, by its hash: until when, and of which log-in.
        self._tickets: dict[bytes, tuple[float, Grant]] = {}
        # In the name of whom the gateway asks, by the access token.
        self._lent: dict[bytes, Grant] = {}

    def client(self, client_id: str, secret: str) -> bool:
        """Check a program's secret; equally slow for a wrong secret and an unknown program."""
        return hmac.compare_digest(_hash(secret), self._clients.get(client_id, b""))

    def is_public(self, client_id: str, secret: str) -> bool:
        """Whether a program that showed no secret can keep none, and need not."""
        return not secret and client_id in self._public

    def knows(self, client_id: str) -> bool:
        """Whether there is a program of that name."""
        return client_id in self._clients or client_id in self._public

    def issue(
        self,
        client_id: str,
        extension_id: str,
        now: float,
        access_s: int | None = None,
        refresh_s: int | None = None,
        *,
        endpoint: str = "",
    ) -> TokenPair:
        """Make a new pair; a client may ask for a shorter life than the settings say, not for a longer one.

        Parameters
        ----------
        endpoint
            Of the log-in that it goes on; empty: it is a new one.
        """
        self._forget(now)
        pair = TokenPair(
            secrets.token_urlsafe(32),
            _shorter(access_s, self._settings.access_s),
            secrets.token_urlsafe(32),
            _shorter(refresh_s, self._settings.refresh_s),
            extension_id,
            endpoint or f"ep-{secrets.token_hex(8)}",
        )
        ends = now + pair.access_s, now + pair.refresh_s
        grant = Grant(client_id, extension_id, _hash(pair.access), _hash(pair.refresh), *ends, pair.endpoint)
        self._by_access[grant.access] = grant
        self._by_refresh[grant.refresh] = grant
        owned = self._owned.setdefault(grant.owner, {})
        owned[grant.refresh] = grant
        if len(owned) > MAX_OF_OWNER:
            # Refreshed pairs that are over first: they are no log-in any more.
            over = [each for each in owned.values() if now >= each.refresh_until]
            for each in over or [next(iter(owned.values()))]:
                self._drop(each)
        return pair

    def refresh(
        self, token: str, client_id: str, now: float, access_s: int | None = None, refresh_s: int | None = None
    ) -> TokenPair | None:
        """Change a refresh token for a new pair; the old access token dies at once. None when it is not valid."""
        grant = self._by_refresh.get(_hash(token))
        if grant is None or grant.client_id != client_id or now >= grant.refresh_until:
            return None
        if grant.successor is None:
            self._by_access.pop(grant.access, None)
            grant.successor = self.issue(
                client_id, grant.extension_id, now, access_s, refresh_s, endpoint=grant.endpoint
            )
            grant.refresh_until = min(grant.refresh_until, now + self._settings.refresh_grace_s)
        return grant.successor

    def revoke(self, token: str, client_id: str) -> None:
        """End the log-in that `token`, of either kind, belongs to; an unknown one is no error (RFC 7009 2.2)."""
        key = _hash(token)
        grant = self._by_access.get(key) or self._by_refresh.get(key)
        if grant is not None and grant.client_id == client_id:
            for each in list(self._owned.get(grant.owner, {}).values()):
                if each.endpoint == grant.endpoint:
                    self._drop(each)

    def ticket(self, grant: Grant, now: float) -> str:
        """Give a token that opens a connection to the event gateway in the name of a log-in, for `TICKET_S` seconds."""
        while self._tickets:
            key, (until, _) = next(iter(self._tickets.items()))
            if now < until and len(self._tickets) < MAX_GRANTS:
                break
            del self._tickets[key]
        token = secrets.token_urlsafe(32)
        self._tickets[_hash(token)] = now + TICKET_S, grant
        return token

    def ticket_grant(self, token: str, now: float) -> Grant | None:
        """Give the log-in that a token of the event gateway stands for; None: it is over, revoked, or no such token."""
        until, grant = self._tickets.get(_hash(token), (0.0, None))
        if grant is None or now >= until or not self.stands(grant, now):
            return None
        return grant

    def lend(self, grant: Grant) -> str:
        """Give an access token of the server's own for requests in the name of a log-in, until it is taken back."""
        token = secrets.token_urlsafe(32)
        self._lent[_hash(token)] = replace(grant, access=_hash(token), access_until=math.inf)
        return token

    def take_back(self, token: str) -> None:
        """Let a lent access token be none."""
        self._lent.pop(_hash(token), None)

    def stands(self, grant: Grant, now: float) -> bool:
        """Whether a log-in was not revoked and is not over: it has a pair that can be refreshed."""
        owned = self._owned.get(grant.owner, {}).values()
        return any(each.endpoint == grant.endpoint and now < each.refresh_until for each in owned)

    def _drop(self, grant: Grant) -> None:
        self._by_access.pop(grant.access, None)
        self._by_refresh.pop(grant.refresh, None)
        self._disown(grant)

    def _disown(self, grant: Grant) -> None:
        owned = self._owned.get(grant.owner, {})
        owned.pop(grant.refresh, None)
        if not owned:
            self._owned.pop(grant.owner, None)

    def find(self, token: str) -> Grant | None:
        """Look up an access token, valid or lately expired."""
        key = _hash(token)
        return self._by_access.get(key) or self._lent.get(key)

    def _forget(self, now: float) -> None:
        """Drop what is long over; and, when that is not enough, the oldest."""
        for grants, until in ((self._by_access, _access_end), (self._by_refresh, _refresh_end)):
            while grants:
                key, oldest = next(iter(grants.items()))
                if len(grants) < MAX_GRANTS and now < until(oldest):
                    break
                del grants[key]
                if grants is self._by_refresh:
                    self._disown(oldest)


def _access_end(grant: Grant) -> float:
    return grant.access_until + MEMORY_S


def _refresh_end(grant: Grant) -> float:
    return grant.refresh_until


def _shorter(wish_s: int | None, limit_s: int) -> int:
    return limit_s if wish_s is None or wish_s <= 0 else min(wish_s, limit_s)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
