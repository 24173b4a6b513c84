"""Where our requests go: the one place that says whose word is taken for it.

A peer is known by where its requests really came from, and names another place in its Contact or in the Record-Route of
a proxy. Whoever follows such a name sends its own packets where the peer wants them: into a network behind a firewall,
or at a third party. So it is followed only if it is the host that the requests came from, or if the peer is trusted:
it has proved who it is, or was configured. And nobody from the public internet names an address inside.
"""

import ipaddress

from softphone.errors import SipNetworkError
from softphone.sip.endpoint import DEFAULT_PORT, Endpoint
from softphone.sip.message import Request
from softphone.sip.uri import Uri

__all__ = ["is_direct", "may_follow", "reach"]


def is_direct(request: Request, source: Endpoint) -> bool:
    """Whether its sender can be reached where it says: by UDP, and no NAT has changed the address in its Via."""
    via = request.via
    said = (via.host.strip("[]"), via.port or DEFAULT_PORT)
    return source.transport == "udp" and said == (source.host, source.port)


def reach(named: Uri, came: Endpoint, *, trusted: bool) -> Endpoint:
    """Say where a request for `named` goes, which somebody named whose requests came from `came`.

    Returns
    -------
    Endpoint
        What the URI says, if it may be followed, else `came`; also when it asks for a transport that we do not speak.
    """
    try:
        target = Endpoint.of_uri(named)
    except SipNetworkError:
        return came
    return target if may_follow(target.host, came.host, trusted=trusted) else came


def may_follow(host: str, came: str, *, trusted: bool) -> bool:
    """Whether a request of ours may go to `host` because somebody at the address `came` has named it."""
    if host == came:
        return True
    return trusted and (not _is_public(came) or not _is_inside(host))


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _is_inside(host: str) -> bool:
    """Whether an address is none of the public internet's; a name is not looked up for this."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
    return address.is_multicast or not address.is_global
