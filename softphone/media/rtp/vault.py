"""The keys of all legs that are encrypted, by row, and what opens and seals one packet with them (SRTP, RFC 3711).

Packets are opened and sealed where they lie, by kernels; what is seldom, a report or a key of a telephone, goes the
same way one by one.
"""

import sys
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel, records
from softphone.errors import MediaError
from softphone.media.contract.security import Srtp
from softphone.media.rtp import libsrtp
from softphone.media.rtp.header import HEADER_SIZE
from softphone.media.rtp.libsrtp import REPLAYED, SrtpSession
from softphone.srtp import SRTP_PROFILES

__all__ = ["Safe", "TRAILER", "Vault", "check", "seal", "unnamed", "unseal"]

# The largest tag (RFC 7714), and of a report its number (RFC 3711 section 3.4).
TRAILER = 16 + 4
# Sources of a peer that are remembered: a telephone changes its own with a transfer or a device, a flooder without end.
SOURCES = 8
LONGEST = 1536
# RFC 4568 section 9.2.
LONGEST_NAME = 128
# Bytes of tag that stand behind the name of the key in a packet, and in a report (RFC 3711 section 3.1, RFC 7714): none
# where the tag is a part of what is encrypted.
TAGS = {name: (4 if name.endswith("_32") else 10, 10) for name in SRTP_PROFILES if "HMAC" in name}
Reason: TypeAlias = Literal["key", "replay"]
REFUSALS: dict[int, Reason] = {1: "key", 2: "replay"}
KEY, REPLAY = REFUSALS
NO_KEYS = -1
BIG = sys.byteorder == "big"
# Of a source that was known by its reports alone.
NOTHING_HEARD = -1
# Sequence numbers, and half of them: of two packets, the one that is so much ahead is the older one.
NUMBERS, HALF = 1 << 16, 1 << 15

SAFE = np.dtype(
    [
        ("secret", np.bool_),  # the row is encrypted
        ("inbound", np.uint64),  # what opens what comes, and what seals what is sent; 0: the keys are still to come
        ("outbound", np.uint64),
        ("inbound_reports", np.uint64),  # the same of RTCP
        ("outbound_reports", np.uint64),
        (
            "name",
            np.int64,
        ),  # bytes of the name of a key (MKI) in what comes, and of the tag behind it, of a report, too
        ("tag", np.int64),
        ("report_tag", np.int64),
        ("known", np.int64),  # how many sources there are
        ("sources", np.uint32, (SOURCES,)),  # of whom something was opened, as packets have them
        ("heard", np.int64, (SOURCES,)),  # index of the last packet of each (RFC 3711 section 3.3.1); `NOTHING_HEARD`
        ("floor", np.int64, (SOURCES,)),  # that of the last one that another worker has opened
        ("next", np.int64),  # which of those is forgotten for the next one
        ("refused", np.int64),  # packets that were not opened, and why the first was not
        ("reason", np.int64),
        ("told", np.bool_),
    ],
    align=True,
)
"""What is needed to open and seal the packets of a row."""
Safe: TypeAlias = Any
"""Records of dtype `SAFE`, or one of them, as kernels see them."""

_protect, _protect_rtcp = libsrtp.function("srtp_protect"), libsrtp.function("srtp_protect_rtcp")
_unprotect, _unprotect_rtcp = libsrtp.function("srtp_unprotect"), libsrtp.function("srtp_unprotect_rtcp")
_remove_stream, _set_roc = libsrtp.function("srtp_remove_stream"), libsrtp.function("srtp_set_stream_roc")


@kernel
def seal(safe: Safe, at: int, length_at: int, report: bool) -> int:
    """Seal a packet where it lies.

    Parameters
    ----------
    safe
        Of its row.
    at, length_at
        Where it begins in memory, with room for `TRAILER` behind it, and where its length stands, as 32 bits.
    report
        Whether it is RTCP.

    Returns
    -------
    int
        0; anything else: it could not be sealed, and is not to be sent.
    """
    session = safe.outbound_reports if report else safe.outbound
    if session == 0:
        return NO_KEYS
    return _protect_rtcp(session, at, length_at) if report else _protect(session, at, length_at)


@kernel
def unseal(safe: Safe, at: int, length_at: int, ssrc: Int, seq: Int, report: bool) -> int:
    """Open a packet where it lies, if it is the row's own and comes for the first time.

    Parameters
    ----------
    safe, at, length_at, report
        As of :func:`seal`.
    ssrc
        That of the packet, as it stands there.
    seq
        Its sequence number; reports have none.

    Returns
    -------
    int
        0; anything else: it was refused, and what lies there now is nothing.
    """
    if report:
        return _unseal_report(safe, at, length_at, ssrc)
    if safe.inbound == 0:
        return NO_KEYS
    place = _place(safe, ssrc)
    index = _index(safe, place, seq)
    if place >= 0 and _is_old(safe, place, index):
        return REPLAYED[0]
    error = _unprotect(safe.inbound, at, length_at)
    if error == 0:
        place = place if place >= 0 else _remember(safe, ssrc)
        safe.heard[place] = max(safe.heard[place], index)
    return error


@kernel
def _unseal_report(safe: Safe, at: int, length_at: int, ssrc: Int) -> int:
    """Open RTCP, whose packets carry their whole numbers (RFC 3711 section 3.4)."""
    if safe.inbound_reports == 0:
        return NO_KEYS
    error = _unprotect_rtcp(safe.inbound_reports, at, length_at)
    if error == 0 and _place(safe, ssrc) < 0:
        _remember(safe, ssrc)
    return error


@kernel
def _is_old(safe: Safe, place: int, index: int) -> bool:
    """Tell whether another worker has opened a packet, or a later one; the first later one is expected where it is."""
    floor = safe.floor[place]
    if floor == NOTHING_HEARD or index <= floor:
        return floor != NOTHING_HEARD
    if safe.heard[place] == floor:
        _set_roc(safe.inbound, number(safe.sources[place]), index // NUMBERS)
    return False


@kernel
def _index(safe: Safe, place: int, seq: Int) -> int:
    """Give the index of a packet, by that of the last one of its source (RFC 3711 section 3.3.1)."""
    last = safe.heard[place] if place >= 0 else NOTHING_HEARD
    if last == NOTHING_HEARD:
        return int(seq)
    index = last + (int(seq) - last + HALF) % NUMBERS - HALF
    return index if index >= 0 else int(seq)


@kernel
def number(ssrc: Int) -> int:
    """Give an SSRC as a number, or a number as it stands in packets."""
    word = int(ssrc)
    if BIG:
        return word
    return (word & 0xFF) << 24 | (word & 0xFF00) << 8 | (word >> 8) & 0xFF00 | word >> 24


@kernel
def _place(safe: Safe, ssrc: Int) -> int:
    """Find a source of the peer; -1: nothing was opened of it."""
    for i in range(safe.known):
        if safe.sources[i] == ssrc:
            return i
    return -1


@kernel
def _remember(safe: Safe, ssrc: Int) -> int:
    """Remember a source of the peer, and let that go which was the first of those that are remembered."""
    place = safe.next
    if safe.known == SOURCES:
        _remove_stream(safe.inbound, safe.sources[place])
        if safe.inbound_reports != safe.inbound:
            _remove_stream(safe.inbound_reports, safe.sources[place])
    safe.known = min(safe.known + 1, SOURCES)
    safe.sources[place] = ssrc
    safe.heard[place] = safe.floor[place] = NOTHING_HEARD
    safe.next = (place + 1) % SOURCES
    return place


@kernel
def unnamed(safe: Safe, d: NDArray[np.uint8], length: Int, report: bool) -> int:
    """Take the name of its key (MKI) out of a packet of a row, where packets have one; gives its length then.

    Parameters
    ----------
    safe, report
        As of :func:`seal`.
    d, length
        The packet, uint8, and how many bytes it has.
    """
    tag, end = safe.report_tag if report else safe.tag, length - safe.name
    if safe.name == 0 or end < HEADER_SIZE + tag:
        return int(length)
    for i in range(end - tag, end):
        d[i] = d[i + safe.name]
    return int(end)


@kernel
def refuse(safe: Safe, error: int) -> None:
    """Count a packet that was not opened."""
    if error == NO_KEYS:
        return
    safe.refused += 1
    if safe.reason == 0:
        safe.reason = REPLAY if error == REPLAYED[0] or error == REPLAYED[1] else KEY


@kernel
def one(safe: Safe, at: int, length_at: int, ssrc: Int, seq: Int, inward: bool, report: bool) -> int:
    """Open or seal a single packet."""
    return unseal(safe, at, length_at, ssrc, seq, report) if inward else seal(safe, at, length_at, report)


class Held(NamedTuple):
    """What a row has; `reports`: of RTCP, where that has other keys."""

    srtp: Srtp
    inbound: SrtpSession | None = None
    outbound: SrtpSession | None = None
    reports: "Held | None" = None

    def after(self, srtp: Srtp) -> "Held":
        """Give what it has with some keys; what it has with those that stay goes on."""
        if not srtp.keyed:
            return Held(srtp)
        inbound = self.inbound if self.srtp.incoming == srtp.incoming else None
        outbound = self.outbound if self.srtp.outgoing == srtp.outgoing else None
        return Held(
            srtp,
            inbound or SrtpSession(*srtp.incoming, inbound=True, sources=(ssrc for ssrc, _ in srtp.heard)),
            outbound or SrtpSession(*srtp.outgoing, inbound=False),
        )

    @property
    def addresses(self) -> tuple[int, int]:
        """Where what opens and what seals lie in memory; 0: there is none."""
        return self.inbound.address if self.inbound else 0, self.outbound.address if self.outbound else 0


NOTHING = Held(Srtp(""))


class Vault:
    """The keys of all rows.

    Parameters
    ----------
    capacity
        How many rows there are.

    Attributes
    ----------
    table
        Records of dtype `SAFE`, shape (capacity,).
    """

    def __init__(self, capacity: int) -> None:
        self.table: Safe = records(capacity, SAFE)
        self._held: dict[int, Held] = {}
        self._packet, self._length = np.zeros(LONGEST + TRAILER, np.uint8), np.zeros(1, np.int32)

    def __len__(self) -> int:
        """How many rows are encrypted."""
        return len(self._held)

    def put(self, row: int, srtp: Srtp | None) -> bool:
        """Let a row be encrypted with these keys from now on; those that it has had before stay as they are.

        Returns
        -------
        bool
            Whether what is sent is sealed by a key that the row has not had before.
        """
        if srtp is None:
            self.free(row)
            return False
        before, safe = self._held.get(row, NOTHING), self.table[row]
        held = before.after(srtp)
        reports = None if srtp.reports is None else (before.reports or NOTHING).after(srtp.reports)
        if held.inbound is not None and held.inbound is not before.inbound:
            _begin(safe, srtp)
        safe.inbound, safe.outbound = held.addresses
        safe.inbound_reports, safe.outbound_reports = (reports or held).addresses
        safe.name, (safe.tag, safe.report_tag) = srtp.mki, TAGS.get(srtp.profile, (0, 0))
        safe.secret, self._held[row] = True, held._replace(reports=reports)
        return held.outbound is not None and held.outbound is not before.outbound

    def free(self, row: int) -> None:
        """Forget what a row has, its keys first."""
        if self._held.pop(row, None) is not None:
            self.table[row] = np.zeros((), SAFE)

    def keys(self, row: int) -> Srtp | None:
        """Give the keys of a row for the worker that its leg moves to, and what was heard with them."""
        if (held := self._held.get(row)) is None:
            return None
        safe, reports = self.table[row], None if held.reports is None else held.reports.srtp
        known = zip(safe["sources"][: safe["known"]].tolist(), safe["heard"].tolist(), strict=False)
        heard = tuple((number(ssrc), index) for ssrc, index in known if index != NOTHING_HEARD)
        return msgspec.structs.replace(held.srtp, reports=reports, heard=heard)

    def refused(self, row: int) -> int:
        """Give how many packets of a row were not opened."""
        return int(self.table["refused"][row])

    def news(self) -> list[tuple[int, Reason]]:
        """Give each row of which something was refused, and why, once."""
        if not self._held:
            return []
        rows = np.flatnonzero((self.table["reason"] != 0) & ~self.table["told"])
        self.table["told"][rows] = True
        return [(row, REFUSALS[int(self.table["reason"][row])]) for row in rows.tolist()]

    def seal(self, row: int, datagram: bytes, *, report: bool = False) -> bytes | None:
        """Give what is sent for a packet of a row: as it is if the row is not encrypted; None: nothing."""
        if row not in self._held:
            return datagram
        return None if self._one(row, datagram, inward=False, report=report) else self._taken()

    def open(self, row: int, datagram: bytes, *, report: bool = False) -> bytes | None:
        """Give what a packet of a row says; None: it was refused, which is counted."""
        if row not in self._held:
            return datagram
        error = self._one(row, datagram, inward=True, report=report)
        if error:
            refuse(self.table[row], error)
        return None if error else self._taken()

    def proves(self, row: int, datagram: bytes) -> bytes | None:
        """Open a packet that may be of a row, or not: nothing is counted then."""
        return None if self._one(row, datagram, inward=True, report=False) else self._taken()

    def _one(self, row: int, datagram: bytes, *, inward: bool, report: bool) -> int:
        size = len(datagram)
        if size > LONGEST or size < HEADER_SIZE - 4 * report:
            return libsrtp.BAD
        self._packet[:size] = np.frombuffer(datagram, np.uint8)
        self._length[0] = unnamed(self.table[row], self._packet, size, report) if inward else size
        ssrc = int(self._packet[4 if report else 8 :][:4].view(np.uint32)[0])
        seq = int.from_bytes(datagram[2:4])
        at = self._packet.ctypes.data, self._length.ctypes.data
        return int(one(self.table[row], *at, ssrc, seq, inward, report))

    def _taken(self) -> bytes:
        return self._packet[: self._length[0]].tobytes()


def _begin(safe: Safe, srtp: Srtp) -> None:
    """Let a row begin with what was heard elsewhere with its keys."""
    safe.sources[:], safe.heard[:], safe.floor[:] = 0, NOTHING_HEARD, NOTHING_HEARD
    safe.known, safe.reason, safe.told = min(len(srtp.heard), SOURCES), 0, False
    safe.next = safe.known % SOURCES
    for place, (ssrc, index) in enumerate(srtp.heard[:SOURCES]):
        safe.sources[place], safe.heard[place], safe.floor[place] = number(ssrc), index, index


def check(srtp: Srtp | None) -> None:
    """Have what keys need.

    Raises
    ------
    MediaError
        The profile is not known, a key has not its length, or the library is not there.
    """
    if srtp is None:
        return
    check(srtp.reports)
    size = SRTP_PROFILES.get(srtp.profile)
    if size is None or any(len(key) not in (0, size) for key in (srtp.send, srtp.receive)):
        raise MediaError(f"no profile of SRTP, or keys that are not of its length: {srtp!r}")
    if not 0 <= srtp.mki <= LONGEST_NAME:
        raise MediaError(f"no name of a key has {srtp.mki} bytes")
    libsrtp.load()
