"""Settings that can be read but not done: what signalling and media do not speak is refused, and not done otherwise."""

from typing import TYPE_CHECKING

from softphone.errors import ConfigError

if TYPE_CHECKING:
    from softphone.config import ServerConfig, TrunkConfig

__all__ = ["check_addresses", "check_trunk"]


def check_addresses(server: "ServerConfig") -> None:
    """Refuse IPv6, which neither signalling nor media speak.

    Raises
    ------
    ConfigError
        An address is one.
    """
    for key, host in (("host", server.host), ("advertised_host", server.advertised_host)):
        if ":" in host:
            raise ConfigError(f"server.{key} = {host!r}: IPv6 is not spoken; give an IPv4 address, or 0.0.0.0 for all")


def check_trunk(trunk: "TrunkConfig") -> None:
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
