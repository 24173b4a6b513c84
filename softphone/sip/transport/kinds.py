"""The transports that are spoken (RFC 3261 section 18): one line each says all that others must know of it."""

from dataclasses import dataclass

__all__ = ["KINDS", "TCP", "UDP", "TransportKind"]


@dataclass(frozen=True, slots=True)
class TransportKind:
    """A transport."""

    name: str
    """In URIs (RFC 3261 section 19.1.1); in capitals in a Via."""
    reliable: bool
    """Whether it retransmits by itself, by connections (section 17)."""
    port: int = 5060
    """Where it is spoken if nothing else is said."""
    service: str = ""
    """Of its SRV records (RFC 3263 section 4.2)."""
    naptr: str = ""
    """Service of its NAPTR records (RFC 3263 section 4.1)."""


UDP = TransportKind("udp", reliable=False, service="_sip._udp", naptr="SIP+D2U")
TCP = TransportKind("tcp", reliable=True, service="_sip._tcp", naptr="SIP+D2T")

KINDS = {each.name: each for each in (UDP, TCP)}
"""By name, in order of our preference."""
