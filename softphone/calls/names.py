"""Host names and addresses of another family in ``c=`` lines (RFC 8866 section 5.7), made into usable addresses.

Names are looked up for those whom we know. A stranger's are left as they are, and refused for it: nobody outside makes
us ask name servers of his choice.
"""

from collections.abc import Collection
from typing import Protocol

from softphone.address import WILDCARDS, family_of, is_wildcard
from softphone.errors import NoCommonCodec, UnresolvedName
from softphone.sdp import SessionDescription

__all__ = ["LOOKUPS", "Lookup", "placed"]

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


async def placed(
    description: SessionDescription, lookup: Lookup | None, families: Collection[int], source: str | None
) -> SessionDescription:
    """Write addresses that we can send to in the place of what else the ``c=`` lines of audio streams have.

    Parameters
    ----------
    lookup
        None: the peer is a stranger, nothing is looked up.
    families
        Of the addresses that media can be sent to from here, 4 and 6.
    source
        The address that the peer's signalling comes from; None: not known.

    Raises
    ------
    NoCommonCodec
        A name has no address of such a family, or nobody said so in time.
    """
    read = description if lookup is None else await _located(description, lookup)
    return _reachable(read, families, source)


async def _located(description: SessionDescription, lookup: Lookup) -> SessionDescription:
    found = {}
    for name in description.host_names()[:NAMES_MAX]:
        try:
            found[name] = (await lookup.addresses(name))[0]
        except UnresolvedName as error:
            raise NoCommonCodec(f"c= has a host name: {error}"[:300]) from error
    return description.with_hosts(found) if found else description


def _reachable(description: SessionDescription, families: Collection[int], source: str | None) -> SessionDescription:
    """Look for a peer where its signalling comes from, if it names an address of a family that is not spoken here.

    Telephones with addresses of both families name one of either, by whichever their signalling goes; as behind a NAT,
    media comes from there (RFC 4961).
    """
    family = family_of(source or "")
    if source is None or family not in families:
        return description
    strange = {
        host: WILDCARDS[family] if is_wildcard(host) else source
        for host in description.hosts()
        if family_of(host) not in (0, *families)
    }
    return description.with_hosts(strange) if strange else description
