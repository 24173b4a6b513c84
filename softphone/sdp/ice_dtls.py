"""The WebRTC profile of a stream: ICE and DTLS parameters (RFC 8829, RFC 8839, RFC 8842, RFC 8122).

A bridge is lite (RFC 8445 section 2.5): of the peer's candidates nothing is needed, for it asks us, and we see from
where. A client, with candidates of its own, is not. Addresses in descriptions are often none (``c=IN IP4 0.0.0.0``,
port 9); they hold nobody.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

from softphone.sdp.description import Attributes, MediaDescription, SessionDescription

__all__ = [
    "PASSWORD",
    "SETUP",
    "UFRAG",
    "IceDtls",
    "IceSide",
    "certificates",
    "certified",
    "objection_to_certificate",
    "role",
]

UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
HASH_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
"""What fingerprints are taken, and how long they are; older hashes prove nothing any more (RFC 8122 section 5)."""
FINGERPRINTS_MAX = 16
CANDIDATES_MAX = 64
# A host candidate of the only component (RFC 8445 section 5.1.2.1), and the protocol that offers have most.
PRIORITY = 126 << 24 | 65_535 << 8 | 255
DTLS: dict[str, Literal["client", "server"]] = {"actpass": "server", "active": "server", "passive": "client"}
"""Our side of DTLS by the peer's ``a=setup`` (RFC 8842 section 5)."""
SETUP = {"server": "passive", "client": "active"}


@dataclass(frozen=True)
class IceSide:
    """What we say of ourselves: user fragment and password of ICE, and the fingerprint of our certificate.

    `candidates`: as ``a=candidate`` has them, of a client; without any we are lite, and reached where we take media.
    """

    ufrag: str
    password: str = field(repr=False)
    fingerprint: str
    candidates: tuple[str, ...] = ()

    @property
    def lite(self) -> bool:
        """Whether we make no checks, and only answer those of the peer."""
        return not self.candidates

    @classmethod
    def new(cls, fingerprint: str) -> Self:
        """Begin, or begin anew (RFC 8445 section 9): random, and long enough for both (section 5.3)."""
        return cls(secrets.token_hex(8), secrets.token_hex(16), fingerprint)


@dataclass(frozen=True)
class IceDtls:
    """Encrypted RTP whose keys DTLS makes, with who proves by ICE where it is.

    Attributes
    ----------
    ufrag
        The peer's; another one is a restart (RFC 8445 section 9).
    fingerprints
        Of its certificate: hash, and hexadecimal pairs with colons between.
    dtls
        Our side of DTLS.
    setup
        How the peer leaves that to us, or does not: "actpass", "active", "passive".
    port
        0 when the peer has switched the stream off (RFC 3264 section 8.2).
    bundled
        The ``a=mid`` of the stream, if the peer has it in a BUNDLE group (RFC 9143); "": it has not.
    password, candidates, lite
        What a client needs to ask where the peer is: the password of its checks, candidates as ``a=candidate`` has
        them, and whether the peer makes none.
    """

    PROTOCOLS: ClassVar = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")

    ufrag: str
    fingerprints: tuple[tuple[str, str], ...]
    dtls: Literal["client", "server"] = "server"
    setup: str = "actpass"
    port: int = 9
    bundled: str = ""
    password: str = field(default="", repr=False)
    candidates: tuple[str, ...] = ()
    lite: bool = False

    nowhere: ClassVar = False

    @staticmethod
    def is_meant(description: SessionDescription, media: MediaDescription) -> bool:
        """Whether a stream that may be something else by its protocol has what WebRTC cannot be without."""
        return None not in (_first(description, media, name) for name in ("fingerprint", "ice-ufrag"))

    @classmethod
    def read(cls, description: SessionDescription, media: MediaDescription, before: object = None) -> Self | None:
        """Read what the peer says of one of its streams; None: :meth:`objection` says why it cannot be.

        Parameters
        ----------
        before
            What it has said last: with whom an association stands goes on in its role (RFC 8842 section 5.3).
        """
        if cls.objection(description, media):
            return None
        prints = certificates(description, media)
        setup, ours = role(description, media)
        if isinstance(before, IceDtls) and setup == "actpass" and before.fingerprints == prints:
            ours = before.dtls
        ufrag, password = (_first(description, media, name) or "" for name in ("ice-ufrag", "ice-pwd"))
        return cls(
            ufrag,
            prints,
            ours,
            setup,
            media.port or 9,
            _bundled(description, media),
            password,
            _all(description, media, "candidate")[:CANDIDATES_MAX],
            any(name == "ice-lite" for name, _ in description.attributes),
        )

    @classmethod
    def objection(cls, description: SessionDescription, media: MediaDescription) -> str:
        """Say why a stream cannot be spoken; "": it can."""
        names = (_first(description, media, name) or "" for name in ("ice-ufrag", "ice-pwd"))
        if not all(shape.fullmatch(each) for shape, each in zip((UFRAG, PASSWORD), names, strict=True)):
            return "ICE needs a=ice-ufrag and a=ice-pwd (RFC 8839 section 5.4)"
        if said := objection_to_certificate(description, media):
            return said
        return "" if media.attribute("rtcp-mux") is not None else "a=rtcp-mux is missing: reports go beside sound only"

    @property
    def chosen(self) -> bool:
        """Whether it says which side of DTLS it is on, as an answer must (RFC 8842 section 5.3)."""
        return self.setup != "actpass"

    def attributes(self, hosts: Sequence[str], port: int, side: IceSide) -> Attributes:
        """Write what the answer to it says of our side."""
        return attributes(hosts, port, side, SETUP[self.dtls])

    def session_attributes(self, side: IceSide) -> Attributes:
        """Write what the answer says for the whole session."""
        return session_attributes(self.bundled, side)


def attributes(hosts: Sequence[str], port: int, side: IceSide, setup: str = "actpass") -> Attributes:
    """Write what a stream of ours says: an offer leaves the roles of DTLS to the peer.

    Parameters
    ----------
    hosts, port
        The addresses at which a lite side is reached, the best one first, and where.
    """
    candidates = side.candidates or tuple(
        f"{i + 1} 1 udp {PRIORITY - (i << 8)} {host} {port} typ host" for i, host in enumerate(hosts)
    )
    return (
        ("rtcp-mux", None),
        ("ice-ufrag", side.ufrag),
        ("ice-pwd", side.password),
        ("fingerprint", side.fingerprint),
        ("setup", setup),
        *(("candidate", each) for each in candidates),
        ("end-of-candidates", None),
        ("msid", "softphone sound"),
    )


def session_attributes(mid: str, side: IceSide) -> Attributes:
    """Write what a description of ours says for the whole session: whether we are lite, and what is in one bundle."""
    lite: Attributes = (("ice-lite", None),) if side.lite else ()
    return (*lite, ("group", f"BUNDLE {mid}")) if mid else lite


def certified(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether a fingerprint is said of a stream, whatever it is worth."""
    return _first(description, media, "fingerprint") is not None


def certificates(description: SessionDescription, media: MediaDescription) -> tuple[tuple[str, str], ...]:
    """Give the fingerprints of the peer's certificate that can be right: hash, and hexadecimal pairs."""
    return tuple(_fingerprints(_all(description, media, "fingerprint")))


def role(description: SessionDescription, media: MediaDescription) -> tuple[str, Literal["client", "server"]]:
    """Give which side of DTLS the peer says it is on, and ours; there must be no :func:`objection_to_certificate`."""
    setup = _setup(description, media)
    return setup, DTLS[setup]


def objection_to_certificate(description: SessionDescription, media: MediaDescription) -> str:
    """Say why keys cannot be made by DTLS; "": they can."""
    if not certificates(description, media):
        return f"DTLS needs an a=fingerprint by one of {', '.join(HASH_BYTES)} (RFC 8122)"
    if _setup(description, media) not in DTLS:
        return "a=setup must be actpass, active or passive (RFC 8842 section 5)"
    return ""


def _setup(description: SessionDescription, media: MediaDescription) -> str:
    return (_first(description, media, "setup") or "active").lower()


def _first(description: SessionDescription, media: MediaDescription, name: str) -> str | None:
    """Give an attribute of a stream, else of the session, else of who speaks for its bundle (RFC 9143 section 7)."""
    return next(iter(_all(description, media, name)), None)


def _all(description: SessionDescription, media: MediaDescription, name: str) -> tuple[str, ...]:
    places = [media.attributes, description.attributes]
    if mid := _bundled(description, media):
        places += [each.attributes for each in description.media if _in_bundle(description, each, mid)]
    found = (tuple(value or "" for key, value in place if key == name) for place in places)
    return next(filter(None, found), ())


def _bundled(description: SessionDescription, media: MediaDescription) -> str:
    mid = media.attribute("mid") or ""
    return mid if any(mid in group for group in _bundles(description)) else ""


def _in_bundle(description: SessionDescription, media: MediaDescription, mid: str) -> bool:
    """Whether a stream is in the bundle of another one."""
    other = media.attribute("mid")
    return any(mid in group and other in group for group in _bundles(description))


def _bundles(description: SessionDescription) -> Iterator[list[str]]:
    for name, value in description.attributes:
        kind, *mids = (value or "").split()[:33] or [""]
        if name == "group" and kind.upper() == "BUNDLE":
            yield mids


def _fingerprints(said: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give those that can be right."""
    for value in list(said)[:FINGERPRINTS_MAX]:
        algorithm, _, text = value.partition(" ")
        size = HASH_BYTES.get(algorithm.lower())
        if size and re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}:){{{size - 1}}}[0-9A-Fa-f]{{2}}", text.strip()):
            yield algorithm.lower(), text.strip().upper()
