"""Our own addresses: what stands in the Via of our requests and in our Contact is their business alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from softphone.sip.message.fields import Address, Via
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import KINDS, UDP, TransportKind

__all__ = ["Listener", "Listeners"]


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that messages come to, as others reach it."""

    transport: str
    host: str
    port: int

    def via(self, branch: str) -> Via:
        """Make the Via of a request (RFC 3261 section 18.1.1); answers come to where it came from (RFC 3581)."""
        return Via(self.transport.upper(), self.host, self.port, {"branch": branch, "rport": None})

    def contact(self, user: str | None, *, focus: bool = False) -> Address:
        """Make our Contact for a user name; `focus`: a conference is there (RFC 4579 section 5.1)."""
        named = KINDS[self.transport].parameter or self.transport
        params: dict[str, str | None] = {} if self.transport == UDP.name else {"transport": named}
        uri = Uri("sip", self.host, self.port, user, params=params)
        return Address(uri, params={"isfocus": None} if focus else {})

    def reached(self, contact: Address) -> Address:
        """Say in our Contact by which transport this listener is reached; what is not ours, or says so, stays."""
        uri, here = contact.uri, self.contact(None).uri
        if (uri.host, uri.port) != (here.host, here.port) or "transport" in uri.params:
            return contact
        return replace(contact, uri=replace(uri, params={**uri.params, **here.params}, text=""))


class Listeners:
    """Those of a node."""

    def __init__(self, there: Iterable[Listener]) -> None:
        self._by_transport = {each.transport: each for each in there}

    @classmethod
    def at(cls, host: str, port: int, ports: Mapping[str, int] = MappingProxyType({})) -> "Listeners":
        """Make those of a node that speaks all transports at one port, but for those of `ports`, by name."""
        return cls(Listener(name, host, ports.get(name, port)) for name in KINDS)

    def by(self, kind: TransportKind | None) -> Listener:
        """Choose the one that messages by a transport go from, and are answered to; None: the first."""
        return self._by_transport[(kind or UDP).name]
