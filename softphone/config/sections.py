"""The sections of the configuration file, a frozen value each.

Every option, its default and its meaning stands in ``config/softphone.toml``.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from softphone.codec import WIDE_FIRST
from softphone.config.outside import DialRule, TollConfig, TrunkConfig
from softphone.config.people import AccountConfig, ClientConfig, ExtensionConfig
from softphone.srtp import Encryption

__all__ = [
    "ConferenceConfig",
    "Config",
    "HttpConfig",
    "InviteConfig",
    "LogConfig",
    "MailConfig",
    "MediaConfig",
    "PromptsConfig",
    "RatesConfig",
    "RecordingConfig",
    "ServerConfig",
    "SipConfig",
    "SpeechConfig",
    "StoreConfig",
    "StreamsConfig",
    "TokenConfig",
    "WebhooksConfig",
]

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
# Of passwords in databases from before there was an option for it.
DEFAULT_REALM = "softphone.local"

DigestAlgorithm = Literal["MD5", "SHA-256"]


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens and keeps its files."""

    host: str = "127.0.0.1"
    advertised_host: str = ""
    host6: str = ""
    advertised_host6: str = ""
    data: str = "data"
    drain_s: Seconds = 5.0
    drain_wait_s: Seconds = 0.0
    max_cpu: Annotated[float, Meta(ge=0, le=1)] = 0.0

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to listen on, one for each family."""
        return (self.host, self.host6) if self.host6 else (self.host,)


class SipConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Signalling."""

    port: Port = 5060
    tcp: bool = True
    sips_port: Port = 5061
    tls_cert: str = ""
    tls_key: str = ""
    tls_self_signed: bool = False
    tls_client_ca: str = ""
    tls_ca: str = ""
    tls_verify: bool = True
    domain: str = ""
    realm: str = ""
    aliases: tuple[str, ...] = ()
    trusted_peers: tuple[str, ...] = ()
    requests_per_s: Seconds = 500.0
    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    dial_domains: tuple[str, ...] = ()
    echo_number: Annotated[str, Meta(pattern=r"\A[0-9*#]*\Z")] = ""
    own_room_prefix: Annotated[str, Meta(pattern=r"\A[0-9*#]*\Z")] = "*8"
    max_redirects: Limit = 5
    user_agent: str = "softphone"
    require_credentials_for_conferences: bool = False
    digest_algorithms: Annotated[tuple[DigestAlgorithm, ...], Meta(min_length=1)] = ("MD5",)
    answer_delay_s: Seconds = 0.05
    ring_timeout_s: Seconds = 60.0
    ring_stage_s: Seconds = 15.0
    park_recall_s: Seconds = 120.0
    max_calls: Count = 4000
    retry_after_s: Count = 5
    min_expires_s: Count = 60
    max_expires_s: Count = 3600
    nat_ping_s: Annotated[int, Meta(ge=0)] = 30
    stream_above: Limit = 1300
    session_expires_s: Annotated[int, Meta(ge=0)] = 1800
    session_min_s: Annotated[int, Meta(ge=90)] = 90
    probe_s: Seconds = 60.0
    trace_messages: Limit = 10_000
    trace_bytes: Count = 8_388_608
    login_failures: Count = 50
    login_failures_user: Count = 10
    login_window_s: Annotated[float, Meta(gt=0)] = 60.0

    @property
    def digest_realm(self) -> str:
        """The realm of digest: what passwords in the database are hashed with."""
        return self.realm or self.domain or DEFAULT_REALM


class HttpConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The REST faces."""

    port: Port = 8080
    tls: bool = False
    tls_port: Port = 8443
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: Count = 65536
    max_upload_bytes: Count = 33_554_432
    request_timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    login_failures: Count = 50
    login_failures_user: Count = 10
    login_window_s: Annotated[float, Meta(gt=0)] = 60.0
    metrics_token: str = ""


class MediaConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The media workers."""

    rtp_port: Port = 10000
    own_ports: Annotated[str, Meta(pattern=r"\A([0-9]{1,5}-[0-9]{1,5})?\Z")] = ""
    workers: Count = 1
    capacity: Count = 2048
    codecs: tuple[str, ...] = WIDE_FIRST
    encryption: Encryption = "optional"
    rtp_timeout_s: Seconds = 30.0
    webrtc: bool = True
    comfort_noise_dbov: Annotated[float, Meta(ge=-127.0, le=-40.0)] = -70.0

    @property
    def own_range(self) -> tuple[int, int] | None:
        """The first and the last of `own_ports`; None: any."""
        first, _, last = self.own_ports.partition("-")
        return (int(first), int(last)) if last else None


class ConferenceConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of conferences."""

    max_members: Count = 10
    bridge_max_members: Count = 100
    join_before_host: bool = False
    end_with_host: Literal["never", "last", "any"] = "never"
    host_grace_s: Seconds = 0.0
    lobby: bool = False
    hosts_pass_lock: bool = False
    hosts_pass_limit: bool = False
    muted_notice: bool = True
    level_voices: bool = False
    encrypted: bool = False
    hidden_listeners: bool = False
    tell_keys: Literal["none", "unknown", "all"] = "none"
    pass_keys: Literal["none", "unknown", "all"] = "none"
    record_from: Annotated[int, Meta(ge=0)] = 0
    count_from: Annotated[int, Meta(ge=0)] = 0
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


Voice = Annotated[str, Meta(pattern=r"\A([A-Za-z0-9][A-Za-z0-9_.+-]{0,63})?\Z")]


class SpeechConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Text to speech: the program that does it; without a command nothing does."""

    command: tuple[str, ...] = ()
    language: Voice = "en"
    voice: Voice = ""
    voices: dict[str, Voice] = {}
    timeout_s: Annotated[float, Meta(gt=0)] = 10.0
    max_chars: Count = 1000
    cache_mb: Count = 50


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
    conference_parties: bool = False
    hook: tuple[str, ...] = ()
    hook_timeout_s: Annotated[float, Meta(gt=0)] = 60.0
    webhook_url: str = ""
    webhook_secret: str = ""
    max_age_days: Annotated[float, Meta(ge=0)] = 0.0
    max_total_mb: Annotated[int, Meta(ge=0)] = 0


class WebConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Who joins by HTTP: with a browser, or with WHIP."""

    enabled: bool = True
    guests: bool = True
    max_parties: Count = 1000
    max_parties_address: Count = 100


class StreamsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Sound of conferences for programs, by WebSocket, and back."""

    enabled: bool = False
    port: Port = 8090
    tls: bool = False
    max_streams: Count = 50


class WebhooksConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the webhooks that users of the API make."""

    allowed_networks: tuple[str, ...] = ()


class TokenConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Life times of API tokens, and what signs those that users keep; an empty secret is made on the first run."""

    secret: Annotated[str, Meta(pattern=r"\A(|dev-.*|.{32,})\Z")] = ""
    access_s: Count = 3600
    refresh_s: Count = 604800
    refresh_grace_s: Seconds = 10.0


class RatesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How many requests below /restapi a program may send for a user in a window."""

    light: Limit = 6000
    medium: Limit = 6000
    heavy: Limit = 6000
    auth: Limit = 6000
    window_s: Annotated[float, Meta(gt=0)] = 60.0
    penalty_s: Seconds = 60.0


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged to stderr, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where accounts and history are kept."""

    url: str = ""
    seed: Literal["missing", "always"] = "missing"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a server."""

    server: ServerConfig = ServerConfig()
    sip: SipConfig = SipConfig()
    http: HttpConfig = HttpConfig()
    media: MediaConfig = MediaConfig()
    conference: ConferenceConfig = ConferenceConfig()
    trunk: TrunkConfig | tuple[TrunkConfig, ...] = TrunkConfig()
    toll: TollConfig = TollConfig()
    prompts: PromptsConfig = PromptsConfig()
    speech: SpeechConfig = SpeechConfig()
    web: WebConfig = WebConfig()
    streams: StreamsConfig = StreamsConfig()
    invite: InviteConfig = InviteConfig()
    mail: MailConfig = MailConfig()
    recording: RecordingConfig = RecordingConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    token: TokenConfig = TokenConfig()
    rates: RatesConfig = RatesConfig()
    log: LogConfig = LogConfig()
    store: StoreConfig = StoreConfig()
    account: AccountConfig = AccountConfig()
    extensions: tuple[ExtensionConfig, ...] = field(default=(), name="extension")
    clients: tuple[ClientConfig, ...] = field(default=(), name="client")
    dial: tuple[DialRule, ...] = ()

    @property
    def trunks(self) -> tuple[TrunkConfig, ...]:
        """The trunks that there are, the preferred one first; the file has one table, or several."""
        all_of_them = self.trunk if isinstance(self.trunk, tuple) else (self.trunk,)
        return tuple(each for each in all_of_them if each.uri)
