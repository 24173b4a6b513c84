"""Host names in session descriptions (RFC 8866 section 5.7): looked up for those whom we know.

A stranger's names are left as they are, and refused for it: nobody outside makes us ask name servers of his choice.
"""

from typing import Protocol

from softphone.errors import NoCommonCodec, UnresolvedName
from softphone.sdp import SessionDescription

__all__ = ["LOOKUPS", "Lookup", "located"]

LOOKUPS = 16
"""At a time, for all descriptions of a node: they have a resolver of their own, and keep nobody else's waiting.

A proxy's address can be forged in a datagram, and each name that it then seems to send asks a name server."""

# Streams of one description name one host; whoever names many wants something else.
NAMES_MAX = 2


class Lookup(Protocol):
    """What knows addresses: `softphone.resolver.Resolver`."""

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 addresses of a host, at least one; raises UnresolvedName."""
        ...


async def located(description: SessionDescription, lookup: Lookup | None) -> SessionDescription:
    """Write addresses in the place of the names that the ``c=`` lines of audio streams have.

    Parameters
    ----------
    lookup
        None: the peer is a stranger, nothing is looked up.

    Raises
    ------
    NoCommonCodec
        A name has no IPv4 address, or nobody said so in time.
    """
    if lookup is None:
        return description
    found = {}
    for name in description.host_names()[:NAMES_MAX]:
        try:
            found[name] = (await lookup.addresses(name))[0]
        except UnresolvedName as error:
            raise NoCommonCodec(f"c= has a host name: {error}"[:300]) from error
    return description.with_hosts(found) if found else description
