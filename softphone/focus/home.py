"""Own names and addresses of the server: written in messages, and recognised in those of others."""

from dataclasses import dataclass

from softphone.address import bracketed, canonical, host_port
from softphone.config import SipConfig
from softphone.sip.message.uri import Uri, parse_host_port
from softphone.sip.transport.hop import UDP

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """The domain of this node and all other names of it.

    Attributes
    ----------
    domain
        Host part of our own addresses, with the port where peers need it: whoever is shown one can call it.
    hosts
        All names and addresses of ours, lower case.
    port
        Where SIP is spoken.
    """

    domain: str
    hosts: frozenset[str]
    port: int

    @classmethod
    def of(cls, settings: SipConfig, host: str, port: int, *others: str) -> "Home":
        """Make it of the settings, and of the address that peers are told; `others` are told too."""
        address = bracketed(host) if port == UDP.port else host_port(host, port)
        named = (settings.domain, settings.digest_realm, *map(bracketed, (host, *others, *settings.aliases)))
        return cls(settings.domain or address, frozenset(each.lower() for each in named if each), port)

    def address(self, user: str) -> Uri:
        """Give the address of record of a user or number of ours."""
        host, port = parse_host_port(self.domain)
        return Uri("sip", host, port, user)

    def owns(self, uri: Uri, known_as: str = "") -> bool:
        """Whether a URI that somebody wants to be called is of this node: another port is somebody else.

        Parameters
        ----------
        known_as
            A name by which whoever says so reaches us: it is ours, too.
        """
        if uri.scheme not in ("sip", "sips"):
            return False
        host = bracketed(canonical(uri.host.lower()))
        names = host in self.hosts or (known_as != "" and host == known_as.lower())
        return names and (uri.port is None or uri.port == self.port)
