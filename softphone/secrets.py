"""Generated secrets: made at the first start, kept in the data folder, readable by the owner only.

The password of the mail server, which nobody can make up, may be written there by hand::

    [mail]
    password = "..."
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from softphone.config import Config
from softphone.errors import ConfigError
from softphone.toml import read_toml

__all__ = ["SECRETS_FILE", "complete"]

SECRETS_FILE = "secrets.toml"

# 24 random bytes: beyond guessing, and still short enough to be copied into a phone.
SECRET_BYTES = 24

Secrets = dict[str, dict[str, str]]


def complete(config: Config, data: Path) -> tuple[Config, Path | None]:
    """Fill the empty passwords and secrets from the data folder, making them where it has none.

    Parameters
    ----------
    config
        Settings, perhaps with empty passwords of users and of the mail server, and empty secrets.
    data
        The data folder; made (mode 0700) when missing and needed.

    Returns
    -------
    tuple
        The settings without gaps, and the file when something new was written to it.

    Raises
    ------
    ConfigError
        The file cannot be read or written.
    """
    wanted = _wanted(config)
    if not any(wanted.values()) and (config.mail.password or not config.mail.username):
        return config, None
    path = data / SECRETS_FILE
    known = _read(path)
    missing = {kind: [name for name in names if name not in known[kind]] for kind, names in wanted.items()}
    if any(missing.values()):
        for kind, names in missing.items():
            known[kind] |= {name: secrets.token_urlsafe(SECRET_BYTES) for name in names}
        _write(path, known)
    return _filled(config, known), path if any(missing.values()) else None


def _wanted(config: Config) -> dict[str, list[str]]:
    return {
        "client": [client.id for client in config.clients if not client.secret and not client.public],
        "extension": [e.number for e in config.extensions if e.kind == "user" and not e.password],
        # Who may ask for tokens may be given some that last.
        "token": ["secret"] if config.clients and not config.token.secret else [],
    }


def _read(path: Path) -> Secrets:
    known: Secrets = {"client": {}, "extension": {}, "mail": {}, "token": {}}
    if not path.exists():
        return known
    try:
        return known | msgspec.convert(read_toml(path), Secrets)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot use {path}: {type(error).__name__}") from error


def _write(path: Path, known: Mapping[str, Mapping[str, str]]) -> None:
    """Write a new file beside the old one and put it in its place: never half a file, never readable by others."""
    lines = ["# Made by `softphone serve` on its first run. Keep it to yourself."]
    for kind, values in ((kind, values) for kind, values in known.items() if values):
        lines += ["", f"[{kind}]", *(f'"{name}" = {_quoted(value)}' for name, value in values.items())]
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _quoted(value: str) -> str:
    """Write a TOML string: but for one character, what JSON takes for one."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _filled(config: Config, known: Secrets) -> Config:
    kept = known["client"]
    clients = tuple(
        c if c.secret or c.public else msgspec.structs.replace(c, secret=kept[c.id]) for c in config.clients
    )
    extensions = tuple(
        e if e.password or e.kind != "user" else msgspec.structs.replace(e, password=known["extension"][e.number])
        for e in config.extensions
    )
    password = config.mail.password or known["mail"].get("password", "")
    mail = msgspec.structs.replace(config.mail, password=password)
    token = msgspec.structs.replace(config.token, secret=config.token.secret or known["token"].get("secret", ""))
    return msgspec.structs.replace(config, clients=clients, extensions=extensions, mail=mail, token=token)
