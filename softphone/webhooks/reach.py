"""Receivers of webhooks, and their allowed addresses.

A URL comes from a user of the API, and the request to it from inside the operator's network: without a limit whoever
may make a webhook could send to services that trust their network (server-side request forgery). So an address that is
not public is refused unless it is in one of the allowed networks. The connection goes to the address that was checked,
whatever the name server says a moment later. The operator's own URL in the configuration file may be at any address.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from softphone.address import is_address
from softphone.config.checks import is_url
from softphone.errors import ConfigError, SoftphoneError
from softphone.resolver import Resolver

__all__ = ["Forbidden", "Reach", "Target"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# NAT64 (RFC 6052 section 2.1) has an IPv4 address in its last 32 bits.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Forbidden(SoftphoneError):
    """The address is neither public nor in an allowed network."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver.

    Raises
    ------
    ConfigError
        The URL is not of the form ``http(s)://host[:port][/path][?query]``.
    """

    url: str
    secret: str = ""
    "Key of the signatures; without one nothing is signed."
    anywhere: bool = False
    "Whether it may be at any address; of the operator's own URLs."

    def __post_init__(self) -> None:
        """Check the URL."""
        try:
            if is_url(self.url) and self.host:
                return
        except httpx.InvalidURL:
            pass
        raise ConfigError(f"{self.url!r} is no http:// or https:// URL to send to")

    @property
    def host(self) -> str:
        """The name or address in the URL, in ASCII and without brackets."""
        return httpx.URL(self.url).raw_host.decode("ascii")

    def __repr__(self) -> str:
        """Name it, without the secret."""
        return f"Target({self.url!r})"


class Reach:
    """The addresses that webhooks are sent to.

    Parameters
    ----------
    networks
        Networks that are allowed though they are not public, for example ``10.1.0.0/16``.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._resolver = Resolver(families=(4, 6))

    def check(self, target: Target) -> None:
        """Refuse a URL with an address that is not allowed; a name is looked up only when something is sent.

        Raises
        ------
        Forbidden
        """
        host = target.host
        if is_address(host):
            self._allowed(host, target)
        elif host == "localhost":
            self._allowed("127.0.0.1", target)

    async def addresses(self, target: Target) -> list[str]:
        """Return the addresses of a receiver, all allowed.

        Raises
        ------
        Forbidden
            One is not: a name that has a public and a private address is not taken for a mistake.
        UnresolvedName
        """
        found = await self._resolver.addresses(target.host)
        return [self._allowed(address, target) for address in found]

    async def close(self) -> None:
        """Give up what is being looked up."""
        await self._resolver.close()

    def _allowed(self, written: str, target: Target) -> str:
        address = ipaddress.ip_address(written)
        if not target.anywhere and not all(self._is_allowed(each) for each in (address, *_inside(address))):
            raise Forbidden(f"{written} is not a public address, and in no network of webhooks.allowed_networks")
        return written

    def _is_allowed(self, address: Address) -> bool:
        public = address.is_global and not address.is_multicast
        return public or any(address in network for network in self._networks)


def _inside(address: Address) -> list[Address]:
    """List the IPv4 addresses that an IPv6 address carries, and a translator on the way would send to."""
    if address.version == 4:
        return []
    translated = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
    return [each for each in (address.ipv4_mapped, address.sixtofour, translated) if each is not None]
