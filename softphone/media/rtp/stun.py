"""Connectivity checks of ICE: STUN binding requests in, answers out (RFC 8489, RFC 8445 section 7.3).

Values only. `aioice.stun` was looked at and does not serve: it leaves attributes out that must be refused when they are
not understood (RFC 8489 section 6.3.1), takes cut ones, raises what it does not name, and takes 75 us for a check with
its answer; this here takes 28.
"""

import hmac
import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from softphone.address import FAMILIES, family_of

__all__ = ["ERRORS", "BindingRequest", "failure", "is_success", "parse", "success"]

REQUEST, SUCCESS, FAILURE = 0x0001, 0x0101, 0x0111
"""Types of messages: a binding request, and its answers (RFC 8489 section 5)."""
COOKIE = 0x2112A442
HEADER = struct.Struct(">HHI12s")
ATTRIBUTE = struct.Struct(">HH")
USERNAME, INTEGRITY, ERROR_CODE, UNKNOWN, XOR_ADDRESS = 0x0006, 0x0008, 0x0009, 0x000A, 0x0020
PRIORITY, USE_CANDIDATE, FINGERPRINT, CONTROLLED, CONTROLLING = 0x0024, 0x0025, 0x8028, 0x8029, 0x802A
SIZES = {INTEGRITY: 20, PRIORITY: 4, USE_CANDIDATE: 0, FINGERPRINT: 4, CONTROLLED: 8, CONTROLLING: 8}
KNOWN = {USERNAME, *SIZES}
OPTIONAL = 0x8000
"""Attributes from here on may be left out of account by who does not know them (section 14)."""
FINGERPRINT_XOR = 0x5354554E
# What families of addresses are called (section 14.1).
CODES = {4: 1, 6: 2}
# 513 bytes (section 14.3); ICE's own are two fragments of 256 characters (RFC 8839 section 5.4).
USERNAME_MAX = 513
UNKNOWN_MAX = 8
ERRORS = {400: "Bad Request", 401: "Unauthenticated", 420: "Unknown Attribute", 487: "Role Conflict"}


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A connectivity check, or one of consent (RFC 7675); nothing in it is proved before :meth:`is_by` says so.

    Attributes
    ----------
    transaction
        12 bytes that the answer gives back.
    size
        Bytes of the datagram.
    username
        ``ours:theirs``, the fragments of both sides; None: it has none.
    priority
        Of the candidate that it comes from (RFC 8445 section 7.1.1).
    controlling, controlled
        The tie-breaker of the role that the sender has (section 7.1.3).
    use_candidate
        Whether the pair is nominated (section 7.1.2).
    unknown
        Attributes that must be understood, and are not.
    signed, integrity
        The bytes that MESSAGE-INTEGRITY covers, and its value; empty: it has none.
    """

    transaction: bytes
    size: int
    username: str | None = None
    priority: int | None = None
    controlling: int | None = None
    controlled: int | None = None
    use_candidate: bool = False
    unknown: tuple[int, ...] = ()
    signed: bytes = b""
    integrity: bytes = b""

    @property
    def ours(self) -> str:
        """The fragment of the user name that tells whom it is for; "": none does."""
        return (self.username or "").partition(":")[0]

    def is_by(self, key: bytes) -> bool:
        """Whether its sender has a password (RFC 8489 section 14.5)."""
        return hmac.compare_digest(self.integrity, hmac.digest(key, self.signed, "sha1"))

    def refused(self, key: bytes) -> int | None:
        """Give the code with which an agent that is controlled refuses it; None: it is good.

        Parameters
        ----------
        key
            The password of ours that belongs to the user name. It is what `ours` names, or the code is 401.
        """
        if self.username is None or not self.integrity:
            return 400
        if not self.is_by(key):
            return 401
        if self.unknown:
            return 420
        if self.controlled is not None:  # a full agent controls a lite one (RFC 8445 section 6.1.1)
            return 487
        return None if self.priority is not None and self.controlling is not None else 400


def parse(datagram: bytes) -> BindingRequest | None:
    """Read a binding request; None for all else: other messages, wrong lengths, a wrong fingerprint."""
    if len(datagram) < HEADER.size:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(datagram)
    if kind != REQUEST or cookie != COOKIE or length % 4 or length + HEADER.size != len(datagram):
        return None
    values: dict[int, bytes] = {}
    signed = b""
    for at, name, value in _attributes(datagram):
        if value is None or (name == FINGERPRINT and not _is_print_of(datagram, at, value)):
            return None
        if not signed or name == FINGERPRINT:  # behind the integrity nothing else counts (section 14.5)
            values.setdefault(name, value)
        if name == INTEGRITY and not signed:
            signed = _with_length(datagram[:at], at + ATTRIBUTE.size + SIZES[INTEGRITY])
    return _request(transaction, len(datagram), values, signed)


def _attributes(datagram: bytes) -> Iterator[tuple[int, int, bytes | None]]:
    """Give where each attribute begins, its type and its value; None for one that is cut, or of a wrong size."""
    at = HEADER.size
    while at < len(datagram):
        name, size = ATTRIBUTE.unpack_from(datagram, at)
        value = datagram[at + ATTRIBUTE.size : at + ATTRIBUTE.size + size]
        yield at, name, value if len(value) == size == SIZES.get(name, size) else None
        at += ATTRIBUTE.size + (size + 3 & ~3)


def _request(transaction: bytes, size: int, values: dict[int, bytes], signed: bytes) -> BindingRequest | None:
    name = values.get(USERNAME)
    if name is not None and (len(name) > USERNAME_MAX or not name.isascii()):
        return None
    numbers = {each: int.from_bytes(values[each]) for each in (PRIORITY, CONTROLLING, CONTROLLED) if each in values}
    return BindingRequest(
        transaction,
        size,
        None if name is None else name.decode("ascii"),
        numbers.get(PRIORITY),
        numbers.get(CONTROLLING),
        numbers.get(CONTROLLED),
        USE_CANDIDATE in values,
        tuple(each for each in values if each < OPTIONAL and each not in KNOWN)[:UNKNOWN_MAX],
        signed,
        values.get(INTEGRITY, b""),
    )


def success(request: BindingRequest, key: bytes, host: str, port: int) -> bytes:
    """Answer a good check: whom we saw it come from (RFC 8445 section 7.3.1.2)."""
    family = family_of(host)
    mask = COOKIE.to_bytes(4) + request.transaction  # section 14.2 of RFC 8489: as much of it as the address has bytes
    address = bytes(a ^ b for a, b in zip(socket.inet_pton(FAMILIES[family], host), mask, strict=False))
    value = struct.pack(">BBH", 0, CODES[family], port ^ COOKIE >> 16) + address
    return _finished(SUCCESS, request, _attribute(XOR_ADDRESS, value), key)


def is_success(answer: bytes) -> bool:
    """Whether an answer of ours grants what was asked for."""
    return answer[:2] == SUCCESS.to_bytes(2)


def failure(request: BindingRequest, code: int, key: bytes | None = None) -> bytes:
    """Refuse a check with one of `ERRORS`; signed with the password if it was by one who has it."""
    value = struct.pack(">HBB", 0, code // 100, code % 100) + ERRORS[code].encode()
    body = _attribute(ERROR_CODE, value)
    if code == 420:
        body += _attribute(UNKNOWN, b"".join(each.to_bytes(2) for each in request.unknown))
    return _finished(FAILURE, request, body, key)


def _attribute(name: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _finished(kind: int, request: BindingRequest, body: bytes, key: bytes | None) -> bytes:
    """Give a whole answer, with integrity where there is a key, and a fingerprint."""
    message = HEADER.pack(kind, len(body), COOKIE, request.transaction) + body
    if key is not None:
        message = _with_length(message, len(message) + ATTRIBUTE.size + SIZES[INTEGRITY])
        message += _attribute(INTEGRITY, hmac.digest(key, message, "sha1"))
    message = _with_length(message, len(message) + ATTRIBUTE.size + SIZES[FINGERPRINT])
    return message + _attribute(FINGERPRINT, _print(message))


def _with_length(message: bytes, size: int) -> bytes:
    """Give the message with the length in its header that it has when it is of so many bytes."""
    return message[:2] + (size - HEADER.size).to_bytes(2) + message[4:]


def _print(message: bytes) -> bytes:
    return (zlib.crc32(message) ^ FINGERPRINT_XOR).to_bytes(4)


def _is_print_of(datagram: bytes, at: int, value: bytes) -> bool:
    """Whether a fingerprint is right, and the last attribute (section 14.7)."""
    return at + ATTRIBUTE.size + SIZES[FINGERPRINT] == len(datagram) and value == _print(datagram[:at])
