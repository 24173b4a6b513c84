"""SDES: the keys of SRTP in the descriptions themselves (RFC 4568), one line for each way that they can be used.

The peer's key opens what it sends, ours what we do. They are as secret as the path that descriptions take, so a call
should come by TLS (section 9.1); where it does not, that is the caller's choice.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, Self

from softphone.address import FAMILIES
from softphone.sdp.description import Attributes, MediaDescription, SessionDescription
from softphone.sdp.profile import ENCRYPTED, Plain
from softphone.srtp import SRTP_PROFILES, Encryption

__all__ = ["Crypto", "Keys", "Sdes", "cryptos", "new_key", "read"]

SECURE = ENCRYPTED
# As some telephones call it, after a draft of RFC 6188.
SPELLINGS = {name: name for name in SRTP_PROFILES} | {"AES_CM_256_HMAC_SHA1_80": "AES_256_CM_HMAC_SHA1_80"}
# Section 9.2: a number, what it is, the only key, how long it lasts, and its name (MKI), which each packet of the peer
# has then: a number, and its bytes. Several keys are not to be had.
LINE = re.compile(
    r"(\d{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/]+={0,2})"
    r"(?:\|(?:2\^\d{1,2}|\d{1,15}))?(?:\|\d{1,310}:0{0,2}(\d{1,3}))?((?:\s+\S+)*)",
    re.I | re.A,
)
NAME_BYTES = range(1, 129)
# What changes nothing for us: how long late packets are let in, no further derivation of keys, and what is to be
# ignored by who does not know it (section 6.3.7).
HARMLESS = re.compile(r"WSH=\d+|KDR=0|-.*", re.I)
LINES_MAX = 16
# Those that we offer. The usual one is the first, wherever it stands: some answer it as 1 whatever was offered.
TAGS = {"AES_CM_128_HMAC_SHA1_80": 1, "AEAD_AES_128_GCM": 2, "AEAD_AES_256_GCM": 3}
TAGS |= {"AES_CM_128_HMAC_SHA1_32": 4, "AES_256_CM_HMAC_SHA1_80": 5}

Keys = Mapping[str, bytes]
"""Our master key and salt for each of `SRTP_PROFILES`."""


@dataclass(frozen=True)
class Crypto:
    """An ``a=crypto`` line (RFC 4568 section 4).

    Attributes
    ----------
    tag
        Its number, by which an answer tells which line it is to.
    suite
        One of `SRTP_PROFILES`.
    key
        Master key and master salt.
    spelling
        The suite as it was written.
    mki
        Bytes of the name of the key in each packet; 0: it has none.
    """

    tag: int
    suite: str
    key: bytes = field(repr=False)
    spelling: str = ""
    mki: int = 0

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Read the value of a line; None: it is none that we can use."""
        found = LINE.fullmatch(value.strip())
        suite = SPELLINGS.get(found[2].upper()) if found else None
        if found is None or suite is None or not all(HARMLESS.fullmatch(each) for each in found[5].split()):
            return None
        if found[4] is not None and int(found[4]) not in NAME_BYTES:
            return None
        try:
            key = base64.b64decode(found[3].rstrip("=") + "=" * (-len(found[3].rstrip("=")) % 4), validate=True)
        except binascii.Error:
            return None
        right = len(key) == SRTP_PROFILES[suite]
        return cls(int(found[1]), suite, key, found[2], int(found[4] or 0)) if right else None

    def __str__(self) -> str:
        return f"{self.tag} {self.spelling or self.suite} inline:{base64.b64encode(self.key).decode()}"


@dataclass(frozen=True, kw_only=True)
class Sdes(Plain):
    """RTP that is encrypted with keys of the descriptions.

    Attributes
    ----------
    crypto
        The peer's line that is used.
    protocol
        Of its ``m=`` line: ``RTP/SAVP``, or ``RTP/AVP`` of one that would do without.
    """

    PROTOCOLS: ClassVar = SECURE

    crypto: Crypto
    protocol: str = SECURE[0]


def read(
    description: SessionDescription,
    media: MediaDescription,
    encryption: Encryption,
    families: Collection[int] = FAMILIES,
) -> Plain | None:
    """Read what the peer says of a stream, and how it is encrypted; None: it cannot be spoken.

    Of the lines for keys the first that we can use counts: they are in the peer's order (RFC 4568 section 5.1.2). One
    whose key has a name counts where there is no other.

    Parameters
    ----------
    encryption
        Whether it may be, or has to be.
    families
        Of the addresses that can be sent to from here.
    """
    plain, protocol = Plain.read(description, media, families), media.protocol.upper()
    lines = () if encryption == "off" else cryptos(media)
    crypto = min(lines, key=lambda each: each.mki > 0, default=None)
    if plain is not None and crypto is not None:
        place = {each.name: getattr(plain, each.name) for each in fields(plain)}
        return Sdes(**place, crypto=crypto, protocol=protocol)
    return plain if protocol in Plain.PROTOCOLS and encryption != "required" else None


def objection(media: MediaDescription, encryption: Encryption) -> str:
    """Say why a stream cannot be spoken, by its keys; "": that is not the reason."""
    said = [value or "" for name, value in media.attributes if name == "crypto"]
    if media.protocol.upper() in SECURE and encryption == "off":
        return "media is not encrypted here"
    if media.protocol.upper() in SECURE and not any(cryptos(media)):
        suites = ", ".join((each.split() + ["", "?"])[1][:40] for each in said[:4])
        return f"no a=crypto line that can be used ({suites})" if said else "no a=crypto line has keys"
    return "encryption is required" if encryption == "required" and not any(cryptos(media)) else ""


def cryptos(media: MediaDescription) -> Iterator[Crypto]:
    """Give the lines of a stream that we can use, in its order."""
    lines = [value or "" for name, value in media.attributes if name == "crypto"]
    return (each for each in map(Crypto.parse, lines[:LINES_MAX]) if each is not None)


def new_key(suite: str) -> bytes:
    """Make a master key and salt."""
    return secrets.token_bytes(SRTP_PROFILES[suite])


def offered(keys: Keys) -> Attributes:
    """Write a line for each key that we offer, in their order."""
    return tuple(("crypto", str(Crypto(TAGS[suite], suite, key))) for suite, key in keys.items())


def answered(theirs: Crypto, key: bytes) -> Attributes:
    """Write the line that answers one of the peer's."""
    return (("crypto", str(Crypto(theirs.tag, theirs.suite, key, theirs.spelling))),)
