"""Menus as TOML files: what keys mean, for each role. ``default`` and ``host`` are here; others may be anywhere."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.roles import PartyKind, Role

__all__ = ["DEFAULT_MENU", "FOLDER", "TABLES", "load_menu", "menu_from_table", "menu_path"]

FOLDER = Path(__file__).parent

_KINDS = (PartyKind.TOKEN.value, PartyKind.OUTSIDE.value)
# Whose keys a menu may name.
TABLES = frozenset({*Role, *_KINDS, *(f"{kind}_{role.value}" for kind in _KINDS for role in Role)})


def menu_path(name: str) -> Path:
    """Give the file of a menu: of ``default`` and ``host`` the one here; a name that ends in ``.toml`` is a path."""
    return Path(name) if name.endswith(".toml") else FOLDER / f"{Path(name).name}.toml"


def load_menu(name: str) -> Menu:
    """Read a menu.

    Parameters
    ----------
    name
        ``default``, ``host``, or the path of a file that ends in ``.toml``.

    Raises
    ------
    KeypadError
        The menu is wrong; where, is said.
    OSError, UnicodeDecodeError
        It cannot be read.
    """
    path = menu_path(name)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise KeypadError(f"{path} is not TOML: {error}") from error
    except RecursionError:
        raise KeypadError(f"{path} is not TOML: it is nested too deeply") from None
    return menu_from_table(table)


def menu_from_table(table: Mapping[str, Any]) -> Menu:
    """Turn a parsed file into a menu.

    Raises
    ------
    KeypadError
        A role is unknown, or a sequence is none.
    """
    roles = {role: _strings(entries, role) for role, entries in table.items() if role != "help"}
    _known(roles, TABLES)
    help_ = _strings(table.get("help", {}), "help")
    _known(help_, roles, "help: ")
    return Menu(roles, help_)


def _strings(entries: object, role: str) -> dict[str, str]:
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        raise KeypadError(f"{role} is not a table of names")
    return entries


def _known(found: Mapping[str, object], known: Collection[str], where: str = "") -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise KeypadError(f"{where}no role {unknown[0]!r}")


DEFAULT_MENU = load_menu("default")
