"""Menus: what the keys of a telephone mean in a conference, read from TOML files.

Two come with the program, ``default`` and ``host`` (``config/menus``); any other is a file of one's own.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.roles import PartyKind, Role
from mixer.rules.settings import COMMANDS
from softphone.errors import ConfigError

__all__ = ["FOLDER", "TABLES", "load_menu", "menu_from_table"]

FOLDER = Path(__file__).parents[2] / "data" / "menus"

_KINDS = (PartyKind.TOKEN.value, PartyKind.OUTSIDE.value)
# Whose keys a menu may name.
TABLES = frozenset({*Role, *_KINDS, *(f"{kind}_{role.value}" for kind in _KINDS for role in Role)})


def load_menu(name: str) -> Menu:
    """Read a menu.

    Parameters
    ----------
    name
        ``default``, ``host``, or the path of a file that ends in ``.toml``.

    Raises
    ------
    ConfigError
        There is no such menu, or it is wrong; where, is said.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{Path(name).name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"menu {name!r}: cannot read {path}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"menu {name!r}: {path} is not TOML: {error}") from error
    return menu_from_table(table, name)


def menu_from_table(table: Mapping[str, Any], name: str = "menu") -> Menu:
    """Turn a parsed file into a menu.

    Raises
    ------
    ConfigError
        A role or a command is unknown, or a sequence is none.
    """
    roles = {role: _strings(entries, role, name) for role, entries in table.items() if role != "help"}
    _known(roles, TABLES, "role", name)
    help_ = _strings(table.get("help", {}), "help", name)
    _known(help_, frozenset(roles), "role", f"{name}: help")
    try:
        menu = Menu(roles, help_)
    except KeypadError as error:
        raise ConfigError(f"menu {name!r}: {error}") from error
    _known(menu.commands, COMMANDS, "command", name)
    return menu


def _strings(entries: object, role: str, name: str) -> dict[str, str]:
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        raise ConfigError(f"menu {name!r}: {role} is not a table of names")
    return entries


def _known(found: "Mapping[str, object] | frozenset[str]", known: frozenset[str], what: str, name: str) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise ConfigError(f"menu {name!r}: no {what} {unknown[0]!r}")
