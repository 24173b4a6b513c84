"""Digest authentication (RFC 3261 section 22, RFC 8760): challenges and responses.

MD5 and SHA-256, with qop=auth and without qop (the form of RFC 2069 that several clients still speak).
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from softphone.sip.message.grammar import TOKEN, quote, unquote
from softphone.sip.message.message import Response

__all__ = ["ALGORITHMS", "Challenge", "Credentials", "answers", "digest", "hash_a1", "parse_auth"]

_HASHES: dict[str, Callable[[bytes], "hashlib._Hash"]] = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
ALGORITHMS = tuple(_HASHES)
"""The digest algorithms we speak, by their names in the header; the strongest last."""

# One parameter, before it perhaps the scheme of a further challenge; the value quoted, or loosely a token (a base64
# nonce without quotes ends in "=").
_ITEM = re.compile(rf'[\s,]*(?:({TOKEN})\s+(?={TOKEN}\s*=))?({TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)', re.DOTALL)


def parse_auth(text: str) -> list[tuple[str, dict[str, str]]]:
    """Read an authentication header: (scheme in lower case, parameters unquoted by lower-case name), each.

    Commas inside quotes belong to the value, bare commas separate as ", " does, and several challenges may stand in
    one line. Reading ends where the text is no parameter; a scheme without any is not listed.
    """
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while match := _ITEM.match(text, at):
        scheme, name, value = match.groups()
        if scheme:
            found.append((scheme.lower(), {}))
        if not found:
            break
        found[-1][1].setdefault(name.lower(), unquote(value))
        at = match.end()
    return found


def _hash(algorithm: str, *parts: str) -> str:
    return _HASHES[algorithm](":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def hash_a1(algorithm: str, username: str, realm: str, password: str) -> str:
    """HA1, what a server stores instead of the password (RFC 7616 section 3.4.2); hex."""
    return _hash(algorithm, username, realm, password)


def digest(
    algorithm: str, a1: str, method: str, uri: str, nonce: str, count: tuple[str, str, str] | None = None
) -> str:
    """Compute the response parameter (RFC 7616 section 3.4.1); hex.

    Parameters
    ----------
    algorithm
        One of `ALGORITHMS`.
    a1
        From `hash_a1`.
    count
        The texts of nc, cnonce and qop, or None for the form without qop.
    """
    return _hash(algorithm, a1, nonce, *(count or ()), _hash(algorithm, method, uri))


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a server that asks.

    A digest is worth a guess at the password to whoever gets it, over a nonce of their choice: it goes to nobody whose
    realm is not among `realms`.
    """

    username: str
    password: str = field(repr=False)
    realms: frozenset[str] = frozenset()
    """Whose challenges are answered; empty: anybody's."""
    answered: set[str] = field(default_factory=set, repr=False, compare=False)
    """Whose challenges have been answered, which is how the realm of a registrar is learned."""

    def is_for(self, realm: str) -> bool:
        """Whether a challenge of `realm` is to be answered."""
        return not self.realms or realm in self.realms


@dataclass(frozen=True, slots=True)
class Challenge:
    """A digest challenge (RFC 3261 section 20.44)."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    """What the server offers; empty for the form of RFC 2069."""
    stale: bool = False
    opaque: str | None = None

    @classmethod
    def parse_list(cls, text: str) -> list[Self]:
        """Read the digest challenges of one header line that we can answer, in order; others are passed over."""
        read = [cls._read(params) for scheme, params in parse_auth(text) if scheme == "digest"]
        return [challenge for challenge in read if challenge is not None]

    @classmethod
    def _read(cls, params: dict[str, str]) -> Self | None:
        algorithm = params.get("algorithm", "MD5").upper()
        qop = tuple(item.strip().lower() for item in params.get("qop", "").split(",") if item.strip())
        if algorithm not in ALGORITHMS or qop and "auth" not in qop or "nonce" not in params:
            return None
        stale = params.get("stale", "").lower() == "true"
        return cls(params.get("realm", ""), params["nonce"], algorithm, qop, stale, params.get("opaque"))

    def __str__(self) -> str:
        # Clients look for ', nonce="': it is never the first, and what follows a comma is one space.
        text = f"Digest algorithm={self.algorithm}, realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        if self.qop:
            text += f", qop={quote(','.join(self.qop))}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        return text + (", stale=TRUE" if self.stale else "")

    def answer(self, credentials: Credentials, method: str, uri: str, *, cnonce: str | None = None) -> str:
        """Make the Authorization value for a request; `cnonce` is random unless given."""
        a1 = hash_a1(self.algorithm, credentials.username, self.realm, credentials.password)
        count = ("00000001", cnonce or secrets.token_hex(8), "auth") if self.qop else None
        text = (
            f"Digest username={quote(credentials.username)}, realm={quote(self.realm)}, nonce={quote(self.nonce)}, "
            f"uri={quote(uri)}, response={quote(digest(self.algorithm, a1, method, uri, self.nonce, count))}, "
            f"algorithm={self.algorithm}"
        )
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        return text + (f', qop={count[2]}, nc={count[0]}, cnonce="{count[1]}"' if count else "")


# Which header asks, and which answers (RFC 3261 section 22.2, 22.3).
_ANSWER_OF = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}


def answers(refusal: Response, method: str, uri: str, credentials: Credentials) -> list[tuple[str, str]]:
    """Answer a 401 or 407: header lines for the request's next try, one a realm.

    Of several challenges for a realm the strongest is taken, whatever their order (against RFC 8760 section 2.4, which
    lets the order decide): MD5 only where nothing better is offered. Whether it is worth trying again, `stale` and the
    request that was refused say. Empty when nothing can be answered.
    """
    lines: list[tuple[str, str]] = []
    for asking, answering in _ANSWER_OF.items():
        lines += [
            (answering, each.answer(credentials, method, uri)) for each in _strongest(refusal, asking, credentials)
        ]
    return lines


def _strongest(refusal: Response, asking: str, credentials: Credentials) -> list[Challenge]:
    """Choose one challenge for each realm that the credentials are for."""
    best: dict[str, Challenge] = {}
    for challenge in (each for text in refusal.get_all(asking) for each in Challenge.parse_list(text)):
        known = best.setdefault(challenge.realm, challenge)
        if ALGORITHMS.index(challenge.algorithm) > ALGORITHMS.index(known.algorithm):
            best[challenge.realm] = challenge
    chosen = [challenge for realm, challenge in best.items() if credentials.is_for(realm)]
    credentials.answered.update(challenge.realm for challenge in chosen)
    return chosen
