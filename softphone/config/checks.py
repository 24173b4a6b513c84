"""Settings that can be read but not done, or not together: refused, with the key and the value named."""

import ipaddress
from collections.abc import Iterable

from softphone.config.places import check_places
from softphone.config.sections import Config, MediaConfig
from softphone.errors import ConfigError

__all__ = [
    "DEV_PREFIX",
    "check",
    "check_exposure",
    "is_loopback",
]

# Secrets that begin like this are printed in the documentation, so everybody knows them: loopback only.
DEV_PREFIX = "dev-"


def check(config: Config) -> None:
    """Refuse settings that can be read but not done; again after options of the command line were put over the file's.

    Raises
    ------
    ConfigError
        One is wrong, and named.
    """
    check_places(config)
    check_networks("sip.trusted_peers", config.sip.trusted_peers)
    check_networks("webhooks.allowed_networks", config.webhooks.allowed_networks)
    check_ports(config.media)
    if config.mail.host and not config.mail.sender:
        raise ConfigError(
            f"mail.host = {config.mail.host!r}: set mail.sender too, the address that invitations come from"
        )


def check_networks(option: str, networks: Iterable[str]) -> None:
    """Refuse what is neither an address nor a network: a name could be anybody's.

    Raises
    ------
    ConfigError
        One is none.
    """
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ConfigError(
                f'{option}: {network!r} is neither an address nor a network such as "10.1.0.0/16"'
            ) from None


def check_ports(media: MediaConfig) -> None:
    """Refuse ports of parties that do not suffice for the workers, or are those that the workers share.

    Raises
    ------
    ConfigError
        The range is too small, no range, or overlaps.
    """
    if media.rtp_port and media.rtp_port + 2 * media.workers > 0xFFFF + 1:
        raise ConfigError(
            f"media.rtp_port = {media.rtp_port}: each of the {media.workers} workers takes two ports from there, and "
            "the last port is 65535"
        )
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
