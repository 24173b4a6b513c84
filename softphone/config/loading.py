"""Reading the configuration file: a wrong setting is refused with its key and value named; nothing is guessed."""

from pathlib import Path
from typing import Any

import msgspec

from softphone.config.checks import check
from softphone.config.sections import Config
from softphone.errors import ConfigError
from softphone.toml import read_toml

__all__ = ["changes", "from_table", "load", "unreadable"]


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
        table = read_toml(path)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return from_table(table, str(path))


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    """Make the error for a file that cannot be read, with the reason; of a link that leads nowhere, where it leads."""
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    if path.is_symlink() and not path.exists():
        reason = f"it is a link to {path.readlink()}, which is not there; copy the file itself (cp -L)"
    return ConfigError(f"cannot read {path}: {reason}")


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
    check(config)
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


def changes(before: Config, after: Config) -> list[str]:
    """Name the options that differ, ``section.option``; a list of extensions or clients is one option."""
    changed = []
    for attribute, section in zip(Config.__struct_fields__, Config.__struct_encode_fields__, strict=True):
        old, new = getattr(before, attribute), getattr(after, attribute)
        if isinstance(old, tuple):
            changed += [section] * (old != new)
        else:
            options = old.__struct_fields__
            changed += [f"{section}.{name}" for name in options if getattr(old, name) != getattr(new, name)]
    return changed
