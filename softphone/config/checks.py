"""Settings that can be read but not done, or not together: refused, with the key and the value named."""

import ipaddress

from softphone.config.sections import Config, MediaConfig, ServerConfig, SipConfig, TrunkConfig
from softphone.errors import ConfigError

__all__ = [
    "DEV_PREFIX",
    "check_addresses",
    "check_exposure",
    "check_peers",
    "check_ports",
    "check_trunk",
    "is_loopback",
]

# Secrets that begin like this are printed in the documentation, so everybody knows them: loopback only.
DEV_PREFIX = "dev-"


def check_addresses(server: ServerConfig) -> None:
    """Refuse IPv6, which neither signalling nor media speak.

    Raises
    ------
    ConfigError
        An address is one.
    """
    for key, host in (("host", server.host), ("advertised_host", server.advertised_host)):
        if ":" in host:
            raise ConfigError(f"server.{key} = {host!r}: IPv6 is not spoken; give an IPv4 address, or 0.0.0.0 for all")


def check_trunk(trunk: TrunkConfig) -> None:
    """Refuse a trunk that would be called by another transport than was asked for, in clear.

    Raises
    ------
    ConfigError
        Its URI is no ``sip:`` one over UDP or TCP.
    """
    _, _, transport = trunk.uri.lower().partition(";transport=")
    if trunk.uri.lower().startswith("sips:") or transport.partition(";")[0] not in ("", "udp", "tcp"):
        raise ConfigError(
            f"trunk.uri = {trunk.uri!r}: SIP goes over UDP and TCP only: sip:HOST or sip:HOST;transport=tcp"
        )


def check_peers(sip: SipConfig) -> None:
    """Refuse trusted peers that are neither addresses nor networks: a name could be anybody's.

    Raises
    ------
    ConfigError
        One is none.
    """
    for peer in sip.trusted_peers:
        try:
            ipaddress.ip_network(peer, strict=False)
        except ValueError:
            raise ConfigError(
                f'sip.trusted_peers: {peer!r} is neither an address nor a network such as "10.1.0.0/16"'
            ) from None


def check_ports(media: MediaConfig) -> None:
    """Refuse ports of parties that do not suffice for the workers, or are those that the workers share.

    Raises
    ------
    ConfigError
        The range is too small, no range, or overlaps.
    """
    if media.own_range is None:
        return
    (first, last), shared_end = media.own_range, media.rtp_port + 2 * media.workers
    if not 0 < first <= last <= 0xFFFF or (last + 1 - first - first % 2) // 2 < media.workers:
        raise ConfigError(
            f"media.own_ports = {media.own_ports!r}: an even port and the next are needed for each of the "
            f"{media.workers} workers at least, and two more for each further call"
        )
    if media.rtp_port and media.rtp_port <= last and first < shared_end:
        raise ConfigError(
            f"media.own_ports = {media.own_ports!r}: the workers share {media.rtp_port}-{shared_end - 1} "
            "(media.rtp_port, media.workers); choose others"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, an address or `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(config: Config) -> None:
    """Refuse to show the published development credentials to a network.

    Raises
    ------
    ConfigError
        The host is not a loopback address and a secret is one of those that everybody knows.
    """
    if is_loopback(config.server.host):
        return
    known = [f"extension {e.number}" for e in config.extensions if e.password.startswith(DEV_PREFIX)]
    known += [f"client {c.id}" for c in config.clients if c.secret.startswith(DEV_PREFIX)]
    if known:
        raise ConfigError(
            f"server.host = {config.server.host!r}: development credentials ({known[0]}) are for loopback addresses "
            "only; use a configuration without them, such as config/softphone.toml"
        )
