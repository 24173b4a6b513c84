"""Settings: one TOML file, read once at the start; the rest of the program gets values."""

from pathlib import Path

from softphone.config.checks import DEV_PREFIX, check, check_exposure
from softphone.config.loading import changes, from_table, load, unreadable
from softphone.config.outside import DialRule, PrefixRule, TollConfig, TrunkConfig
from softphone.config.people import AccountConfig, ClientConfig, ExtensionConfig
from softphone.config.sections import (
    ConferenceConfig,
    Config,
    HttpConfig,
    InviteConfig,
    LogConfig,
    MailConfig,
    MediaConfig,
    PromptsConfig,
    RatesConfig,
    RecordingConfig,
    ServerConfig,
    SipConfig,
    SpeechConfig,
    StoreConfig,
    StreamsConfig,
    TokenConfig,
    WebConfig,
)

__all__ = [
    "AccountConfig",
    "ClientConfig",
    "ConferenceConfig",
    "Config",
    "DialRule",
    "DEV_PATH",
    "DEV_PREFIX",
    "ExtensionConfig",
    "HttpConfig",
    "InviteConfig",
    "LogConfig",
    "MailConfig",
    "MediaConfig",
    "PrefixRule",
    "PromptsConfig",
    "RatesConfig",
    "RecordingConfig",
    "ServerConfig",
    "SipConfig",
    "SpeechConfig",
    "StoreConfig",
    "StreamsConfig",
    "TokenConfig",
    "TollConfig",
    "TrunkConfig",
    "WebConfig",
    "changes",
    "check",
    "check_exposure",
    "from_table",
    "load",
    "unreadable",
]

# The configuration for trying things out, part of the package so that `softphone demo` works from anywhere.
DEV_PATH = Path(__file__).parent.parent / "data" / "dev.toml"
