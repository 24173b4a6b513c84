"""Digest authentication, RFC 3261 section 22 with RFC 8760: challenges, answers to them, and the check of answers.

MD5 and SHA-256, with qop=auth and without qop (the form of RFC 2069 that several clients still speak).
"""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from softphone.errors import BadMessage
from softphone.sip.endpoint import Endpoint
from softphone.sip.grammar import TOKEN, quote, unquote
from softphone.sip.message import Request, Response
from softphone.sip.uri import Uri

__all__ = [
    "ALGORITHMS",
    "Authenticator",
    "Challenge",
    "Credentials",
    "Verdict",
    "answers",
    "digest",
    "hash_a1",
    "parse_auth",
]

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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an `Authenticator` found."""

    username: str | None = None
    """Who sent the request; None: nobody proved it, challenge."""
    stale: bool = False
    """The nonce is used up, too old, or was given to somebody else or by somebody else: say so in the challenge, and
    the client tries again without asking for the password."""
    wrong: bool = False
    """The nonce was good and the request meant us, but the user or the response was wrong: a guess."""
    unfit: bool = False
    """The answer cannot be checked: a user name or an algorithm that no secret is kept for. No guess, and no proof."""


NOBODY = Verdict()

# How many nonces are remembered for their count; a flood makes the oldest forgotten, which re-admits their replay.
MAX_COUNTED = 20_000
# No client takes longer from the challenge to the answer, a person at the password prompt included.
NONCE_LIFETIME_S = 300.0
# A registration is refreshed with the nonce it began with (sip.js re-sends it even to unregister).
REGISTER_LIFETIME_S = 7200.0


@dataclass(frozen=True, slots=True)
class _Use:
    """How a nonce was used last."""

    count: int = 0
    call_id: str = ""
    cseq: int = 0
    flow: tuple[object, ...] = ()


def _flow(request: Request, source: Endpoint) -> tuple[object, ...]:
    """Say what a registration goes on over: its connection.

    By UDP it is an address, which can be forged; whoever does it can register no other Contact than the one that the
    credentials were sent with.
    """
    if source.connection is not None:
        return source.transport, source.host, source.connection
    contacts = [str(contact.uri) for contact in request.contacts]
    return source.transport, source.host, source.port, *contacts, *request.get_all("Path")


def _count(params: dict[str, str]) -> int:
    """Read the nonce count; 0, which never rises, where it is none."""
    try:
        return int(params.get("nc", ""), 16) if "qop" in params else 1
    except ValueError:
        return 0


class Authenticator:
    """The server's side: makes challenges, and checks who answered them.

    Nonces are signed times, each for the host that it was given to: none is stored before it has been answered, and
    nobody can answer one in another's name without having seen it. Whether an answer is right is looked at only when
    its nonce is good: what came with any other says nothing about the password, and is challenged anew with ``stale``
    (RFC 7616 section 3.3).

    With qop the count must rise; without, a nonce is good for one request. REGISTER is let off for as long as
    `register_lifetime_s`, because clients go on with the nonce, and even the count, that their registration began with:
    theirs may come again over the same flow, under the Call-ID of its first use and with a higher CSeq number.

    Parameters
    ----------
    realm
        The realm, and the domain of ``uri="sip:<realm>"``.
    lookup
        (username, algorithm) -> HA1 in hex, None for a stranger.
    algorithms
        To offer, best first; each makes a header line of its own, which not every client can read. The strongest that
        we know is taken though it was not offered.
    qop
        Whether to offer qop=auth. Answers without it are taken all the same.
    """

    def __init__(
        self,
        realm: str,
        lookup: Callable[[str, str], str | None],
        *,
        algorithms: tuple[str, ...] = ("MD5",),
        qop: bool = True,
        lifetime_s: float = NONCE_LIFETIME_S,
        register_lifetime_s: float = REGISTER_LIFETIME_S,
    ) -> None:
        self.realm = realm
        self.algorithms = algorithms
        # A stronger proof than we asked for is as good; a weaker one would let anybody choose the weakest.
        self._taken = {*algorithms, ALGORITHMS[-1]}
        self._lookup = lookup
        self._qop = ("auth",) if qop else ()
        self._lifetime_s = lifetime_s
        self._register_lifetime_s = register_lifetime_s
        self._key = secrets.token_bytes(32)
        self._uses: OrderedDict[str, _Use] = OrderedDict()

    def challenge(self, source: Endpoint, now: float, *, stale: bool = False) -> list[str]:
        """Make the values for WWW-Authenticate or Proxy-Authenticate of `source`, one for each algorithm."""
        return [
            str(Challenge(self.realm, self._nonce(source.host, now), algorithm, self._qop, stale))
            for algorithm in self.algorithms
        ]

    def verify(self, request: Request, source: Endpoint, now: float, header: str = "Authorization") -> Verdict:
        """Check a request's answer in `header` (Authorization or Proxy-Authorization); never raises."""
        params = self._answer(request, header)
        return NOBODY if params is None else self._judge(request, source, params, now)

    def username(self, request: Request, header: str = "Authorization") -> str | None:
        """Give the user name in a request's answer for our realm, right or wrong; None: it has none for us."""
        params = self._answer(request, header)
        return None if params is None else params.get("username", "")

    def _answer(self, request: Request, header: str) -> dict[str, str] | None:
        for text in request.get_all(header):
            for scheme, params in parse_auth(text):
                if scheme == "digest" and params.get("realm") == self.realm:
                    return params
        return None

    def _judge(self, request: Request, source: Endpoint, params: dict[str, str], now: float) -> Verdict:
        nonce, uri = params.get("nonce", ""), params.get("uri", "")
        if not _names(uri, request, self.realm) or params.get("qop") not in (None, "auth"):
            return NOBODY
        born = self._born(nonce, source.host)
        lifetime_s = self._register_lifetime_s if request.method == "REGISTER" else self._lifetime_s
        if born is None or now - born > lifetime_s:
            return Verdict(stale=True)
        if not self._is_checkable(params):
            return Verdict(unfit=True)
        if not self._proves(request, params):
            return Verdict(wrong=True)
        if not self._is_fresh(nonce, params, request, _flow(request, source)):
            return Verdict(stale=True)
        return Verdict(params.get("username"))

    def _is_checkable(self, params: dict[str, str]) -> bool:
        """Whether a secret may be kept for this user name, which is hashed as it is written, and this algorithm.

        That is told by the text alone: whether there is such a user does not show.
        """
        username = params.get("username", "")
        user = username.removesuffix(f"@{self.realm}")
        bare = user if user == username else user.removeprefix("sip:")
        return params.get("algorithm", "MD5").upper() in self._taken and not set(bare) & set('@:*"')

    def _proves(self, request: Request, params: dict[str, str]) -> bool:
        """Whether the response is the one that only who knows the secret can make."""
        algorithm, qop = params.get("algorithm", "MD5").upper(), params.get("qop")
        count = (params.get("nc", ""), params.get("cnonce", ""), qop) if qop else None
        username = params.get("username")
        known = self._lookup(username, algorithm) if username else None
        # A stranger costs the same time as a wrong password: nobody learns who is known here.
        a1 = known or hash_a1(algorithm, "", self.realm, "")
        right = digest(algorithm, a1, request.method, params["uri"], params["nonce"], count)
        given = params.get("response", "").lower()
        return hmac.compare_digest(right.encode(), given.encode("utf-8", "surrogateescape")) and known is not None

    def _is_fresh(self, nonce: str, params: dict[str, str], request: Request, flow: tuple[object, ...]) -> bool:
        """Tell whether the nonce count rose (RFC 7616 section 3.4); without qop a nonce serves once.

        Clients that repeat their credentials through one registration are served while their CSeq rises.
        """
        last = self._uses.get(nonce, _Use())
        count = _count(params)
        goes_on = request.method == "REGISTER" and (last.call_id, last.flow) == (request.call_id, flow)
        if count <= last.count and not (goes_on and request.cseq.number > last.cseq):
            return False
        self._uses[nonce] = _Use(max(count, last.count), request.call_id, request.cseq.number, flow)
        self._uses.move_to_end(nonce)
        if len(self._uses) > MAX_COUNTED:
            self._uses.popitem(last=False)
        return True

    def _nonce(self, host: str, now: float) -> str:
        stem = f"{int(now * 1000):012x}{secrets.token_hex(4)}"
        return stem + self._sign(stem, host)

    def _sign(self, stem: str, host: str) -> str:
        return hmac.digest(self._key, f"{stem}:{self.realm}:{host}".encode(), "sha256").hex()[:32]

    def _born(self, nonce: str, host: str) -> float | None:
        """When we made a nonce for a host, in seconds; None if we did not."""
        stem, mac = nonce[:20], nonce[20:]
        if not nonce.isascii() or not hmac.compare_digest(mac, self._sign(stem, host)):
            return None
        return int(stem[:12], 16) / 1000


def _names(text: str, request: Request, realm: str) -> bool:
    """Whether a digest-uri means this request: its Request-URI, or the server as a whole (parameters set aside)."""
    try:
        uri = Uri.parse(text)
    except BadMessage:
        return text == str(request.uri)
    if uri.user is None and uri.host:
        return uri.host.lower() in (realm.lower(), request.uri.host.lower())
    return (uri.user, uri.host, uri.port, uri.opaque) == (
        request.uri.user,
        request.uri.host,
        request.uri.port,
        request.uri.opaque,
    )
