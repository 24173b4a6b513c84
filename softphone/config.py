"""Settings: one TOML file read once at the edge; the rest of the program gets values.

Every option, its default and its meaning stands in ``config/softphone.toml``. A wrong one is refused with its key and
value named; nothing is guessed.
"""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from softphone.checks import check_addresses, check_trunk
from softphone.errors import ConfigError

__all__ = [
    "DEV_PATH",
    "DEV_PREFIX",
    "AccountConfig",
    "ClientConfig",
    "ConferenceConfig",
    "Config",
    "ExtensionConfig",
    "HttpConfig",
    "InviteConfig",
    "LogConfig",
    "MailConfig",
    "MediaConfig",
    "PromptsConfig",
    "RecordingConfig",
    "ServerConfig",
    "SipConfig",
    "StoreConfig",
    "TokenConfig",
    "TrunkConfig",
    "check_exposure",
    "check_ports",
    "is_loopback",
    "load",
]

# The configuration for trying things out, part of the package so that `softphone demo` works from anywhere.
DEV_PATH = Path(__file__).parent / "data" / "dev.toml"

# Secrets that begin like this are printed in the documentation, so everybody knows them: loopback only.
DEV_PREFIX = "dev-"

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]
DigestAlgorithm = Literal["MD5", "SHA-256"]


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens and keeps its files."""

    host: str = "127.0.0.1"
    advertised_host: str = ""
    data: str = "data"
    drain_s: Seconds = 5.0


class SipConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Signalling."""

    port: Port = 5060
    tcp: bool = True
    domain: str = "softphone.local"
    user_agent: str = "softphone"
    require_credentials_for_conferences: bool = False
    digest_algorithms: Annotated[tuple[DigestAlgorithm, ...], Meta(min_length=1)] = ("MD5",)
    answer_delay_s: Seconds = 0.05
    ring_timeout_s: Seconds = 60.0
    max_calls: Count = 4000
    retry_after_s: Count = 5
    min_expires_s: Count = 60
    max_expires_s: Count = 3600
    login_failures: Count = 50
    login_window_s: Annotated[float, Meta(gt=0)] = 60.0


class HttpConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The REST faces."""

    port: Port = 8080
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: Count = 65536
    max_upload_bytes: Count = 33_554_432
    request_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    login_failures: Count = 50
    login_window_s: Annotated[float, Meta(gt=0)] = 60.0


class MediaConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The media workers."""

    rtp_port: Port = 10000
    own_ports: Annotated[str, Meta(pattern=r"\A([0-9]{1,5}-[0-9]{1,5})?\Z")] = ""
    workers: Count = 1
    capacity: Count = 2048
    rtp_timeout_s: Seconds = 30.0

    @property
    def own_range(self) -> tuple[int, int] | None:
        """The first and the last of `own_ports`; None: any."""
        first, _, last = self.own_ports.partition("-")
        return (int(first), int(last)) if last else None


class TrunkConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The way to numbers outside; without a URI there is none."""

    uri: Annotated[str, Meta(pattern=r"\A(sips?:[^@\s]+)?\Z")] = ""
    username: str = ""
    password: str = ""
    caller: str = ""


class ConferenceConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of conferences."""

    max_members: Count = 10
    bridge_max_members: Count = 100
    join_before_host: bool = False
    end_with_host: Literal["never", "last", "any"] = "never"
    host_grace_s: Seconds = 0.0
    lobby: bool = False
    party_limit_s: Seconds = 0.0
    silence_limit_s: Seconds = 0.0
    menu: Annotated[str, Meta(min_length=1)] = "default"
    key_timeout_s: Annotated[float, Meta(gt=0)] = 3.0
    confirm_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    code_tries: Count = 3
    code_timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    code_patience_s: Annotated[float, Meta(gt=0)] = 20.0
    wrong_codes: Count = 20
    wrong_codes_outside: Count = 200
    wrong_codes_window_s: Annotated[float, Meta(gt=0)] = 600.0
    claim_timeout_s: Seconds = 38.0
    ended_kept_s: Seconds = 600.0
    ended_kept: Count = 10000
    max_conferences: Count = 10000


class PromptsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What callers hear from the server."""

    folders: tuple[str, ...] = ()
    language: Annotated[str, Meta(pattern=r"\A[a-z]{2}(_[A-Z]{2})?\Z")] = "en"


class InviteConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What invitations say beyond how to call."""

    web_url: Annotated[
        str, Meta(pattern=r"\A(https?://([A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]|\{code\}|\{room\}){1,1000})?\Z")
    ] = ""


class MailConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server that invitations are sent through."""

    host: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str = ""
    username: str = ""
    password: str = ""
    sender: str = ""
    timeout_s: Annotated[float, Meta(gt=0)] = 30.0


class RecordingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What recordings are made of, and what becomes of them."""

    format: Literal["wav", "flac", "opus"] = "wav"
    tracks: bool = False
    notice: bool = True
    prompts: bool = False
    hook: tuple[str, ...] = ()
    hook_timeout_s: Annotated[float, Meta(gt=0)] = 60.0
    webhook_url: str = ""
    webhook_secret: str = ""
    max_age_days: Annotated[float, Meta(ge=0)] = 0.0
    max_total_mb: Annotated[int, Meta(ge=0)] = 0


class TokenConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Life times of API tokens."""

    access_s: Count = 3600
    refresh_s: Count = 604800
    refresh_grace_s: Seconds = 10.0


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged to stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where accounts and history are kept."""

    url: str = ""
    seed: Literal["missing", "always"] = "missing"


class AccountConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The one account that the extensions belong to."""

    id: str = "1"
    main_number: str = ""


class ExtensionConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A user or a conference room with a number; an empty password of a user is made on the first run."""

    number: Annotated[str, Meta(pattern=r"\A[0-9]{1,15}\Z")]
    kind: Literal["user", "conference"] = "user"
    name: str = ""
    password: str = ""
    admin: bool = False
    conferencing: bool = True
    pin: str = ""
    moderator_pin: str = ""
    mute_non_moderator: bool = False
    max_members: Count = 100
    announce_caller_name: bool = False
    record_enabled: bool = False


class ClientConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A program that may ask for tokens; an empty secret is made on the first run."""

    id: Annotated[str, Meta(min_length=1)]
    secret: str = ""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a server."""

    server: ServerConfig = ServerConfig()
    sip: SipConfig = SipConfig()
    http: HttpConfig = HttpConfig()
    media: MediaConfig = MediaConfig()
    conference: ConferenceConfig = ConferenceConfig()
    trunk: TrunkConfig = TrunkConfig()
    prompts: PromptsConfig = PromptsConfig()
    invite: InviteConfig = InviteConfig()
    mail: MailConfig = MailConfig()
    recording: RecordingConfig = RecordingConfig()
    token: TokenConfig = TokenConfig()
    log: LogConfig = LogConfig()
    store: StoreConfig = StoreConfig()
    account: AccountConfig = AccountConfig()
    extensions: tuple[ExtensionConfig, ...] = field(default=(), name="extension")
    clients: tuple[ClientConfig, ...] = field(default=(), name="client")


def load(path: Path | None) -> Config:
    """Read the settings from a TOML file.

    Parameters
    ----------
    path
        The file; None gives the defaults.

    Raises
    ------
    ConfigError
        The file cannot be read, is not TOML, or holds a wrong setting, which is named.
    """
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read {path}: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return from_table(table, str(path))


def from_table(table: dict[str, Any], source: str = "configuration") -> Config:
    """Turn a parsed TOML table into settings.

    Raises
    ------
    ConfigError
        A setting is unknown or wrong; the message names the source, the key and the value.
    """
    try:
        config = msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_with_value(str(error), table)}") from error
    _check_unique("extension", [extension.number for extension in config.extensions])
    _check_unique("client", [client.id for client in config.clients])
    check_ports(config.media)
    check_addresses(config.server)
    check_trunk(config.trunk)
    if config.mail.host and not config.mail.sender:
        raise ConfigError(
            f"mail.host = {config.mail.host!r}: set mail.sender too, the address that invitations come from"
        )
    return config


def _with_value(message: str, table: dict[str, Any]) -> str:
    """Add to the library's message, which says where (`$.sip.port`), what stands there, unless it is a secret."""
    text, mark, where = message.rpartition(" - at `$")
    if not mark:
        return message
    keys = where.rstrip("`").replace("[", ".").replace("]", "").strip(".").split(".")
    value: Any = table
    for key in keys:
        value = value[int(key)] if isinstance(value, list) else value.get(key) if isinstance(value, dict) else None
    hidden = isinstance(value, dict | list) or keys[-1] in {"password", "secret", "pin", "moderator_pin", "url"}
    shown = "" if hidden else f" = {value!r}"
    return f"{'.'.join(keys)}{shown}: {text[:1].lower()}{text[1:]}"


def _check_unique(key: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ConfigError(f"{key} {twice[0]!r} stands twice")


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
