"""Which way back to a peer: its Contact, or the flow that its request came by."""

from softphone.sip.endpoint import DEFAULT_PORT, Endpoint
from softphone.sip.message import Request

__all__ = ["flow_of"]


def flow_of(request: Request, source: Endpoint) -> Endpoint | None:
    """Return the flow if the Contact of a request may not be reached directly, else None.

    That is: it came over a connection, or through a NAT (its Via names another address than it came from).
    """
    via = request.via
    said = (via.host.strip("[]"), via.port or DEFAULT_PORT)
    direct = source.transport == "udp" and said == (source.host, source.port)
    return None if direct else source
