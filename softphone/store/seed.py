"""The configuration as the first content of the database.

An extension that the database does not have is taken from the configuration, at every start. One that it has stays as
it is there: what was changed through the API stands, and `softphone serve` says where the two differ. With
``store.seed = "always"`` the configuration wins instead. What stands only in the database is never removed.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from softphone.config import DEV_PREFIX, Config, ExtensionConfig
from softphone.errors import ConfigError
from softphone.store.call_handling import CallHandling
from softphone.store.errors import PropertyError
from softphone.store.properties import ConferenceProperties
from softphone.store.values import Account, Credential, Extension

__all__ = [
    "ALGORITHMS",
    "Seed",
    "Seedling",
    "credentials_of",
    "differences",
    "ha1",
    "identity_of",
    "published",
    "seed_of",
    "spelling",
    "spellings",
    "weak",
]

# Digest algorithms (RFC 7616 section 6.1) by their name in a challenge, in lower case.
ALGORITHMS = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """Hash a password as digest authentication does: ``H(user:realm:password)``, hex."""
    return ALGORITHMS[algorithm.lower()](f"{user}:{realm}:{password}".encode()).hexdigest()


def spellings(user: str, realm: str, password: str) -> dict[str, str]:
    """Hash a password for each way in which telephones write a user name: the name itself is a part of what is hashed.

    Returns
    -------
    dict
        Kind, as `spelling` tells it for a user name, to HA1 in hex.
    """
    return {
        f"{algorithm}{kind}": ha1(algorithm, text.format(user=user, realm=realm), realm, password)
        for algorithm in ALGORITHMS
        for kind, text in _SPELLINGS.items()
    }


_SPELLINGS = {"": "{user}", "-domain": "{user}@{realm}", "-uri": "sip:{user}@{realm}"}


def spelling(text: str, realm: str) -> tuple[str, str]:
    """Split a user name into the user that it means and how it is written: ``104@softphone.local`` -> 104, -domain."""
    user = text.removesuffix(f"@{realm}")
    if user == text:
        return text, ""
    return (user.removeprefix("sip:"), "-uri") if user.startswith("sip:") else (user, "-domain")


@dataclass(frozen=True, slots=True)
class Seedling:
    """An extension with what belongs to it."""

    extension: Extension
    credentials: tuple[Credential, ...] = ()
    "Of a user."
    properties: ConferenceProperties | None = None
    "Of a conference."
    handling: CallHandling = CallHandling()
    "Of a user."


@dataclass(frozen=True, slots=True)
class Seed:
    """What a configuration says about an account."""

    account: Account
    realm: str
    extensions: tuple[Seedling, ...]


def seed_of(config: Config) -> Seed:
    """Read an account out of a configuration that is complete with passwords.

    Raises
    ------
    ConfigError
        The properties of a conference contradict each other, or two numbers differ by leading zeros only; the message
        names the extension.
    """
    account = Account(config.account.id, config.account.main_number)
    realm = config.sip.digest_realm
    entries = tuple(_seedling(account.id, realm, entry) for entry in config.extensions)
    numbers: dict[str, str] = {}
    for extension in (entry.extension for entry in entries):
        other = numbers.setdefault(extension.id, extension.number)
        if other != extension.number:
            raise ConfigError(f"extension {extension.number!r}: its id would be that of {other!r}")
    return Seed(account, realm, entries)


def identity_of(account_id: str, number: str) -> str:
    """Give the id of the extension with a number."""
    return f"{account_id}{int(number):05d}"


def _seedling(account_id: str, realm: str, entry: ExtensionConfig) -> Seedling:
    # The id of an extension is its number behind the account's: unique, and never mistaken for the number itself.
    identity = identity_of(account_id, entry.number)
    extension = Extension(
        identity, entry.number, entry.name or entry.number, entry.kind, entry.admin, entry.conferencing
    )
    if entry.kind == "user":
        return Seedling(extension, credentials_of(extension, realm, entry.password), handling=_handling(entry))
    return Seedling(extension, properties=_properties(entry))


def _properties(entry: ExtensionConfig) -> ConferenceProperties:
    try:
        return ConferenceProperties(
            announce_caller_name=entry.announce_caller_name,
            max_members=entry.max_members,
            pin=entry.pin or None,
            moderator_pin=entry.moderator_pin or None,
            mute_non_moderator=entry.mute_non_moderator,
            record_enabled=entry.record_enabled,
        )
    except PropertyError as error:
        raise ConfigError(f"extension {entry.number}: {error}") from error


def _handling(entry: ExtensionConfig) -> CallHandling:
    try:
        return CallHandling(**{each.name: getattr(entry, each.name) for each in dataclasses.fields(CallHandling)})
    except PropertyError as error:
        raise ConfigError(f"extension {entry.number}: {error}") from error


def credentials_of(extension: Extension, realm: str, password: str) -> tuple[Credential, ...]:
    """Turn a password into what is kept of it."""
    return tuple(
        Credential(extension.id, realm, kind, secret)
        for kind, secret in spellings(extension.number, realm, password).items()
    )


def differences(wanted: Seedling, present: Seedling) -> list[str]:
    """Name what is not the same, never showing a value."""
    named = [
        name
        for name in ("number", "name", "kind", "admin", "conferencing")
        if getattr(wanted.extension, name) != getattr(present.extension, name)
    ]
    if not set(wanted.credentials) <= set(present.credentials):
        named.append("password")
    if wanted.properties is not None and present.properties is not None:
        named += [name for name in CONFIGURED if _value(wanted, name) != _value(present, name)]
    if wanted.handling != present.handling:
        named.append("call handling")
    return named


# The properties that a configuration can hold: sounds are uploaded.
CONFIGURED = (
    "announce_caller_name",
    "max_members",
    "pin",
    "moderator_pin",
    "mute_non_moderator",
    "record_enabled",
)


def _value(seedling: Seedling, name: str) -> object:
    return getattr(seedling.properties, name)


def published(extension: Extension, credentials: Iterable[Credential]) -> bool:
    """Whether an extension has the password that the development configuration gives it, which everybody knows."""
    return _opens(DEV_PREFIX + extension.number, extension, credentials)


# What is tried first by who guesses; of the number come its own digits, there and back.
GUESSED = (
    *("", "password", "secret", "admin", "test", "changeme", "phone", "voip", "sip", "1111", "0000", "4321"),
    *("1234567890"[:length] for length in range(4, 11)),
)
SHORTEST = 8


def weak(extension: Extension, credentials: Iterable[Credential], configured: str = "") -> bool:
    """Whether the password of an extension is soon guessed.

    Parameters
    ----------
    configured
        What the configuration says that its password is; it may have been changed.
    """
    number, known = extension.number, [each for each in credentials if each.algorithm == "md5"]
    tried = [*GUESSED, number, number[::-1], number * 2, f"{number}{number[::-1]}"]
    tried += [configured] if 0 < len(configured) < SHORTEST and not configured.startswith(DEV_PREFIX) else []
    return any(_opens(password, extension, known) for password in tried)


def _opens(password: str, extension: Extension, credentials: Iterable[Credential]) -> bool:
    plain = [each for each in credentials if each.algorithm in ALGORITHMS]
    return any(each.ha1 == ha1(each.algorithm, extension.number, each.realm, password) for each in plain)
