"""Routing of our requests: the only place that decides which URI or flow is trusted.

A peer is known by where its requests really came from, and names another place in its Contact or in the Record-Route of
a proxy. Whoever follows such a name sends its own packets where the peer wants them: into a network behind a firewall,
or at a third party. So it is followed only if it is the host that the requests came from, or if the peer is trusted:
it has proved who it is, or was configured. And nobody from the public internet names an address inside, nobody on
another machine one that means this machine here (``127.0.0.1``), and nobody one that is no single host's: telephones
say ``0.0.0.0`` that do not know theirs, and are found where they are.
"""

from collections.abc import Callable

from softphone.address import canonical, is_address, is_loopback, is_public, is_single, is_wildcard
from softphone.errors import SipNetworkError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.message import Request
from softphone.sip.message.uri import Uri
from softphone.sip.transport.flow import Flows, Hold
from softphone.sip.transport.hop import WS, WSS, Hop
from softphone.sip.where.locate import Target, hop_of

__all__ = ["WayBack", "is_direct", "may_follow", "reach"]


class WayBack:
    """The way to the peer of a dialog, and the claim on the flow that the peer's requests come by.

    Parameters
    ----------
    flows
        Finds open flows.
    came
        Where the peer's requests come from; of a dialog that we began, where ours went.
    direct
        Whether the peer can be reached where it says, and no flow is needed.

    Attributes
    ----------
    trusted
        Whether the peer has proved who it is, or is one that we chose to call.
    on_lost
        Told that the connection which the peer's requests came by is closed.
    """

    def __init__(self, flows: Flows, came: Hop, *, direct: bool, trusted: bool = False) -> None:
        self.came = came
        self.trusted = trusted
        self._flows = flows
        self._direct = direct
        self._named = True
        self._hold: Hold | None = None
        self.on_lost: Callable[[], object] | None = None

    @classmethod
    def of(cls, flows: Flows, request: Request, source: Hop) -> "WayBack":
        """Make the way back to who sent a request; one without a Contact names no other place than it came from."""
        way = cls(flows, source, direct=is_direct(request, source))
        way._named = request.contact is not None
        way.hold()
        return way

    def moved(self, request: Request, source: Hop) -> None:
        """Take note of where a request of the peer came from: it may have a new connection, or its NAT a new port."""
        self._direct = is_direct(request, source)
        self._named = self._named or request.contact is not None
        if source != self.came:
            self.came = source
            self.hold()

    def target(self, dialog: Dialog) -> Target:
        """Say where our next request goes: the flow, if it is open and no proxy stays in the path, else as `reach`."""
        flow_needed = not (self._direct and self._named)
        open_flow = flow_needed and (self.came.connection is None or self._flows(self.came) is not None)
        if open_flow and not dialog.route_set:
            return self.came
        return reach(dialog.next_hop(), self.came, trusted=self.trusted)

    def hold(self) -> None:
        """Hold the flow that the peer is reached by now, and no other one."""
        self.release()
        flow = self._flows(self.came)
        self._hold = flow.hold(self._lost) if flow is not None else None

    @property
    def is_open(self) -> bool:
        """Whether there is an open connection that the peer's requests come by."""
        return self._flows(self.came) is not None

    def _lost(self) -> None:
        if self.on_lost is not None:
            self.on_lost()

    def release(self) -> None:
        """Let go of the flow: the dialog is over."""
        if self._hold is not None:
            self._hold.release()
            self._hold = None


def is_direct(request: Request, source: Hop) -> bool:
    """Whether its sender can be reached where it says: by UDP, and no NAT has changed the address in its Via."""
    via = request.via
    said = (canonical(via.host), via.port or source.kind.port)
    return not source.reliable and said == (source.host, source.port)


def reach(named: Uri, came: Hop, *, trusted: bool) -> Target:
    """Say where a request for `named` goes, which somebody named whose requests came from `came`.

    Returns
    -------
    Target
        The place that the URI names, or the URI itself if that has to be looked up; `came` if it may not be followed,
        asks for a transport that we do not speak, or for a WebSocket, which clients alone open (RFC 7118 section 5).
    """
    try:
        hop = hop_of(named)
    except SipNetworkError:
        return came
    if hop.kind in (WS, WSS) or not may_follow(hop.host, came.host, trusted=trusted):
        return came
    return hop if is_address(hop.host) else named


def may_follow(host: str, came: str, *, trusted: bool) -> bool:
    """Whether a request of ours may go to `host` because somebody at the address `came` has named it."""
    if host == came:
        return True
    if is_address(host) and (is_wildcard(host) or not is_single(host)):
        return False
    here = is_loopback(host.rstrip(".").lower())
    if is_public(came):
        return trusted and not here and (is_public(host) or not is_address(host))
    return trusted and (not here or is_loopback(came))
