"""Network addresses as text: the one place that tells IPv4 from IPv6, and writes a host beside a port.

A host is kept without brackets, and an address in one spelling, so that equal addresses are equal texts.
"""

import ipaddress
import socket

__all__ = [
    "FAMILIES",
    "LOOPBACKS",
    "bare",
    "bracketed",
    "canonical",
    "family_of",
    "host_port",
    "is_address",
    "is_loopback",
    "is_public",
    "is_single",
    "is_wildcard",
    "local_address",
    "own_address",
]

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
"""What sockets call them."""
LOOPBACKS = {4: "127.0.0.1", 6: "::1"}
WILDCARDS = {4: "0.0.0.0", 6: "::"}
# Addresses of documentation (RFC 5737, RFC 3849), which no packet is sent to: only the route to them is asked for.
ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
# Any port: nothing is sent there.
DISCARD = 9

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def family_of(host: str) -> int:
    """Return 4 or 6 for an IP address, without brackets; 0 for a name."""
    read = _read(host)
    return read.version if read is not None else 0


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    return _read(host) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host, an address or `localhost`."""
    read = _read(host)
    return host == "localhost" if read is None else read.is_loopback


def is_public(host: str) -> bool:
    """Whether a host is an address of the public internet."""
    read = _read(host)
    return read is not None and read.is_global


def is_wildcard(host: str) -> bool:
    """Whether a listener there takes what comes to any address of the machine: ``0.0.0.0``, ``::`` or nothing."""
    read = _read(host)
    return host == "" if read is None else read.is_unspecified


def is_single(host: str, family: int = 0) -> bool:
    """Whether packets can be sent to an address: of one host, or of none (hold), and reached from any link.

    Link-local addresses of IPv6 mean nothing without an interface, which nobody can name in a description; what IPv6
    has for IPv4 (``::ffff:192.0.2.1``) is no address on the wire (RFC 4038 section 4.2).

    Parameters
    ----------
    family
        4 or 6; 0: either.
    """
    read = _read(host)
    if read is None or family not in (0, read.version) or read.is_multicast:
        return False
    if isinstance(read, ipaddress.IPv4Address):
        return not read.is_reserved
    return not (read.is_link_local or read.ipv4_mapped or read.scope_id)


def canonical(host: str) -> str:
    """Give an address in the one spelling that sockets give it (RFC 5952), without brackets; names stay as they are.

    What IPv6 has for an IPv4 address is that: a system sends it there.
    """
    plain = bare(host)
    read = _read(plain)
    if isinstance(read, ipaddress.IPv6Address):
        return str(read.ipv4_mapped or read)
    return plain


def bare(host: str) -> str:
    """Take the brackets off, as URIs have them (RFC 3986 section 3.2.2)."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def bracketed(host: str) -> str:
    """Write a host as it stands in URIs and in a Via (RFC 3261 section 25.1): IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_port(host: str, port: int) -> str:
    """Write a host and a port as one text."""
    return f"{bracketed(host)}:{port}"


def own_address(host: str) -> str:
    """Give `host`, or for a wildcard the address of the default route of its family.

    Without such a route that is loopback, which nobody elsewhere can reach.
    """
    return _source(ANYWHERE[family_of(host) or 4]) if is_wildcard(host) else host


def local_address(remote_host: str) -> str:
    """Return the address of this machine from which the address `remote_host` is reached; loopback when none."""
    return LOOPBACKS[family_of(remote_host) or 4] if is_loopback(remote_host) else _source(remote_host)


def _source(remote: str) -> str:
    """Ask the system for the address that a packet would be sent from."""
    family = family_of(remote) or 4
    try:
        with socket.socket(FAMILIES[family], socket.SOCK_DGRAM) as probe:
            probe.connect((remote, DISCARD))
            found: str = probe.getsockname()[0]
    except OSError:
        return LOOPBACKS[family]
    return LOOPBACKS[family] if is_wildcard(found) else found


def _read(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
