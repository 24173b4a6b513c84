"""Which way back to a peer: its Contact, or the flow that its requests come by."""

import contextlib

from softphone.errors import SipNetworkError
from softphone.sip.dialog import Dialog
from softphone.sip.endpoint import Endpoint
from softphone.sip.message import Request
from softphone.sip.where import is_direct
from softphone.sip.wire import Wire

__all__ = ["Path", "flow_of", "next_hop", "way_back"]


def flow_of(request: Request, source: Endpoint) -> Endpoint | None:
    """Return the flow if the Contact of a request may not be reached directly, else None."""
    return None if is_direct(request, source) else source


def way_back(request: Request, source: Endpoint) -> Endpoint | None:
    """Return the flow, as `flow_of`, also when the Contact asks for a transport that we do not speak."""
    try:
        Endpoint.of_uri(request.contact.uri if request.contact is not None else request.from_.uri)
    except SipNetworkError:
        return source
    return flow_of(request, source)


def next_hop(dialog: Dialog, source: Endpoint) -> Endpoint:
    """Say where requests go in a dialog that began with one from `source`: there, unless a proxy stays in the path."""
    if dialog.route_set:
        with contextlib.suppress(SipNetworkError):
            return Endpoint.of_uri(dialog.next_hop())
    return source


class Path:
    """The way to the peer of a call.

    Parameters
    ----------
    flow
        The one it came by; None: its Contact is reached directly.
    """

    def __init__(self, wire: Wire, flow: Endpoint | None) -> None:
        self._wire = wire
        self.flow = flow

    def came(self, request: Request, source: Endpoint) -> None:
        """Take note of where a request of the peer came from: it may have a new connection, or its NAT a new port."""
        self.flow = way_back(request, source)

    def target(self, dialog: Dialog) -> Endpoint:
        """Say where our next request goes: the flow while it is open and no proxy stays in the path, else the Contact.

        Raises
        ------
        SipNetworkError
            The URI asks for a transport that we do not speak.
        """
        if self.flow is not None and not dialog.route_set and self._wire.is_open(self.flow):
            return self.flow
        return Endpoint.of_uri(dialog.next_hop())
