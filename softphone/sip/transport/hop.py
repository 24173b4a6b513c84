"""Transports (RFC 3261 section 18), hops, and a message on its way to or from one."""

from dataclasses import dataclass, replace
from typing import Self

from softphone.address import canonical
from softphone.sip.message.fields import Via
from softphone.sip.message.message import Request

__all__ = ["Hop", "KINDS", "LOCATED", "Send", "TCP", "TLS", "TransportKind", "UDP", "WS", "WSS", "reply_hop", "stamp"]


@dataclass(frozen=True, slots=True)
class TransportKind:
    """A transport."""

    name: str
    """In URIs (RFC 3261 section 19.1.1), unless `parameter` says otherwise; in capitals in a Via."""
    reliable: bool
    """Whether it retransmits by itself, by connections (section 17)."""
    port: int = 5060
    """Where it is spoken if nothing else is said."""
    service: str = ""
    """Of its SRV records (RFC 3263 section 4.2)."""
    naptr: str = ""
    """Service of its NAPTR records (RFC 3263 section 4.1)."""
    secure: bool = False
    """Whether nobody on the way can read it."""
    streamed: bool = False
    """Whether messages follow one another in a stream, so that their lengths tell where they end."""
    parameter: str = ""
    """What URIs of ours call it, where that is not its name: ``ws``, encrypted or not (RFC 7118 section 5.2)."""


UDP = TransportKind("udp", reliable=False, service="_sip._udp", naptr="SIP+D2U")
TCP = TransportKind("tcp", reliable=True, service="_sip._tcp", naptr="SIP+D2T", streamed=True)
TLS = TransportKind("tls", reliable=True, port=5061, service="_sips._tcp", naptr="SIPS+D2T", secure=True, streamed=True)
WS = TransportKind("ws", reliable=True, port=80)
WSS = TransportKind("wss", reliable=True, port=443, secure=True, parameter=WS.name)

KINDS = {each.name: each for each in (UDP, TCP, TLS, WS, WSS)}
"""By name."""
LOCATED = {"sip": (UDP, TCP), "sips": (TLS,)}
"""What the DNS is asked for where a URI of a scheme says none, in order of our preference."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A transport address, and in a stream the connection."""

    transport: str
    """Name of one of `KINDS`."""
    host: str
    """An IP address without brackets, or a name still to be resolved."""
    port: int
    connection: int | None = None
    """The connection it came by; it is preferred, and opened anew when it is gone."""
    name: str = ""
    """Whom the certificate of the peer has to name, where we connect by TLS (RFC 5922 section 4); empty: the host."""

    @property
    def kind(self) -> TransportKind:
        """The transport."""
        return KINDS[self.transport]

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 section 17)."""
        return self.kind.reliable

    def by(self, kind: TransportKind) -> Self:
        """Give the same address by another transport."""
        return replace(self, transport=kind.name, connection=None, name="")


@dataclass(frozen=True, slots=True)
class Send:
    """A message on its way to a transport."""

    data: bytes
    target: Hop
    key: str | None = None
    """The transaction to be told when it cannot be sent."""


def stamp(request: Request, source: Hop) -> None:
    """Note in the top Via where a request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
    via = request.via
    asked = "rport" in via.params
    if not asked and canonical(via.host) == source.host:
        return
    params = dict(via.params) | {"received": source.host}
    if asked:
        params["rport"] = str(source.port)
    first, *others = request.vias
    request.set("Via", *map(str, [Via(first.transport, first.host, first.port, params), *others]))


def reply_hop(request: Request, source: Hop) -> Hop:
    """Where the response to a request goes (RFC 3261 section 18.2.2, RFC 3581 section 4).

    Over UDP to the address it came from, and to the port it came from if the client asked so by ``rport``, else to
    the port of its Via. Over TCP by the same connection; where that is gone, to the port of the Via. A ``maddr`` in
    the Via is not followed, against section 18.2.2: it would let anybody aim our answers at a third party.
    """
    via = request.via
    if not source.reliable and "rport" in via.params:
        return source
    return Hop(source.transport, source.host, via.port or source.kind.port, source.connection)
