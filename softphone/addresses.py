"""The address that others reach this machine by, when it listens on all of them."""

import socket

__all__ = ["own_address"]

# RFC 5737: an address of documentation, which no packet is sent to; only the route to it is asked for.
ANYWHERE = ("192.0.2.1", 9)


def own_address(host: str) -> str:
    """Give `host`, or for a wildcard (``0.0.0.0`` or empty) the address of the default route.

    Without such a route that is ``127.0.0.1``, which nobody elsewhere can reach.
    """
    if host not in ("0.0.0.0", ""):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANYWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
