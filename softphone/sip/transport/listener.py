"""Local addresses: the host and port in our Via and Contact."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from softphone.address import bracketed, family_of
from softphone.sip.message.fields import Address, Via
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import KINDS, UDP, Hop, TransportKind

__all__ = ["Listener", "Listeners"]


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that messages come to, as others reach it."""

    transport: str
    host: str
    port: int

    def via(self, branch: str) -> Via:
        """Make the Via of a request (RFC 3261 section 18.1.1); answers come to where it came from (RFC 3581)."""
        return Via(self.transport.upper(), bracketed(self.host), self.port, {"branch": branch, "rport": None})

    def contact(self, user: str | None, *, focus: bool = False) -> Address:
        """Make our Contact for a user name; `focus`: a conference is there (RFC 4579 section 5.1)."""
        named = KINDS[self.transport].parameter or self.transport
        params: dict[str, str | None] = {} if self.transport == UDP.name else {"transport": named}
        uri = Uri("sip", bracketed(self.host), self.port, user, params=params)
        return Address(uri, params={"isfocus": None} if focus else {})


class Listeners:
    """Those of a node that speaks all transports at one port, but for those of `ports`, by name.

    Parameters
    ----------
    host, host6
        What peers are told; `host6`: peers that are reached by IPv6, where it is another one.
    """

    def __init__(
        self, host: str, port: int, ports: Mapping[str, int] = MappingProxyType({}), *, host6: str = ""
    ) -> None:
        hosts = {4: host, 6: host6 or host}
        self._there = {
            (name, family): Listener(name, told, ports.get(name, port))
            for name in KINDS
            for family, told in hosts.items()
        }

    def by(self, kind: TransportKind | None, peer: str = "") -> Listener:
        """Choose the one that messages go from, and are answered to.

        Parameters
        ----------
        kind
            By which transport; None: the first.
        peer
            To which address; a name, or nothing: it is not known.
        """
        return self._there[(kind or UDP).name, family_of(peer) or 4]

    def reached(self, contact: Address, hop: Hop) -> Address:
        """Say in a Contact of ours how we are reached by a peer at a hop; what is not ours stays."""
        uri = contact.uri
        if all((uri.host, uri.port) != (bracketed(each.host), each.port) for each in self._there.values()):
            return contact
        here = self.by(hop.kind, hop.host).contact(None).uri
        if "transport" not in uri.params:
            uri = replace(uri, port=here.port, params={**uri.params, **here.params}, text="")
        return replace(contact, uri=uri if uri.host == here.host else replace(uri, host=here.host, text=""))
