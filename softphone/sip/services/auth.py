"""Verification of digest responses (RFC 3261 section 22, RFC 8760): nonces, nonce counts, users."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from softphone.errors import BadMessage
from softphone.sip.message.digest import ALGORITHMS, Challenge, digest, hash_a1, parse_auth
from softphone.sip.message.message import Request
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop

__all__ = ["Authenticator", "Verdict"]


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
    cseq: int = 0
    registration: bytes = b""


def _registration(request: Request, source: Hop) -> bytes:
    """Make a mark of fixed length of what a registration goes on by: its Call-ID and its connection.

    By UDP that is an address, which can be forged; whoever does it can register no other Contact than the one that the
    credentials were sent with.
    """
    if source.connection is not None:
        flow = [str(source.connection)]
    else:
        flow = [str(source.port), *(str(contact.uri) for contact in request.contacts), *request.get_all("Path")]
    text = "\n".join((source.transport, source.host, request.call_id, *flow))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


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

    def challenge(self, source: Hop, now: float, *, stale: bool = False) -> list[str]:
        """Make the values for WWW-Authenticate or Proxy-Authenticate of `source`, one for each algorithm."""
        return [
            str(Challenge(self.realm, self._nonce(source.host, now), algorithm, self._qop, stale))
            for algorithm in self.algorithms
        ]

    def verify(self, request: Request, source: Hop, now: float, header: str = "Authorization") -> Verdict:
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

    def _judge(self, request: Request, source: Hop, params: dict[str, str], now: float) -> Verdict:
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
        if not self._is_fresh(nonce, params, request, _registration(request, source)):
            return Verdict(stale=True)
        return Verdict(params.get("username"))

    def _is_checkable(self, params: dict[str, str]) -> bool:
        """Whether a secret may be kept for this user name, which is hashed as it is written, and this algorithm.

        That is told by the text alone: whether there is such a user does not show.
        """
        username = params.get("username", "")
        user = username.removesuffix(f"@{self.realm}")
        bare = user if user == username else user.removeprefix("sip:")
        known = params.get("algorithm", "MD5").upper() in self._taken
        return known and bare != "" and not set(bare) & set('@:*"')

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

    def _is_fresh(self, nonce: str, params: dict[str, str], request: Request, registration: bytes) -> bool:
        """Tell whether the nonce count rose (RFC 7616 section 3.4); without qop a nonce serves once.

        Clients that repeat their credentials through one registration are served while their CSeq rises.
        """
        last = self._uses.get(nonce, _Use())
        count = _count(params)
        goes_on = request.method == "REGISTER" and last.registration == registration
        if count <= last.count and not (goes_on and request.cseq.number > last.cseq):
            return False
        self._uses[nonce] = _Use(max(count, last.count), request.cseq.number, registration)
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
