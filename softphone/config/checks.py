"""Settings that nobody could reach, or that can be read but not done: refused, with the key and the value named."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from softphone.address import bare, family_of, is_loopback, is_single, is_wildcard
from softphone.codec import spoken_here
from softphone.config.outside import TrunkConfig
from softphone.config.sections import Config, MediaConfig, ServerConfig, SpeechConfig
from softphone.errors import ConfigError

__all__ = ["DEV_PREFIX", "check", "check_exposure", "check_places"]

# Wider than RFC 3261 by the underscore, which names of containers have; no name is longer than DNS takes (RFC 1035).
NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_.])?\Z")
HOST_AND_PORT = re.compile(r"(\[[^\]]*:[^\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?\Z")
URI_PARAMETER = re.compile(r"[^\s=<>\";,?@]+(=[^\s<>\";,?@]*)?\Z")
# Where a URL has a password, and where it was to begin or end is guessed.
PASSWORD = re.compile(r"//.*@")
# Of a program: also one that only its own machine knows (RFC 8252 section 7.1).
URI = re.compile(r"(?!javascript:|data:|vbscript:|file:)[A-Za-z][A-Za-z0-9+.-]*:[!-\"$-~]+\Z", re.IGNORECASE)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")


def is_host(text: str) -> bool:
    """Whether `text` is a host name or an IP address, without brackets."""
    if ":" in text:
        return is_single(text) or is_wildcard(text)
    if not text.replace(".", "").isdigit():
        return NAME.match(text) is not None
    try:  # of digits only an address is made: "10.0.0" is a slip of the pen
        return bool(ipaddress.IPv4Address(text).packed)
    except ValueError:
        return False


def is_host_port(text: str) -> bool:
    """Whether `text` is a host, IPv6 in brackets, with or without a port."""
    found = HOST_AND_PORT.match(text)
    return found is not None and is_host(bare(found[1])) and (found[2] is None or 0 < int(found[2]) < 65536)


TRUNK_TRANSPORTS = {"sip": ("udp", "tcp", "tls"), "sips": ("tcp", "tls")}


def is_trunk(text: str) -> bool:
    """Whether `text` is a ``sip:`` or ``sips:`` URI without a user, over UDP, TCP or TLS."""
    scheme, _, rest = text.partition(":")
    place, *parameters = rest.split(";")
    transports = {each.lower() for each in parameters if each.lower().startswith("transport")}
    return (
        scheme.lower() in TRUNK_TRANSPORTS
        and is_host_port(place)
        and all(map(URI_PARAMETER.match, parameters))
        and transports <= {f"transport={each}" for each in TRUNK_TRANSPORTS[scheme.lower()]}
    )


def is_url(text: str) -> bool:
    """Whether `text` is a URL that something can be sent to by HTTP."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        return False
    return bool(usable) and text.isascii() and text.isprintable() and " " not in text


def is_link(text: str) -> bool:
    """Whether an invitation's link is a URL once its braces are filled in."""
    return is_url(text.replace("{code}", "1").replace("{room}", "1"))


def is_origin(text: str) -> bool:
    """Whether a browser may name `text` in ``Origin`` (RFC 6454 section 6.1)."""
    scheme, _, place = text.partition("://")
    return SCHEME.match(scheme) is not None and is_host_port(place)


@dataclass(frozen=True, slots=True)
class PlaceKind:
    """What an option has to be."""

    holds: Callable[[str], bool]
    says: str
    others: tuple[str, ...] = ("",)
    "What it may be instead."


HOST = PlaceKind(is_host, "a host name or an IP address is wanted, without a port")
IPV6 = PlaceKind(lambda text: ":" in text and is_host(text), "an IPv6 address is wanted, without brackets and port")
HOST_PORT = PlaceKind(
    is_host_port, "a host name or an IP address (IPv6 in brackets) is wanted, with a port of 1 to 65535 or without"
)
TRUNK = PlaceKind(
    is_trunk,
    "SIP goes over UDP, TCP and TLS only: sip:HOST, sip:HOST:PORT (1 to 65535), sip:HOST;transport=tcp or sips:HOST",
)
REDIRECT = PlaceKind(
    lambda text: URI.match(text) is not None,
    "an absolute URI such as https://app.example.com/back is wanted, without #",
)
URL = PlaceKind(is_url, "an http:// or https:// URL is wanted, without a user name")
LINK = PlaceKind(is_link, URL.says)
DOMAIN = PlaceKind(is_host, f'{HOST.says}; or "*"', ("*",))
ORIGIN = PlaceKind(is_origin, 'an origin such as "https://phone.example.com" is wanted, without a path; or "*"', ("*",))
# Of a header.
LINE = PlaceKind(str.isprintable, "one line of text is wanted")


def _places(config: Config) -> Iterator[tuple[str, PlaceKind, str | tuple[str, ...]]]:
    """Give each option that names a place or goes into a header."""
    server, sip = config.server, config.sip
    yield "server.host", HOST, server.host
    yield "server.advertised_host", HOST, server.advertised_host
    yield "server.host6", IPV6, server.host6
    yield "server.advertised_host6", HOST, server.advertised_host6
    yield "sip.domain", HOST_PORT, sip.domain
    yield "sip.realm", LINE, sip.realm
    yield "sip.aliases", HOST, sip.aliases
    yield "sip.dial_domains", DOMAIN, sip.dial_domains
    yield "sip.user_agent", LINE, sip.user_agent
    yield "http.cors_origins", ORIGIN, config.http.cors_origins
    for name, trunk in _trunks(config):
        yield f"{name}.uri", TRUNK, trunk.uri
        yield f"{name}.from_domain", HOST_PORT, trunk.from_domain
        yield f"{name}.from_user", LINE, trunk.from_user
        yield f"{name}.caller", LINE, trunk.caller
    yield "invite.web_url", LINK, config.invite.web_url
    yield "mail.host", HOST, config.mail.host
    for index, client in enumerate(config.clients):
        yield f"client.{index}.redirect_uris", REDIRECT, client.redirect_uris
    yield "recording.webhook_url", URL, config.recording.webhook_url


def _trunks(config: Config) -> Iterator[tuple[str, TrunkConfig]]:
    """Give the trunks, each with what it is called in the file."""
    if isinstance(config.trunk, TrunkConfig):
        yield "trunk", config.trunk
        return
    for index, trunk in enumerate(config.trunk):
        yield f"trunk.{index}", trunk


def check_places(config: Config) -> None:
    """Refuse hosts, ports and URLs that are none.

    Raises
    ------
    ConfigError
        One is none; the message names the option, what it says, and what is wanted.
    """
    for option, kind, value in _places(config):
        for each in (value,) if isinstance(value, str) else value:
            if each not in kind.others and not kind.holds(each):
                raise ConfigError(f"{option} = {PASSWORD.sub('//…@', each)!r}: {kind.says}")


# What is put into a command of speech.
SPEECH_FIELDS = frozenset({"language", "voice", "text_file", "sound_file"})

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
    check_families(config.server)
    check_networks("sip.trusted_peers", config.sip.trusted_peers)
    check_networks("sip.allowed_networks", config.sip.allowed_networks)
    check_networks("sip.denied_networks", config.sip.denied_networks)
    check_networks("webhooks.allowed_networks", config.webhooks.allowed_networks)
    check_trunks(config)
    check_ports(config.media)
    check_codecs(config.media)
    check_tls(config)
    check_speech(config.speech)
    if config.mail.host and not config.mail.sender:
        raise ConfigError(
            f"mail.host = {config.mail.host!r}: set mail.sender too, the address that invitations come from"
        )


def check_families(server: ServerConfig) -> None:
    """Refuse addresses that are told to peers of another family than those that are listened on.

    Raises
    ------
    ConfigError
        One is of the other family, or there are two of one.
    """
    if server.host6 and family_of(server.host) == 6:
        raise ConfigError(f"server.host6 = {server.host6!r}: server.host has an IPv6 address already")
    if server.advertised_host6 and not server.host6:
        raise ConfigError(f"server.advertised_host6 = {server.advertised_host6!r}: set server.host6, where to listen")
    for option, told, host in (
        ("advertised_host", server.advertised_host, server.host),
        ("advertised_host6", server.advertised_host6, server.host6),
    ):
        if 0 != family_of(told) != family_of(host) != 0:
            raise ConfigError(f"server.{option} = {told!r}: it is not of the family of {host!r}, where we listen")


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


def check_trunks(config: Config) -> None:
    """Refuse trunks that could not be told apart, or that nothing is known of.

    Raises
    ------
    ConfigError
        One has the name of another, registers as nobody, or calls from no address; or a dial rule names none.
    """
    names = [trunk.name for trunk in config.trunks]
    for name, trunk in _trunks(config):
        check_networks(f"{name}.addresses", trunk.addresses)
        if trunk.register and not trunk.username:
            raise ConfigError(f"{name}.register = True: set {name}.username too, the account at the registrar")
        if len(names) > 1 and trunk.uri and names.count(trunk.name) > 1:
            raise ConfigError(f"{name}.name = {trunk.name!r}: of several trunks each needs a name of its own")
    for index, rule in enumerate(config.dial):
        for each in rule.trunks:
            if each not in names:
                raise ConfigError(f"dial.{index}.trunks: there is no trunk named {each!r}")


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


def check_speech(speech: SpeechConfig) -> None:
    """Refuse a command of speech with something to be put in that there is not.

    Raises
    ------
    ConfigError
        It is so.
    """
    defaults = {"language": speech.language, "voice": speech.voice}
    for each in re.findall(r"\{([^{}]*)\}", " ".join(speech.command)):
        if each not in SPEECH_FIELDS:
            raise ConfigError(f"speech.command: there is no {{{each}}}, only {', '.join(sorted(SPEECH_FIELDS))}")
        if defaults.get(each) == "":
            raise ConfigError(f"speech.command has {{{each}}}: set speech.{each} too, what is used where none is asked")


def check_tls(config: Config) -> None:
    """Refuse a key without a certificate, and certificates that nobody has signed where others could reach us.

    Raises
    ------
    ConfigError
        It is so.
    """
    sip = config.sip
    for option, value in (("tls_key", sip.tls_key), ("tls_client_ca", sip.tls_client_ca)):
        if value and not (sip.tls_cert or sip.tls_self_signed):
            raise ConfigError(f"sip.{option} = {value!r}: set sip.tls_cert too, without it no TLS is spoken")
    for option, on in (("http.tls", config.http.tls), ("streams.tls", config.streams.tls)):
        if on and not (sip.tls_cert or sip.tls_self_signed):
            raise ConfigError(f"{option} = True: set sip.tls_cert too, the certificate that is shown")
    if sip.tls_self_signed and sip.tls_cert:
        raise ConfigError(f"sip.tls_cert = {sip.tls_cert!r}: there is one, so sip.tls_self_signed has to be false")


def check_codecs(media: MediaConfig) -> None:
    """Refuse codecs that legs do not speak.

    Raises
    ------
    ConfigError
        One is unknown, or stands twice, or there is none.
    """
    try:
        spoken_here(media.codecs)
    except ValueError as error:
        raise ConfigError(f"media.codecs = {list(media.codecs)}: {error}") from error


def check_exposure(config: Config) -> None:
    """Refuse to show the published development credentials to a network.

    Raises
    ------
    ConfigError
        The host is not a loopback address and a secret is one of those that everybody knows.
    """
    open_hosts = [host for host in config.server.hosts if not is_loopback(host)]
    if not open_hosts:
        return
    known = [f"extension {e.number}" for e in config.extensions if e.password.startswith(DEV_PREFIX)]
    known += ["token.secret"] if config.token.secret.startswith(DEV_PREFIX) else []
    known += [f"client {c.id}" for c in config.clients if c.secret.startswith(DEV_PREFIX)]
    if known:
        raise ConfigError(
            f"server.host = {open_hosts[0]!r}: development credentials ({known[0]}) are for loopback addresses "
            "only; use a configuration without them, such as config/softphone.toml"
        )
    if config.sip.tls_self_signed:
        raise ConfigError(
            f"server.host = {open_hosts[0]!r}: sip.tls_self_signed is for loopback addresses; set sip.tls_cert"
        )
