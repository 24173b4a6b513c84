"""Source limits: allowed and denied networks, and the request rate of each source.

What is too much is dropped. Who has sent it by a stream is where it says, and does not send it again (RFC 3261 section
17.1.2.2): as many of its requests as it may send are answered by 503 and when to come again (section 21.5.4).
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from softphone.errors import BadMessage
from softphone.sip.message.message import Request, response
from softphone.sip.message.parser import parse
from softphone.sip.transport.hop import Hop, stamp

__all__ = ["SourceGate", "SourceLimits", "Taken", "refusal"]

log = logging.getLogger(__name__)

T = TypeVar("T")

# Sources that are remembered; of more, the one that was quiet longest is forgotten.
MOST_SOURCES = 10_000
# A source may be as far ahead of its rate as this: telephones that register again after a failure come all at once.
BURST_S = 2.0
# Who floods is told of again after so long without.
QUIET_S = 60.0
# Of IPv6 whoever has one address has its network.
PREFIX = 64


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """From whom requests are taken; networks are addresses, too."""

    requests_per_s: float = 0.0
    "Of each source; 0: any number."
    allowed: Sequence[str] = ()
    "The only networks that requests come from; none: all."
    denied: Sequence[str] = ()
    "Networks that no request comes from, whatever else is said."
    exempt: Sequence[str] = ()
    "Networks whose requests are not counted, as those of our own machine are not."


class Taken(Enum):
    """What becomes of a request."""

    YES = "looked at"
    REFUSED = "answered by 503"
    DROPPED = "dropped"


@dataclass(slots=True)
class _Bucket:
    """How many requests a source, or a network of IPv6, has left, and how many answers to further ones, as of when."""

    left: float
    refusals: float
    at: float
    told: float = float("-inf")
    "When it had none left the last time."


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is done with requests of a source."""

    denied: bool
    counted: str
    "By whose bucket; empty: not at all."


class SourceGate:
    """Decides which requests are looked at; it is told the time, in seconds.

    Parameters
    ----------
    limits
        From whom, and how many.

    Attributes
    ----------
    flooded, denied
        How many were not looked at because there were too many, or because of where they came from.
    """

    def __init__(self, limits: SourceLimits | None = None) -> None:
        self._verdicts: OrderedDict[str, _Verdict] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.flooded = self.denied = 0
        self.limit(limits or SourceLimits())

    def limit(self, limits: SourceLimits) -> None:
        """Take other limits; who has sent too much has so still."""
        self._rate = limits.requests_per_s
        self._allowed, self._denied, self._exempt = map(_networks, (limits.allowed, limits.denied, limits.exempt))
        self._verdicts.clear()

    def __len__(self) -> int:
        """Give how many sources are remembered."""
        return len(self._verdicts)

    @property
    def wait_s(self) -> int:
        """How long who has sent too much waits for the next request to be taken, in whole seconds."""
        return max(1, math.ceil(1.0 / self._rate)) if self._rate else 1

    def takes(self, host: str, now: float, *, stream: bool = False) -> Taken:
        """Say what becomes of a request of a source; it is counted.

        Parameters
        ----------
        stream
            Whether it came by a connection, so that the source is who it is.
        """
        verdict = _found(self._verdicts, host, lambda: self._judge(host))
        if verdict.denied:
            self.denied += 1
            return Taken.DROPPED
        if not verdict.counted:
            return Taken.YES
        bucket = self._bucket(verdict.counted, now)
        if bucket.left >= 1.0:
            bucket.left -= 1.0
            return Taken.YES
        self._note(verdict.counted, bucket, now)
        if not stream or bucket.refusals < 1.0:
            return Taken.DROPPED
        bucket.refusals -= 1.0
        return Taken.REFUSED

    def _bucket(self, name: str, now: float) -> _Bucket:
        most = self._rate * BURST_S
        bucket = _found(self._buckets, name, lambda: _Bucket(most, most, now))
        more, bucket.at = (now - bucket.at) * self._rate, now
        bucket.left, bucket.refusals = min(bucket.left + more, most), min(bucket.refusals + more, most)
        return bucket

    def _note(self, name: str, bucket: _Bucket, now: float) -> None:
        self.flooded += 1
        if now > bucket.told + QUIET_S:
            log.warning("too many requests, some are not taken: host=%s", name)
        bucket.told = now

    def _judge(self, host: str) -> _Verdict:
        """Look at a source that is new."""
        try:
            address = ip_address(host)
        except ValueError:  # a wire in memory
            return _Verdict(denied=False, counted="")
        denied = _in(address, self._denied) or (bool(self._allowed) and not _in(address, self._allowed))
        free = not self._rate or address.is_loopback or _in(address, self._exempt)
        name = host if address.version == 4 else str(ip_network((host, PREFIX), strict=False))
        return _Verdict(denied, "" if free else name)


def refusal(data: bytes, source: Hop, wait_s: int) -> bytes | None:
    """Give the answer to a request of a stream that is too much; None: it is an ACK, or no request."""
    try:
        request = parse(data, streamed=True)
    except BadMessage:
        return None
    if not isinstance(request, Request) or request.method == "ACK":
        return None
    stamp(request, source)
    return bytes(response(request, 503, headers=[("Retry-After", str(wait_s))]))


def _found(held: OrderedDict[str, T], name: str, make: Callable[[], T]) -> T:
    """Give what is held under a name, made where it is new; what was not asked for longest gives way."""
    found = held.get(name)
    if found is None:
        found = held[name] = make()
        if len(held) > MOST_SOURCES:
            held.popitem(last=False)
    else:
        held.move_to_end(name)
    return found


def _networks(written: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(each, strict=False) for each in written]


def _in(address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
