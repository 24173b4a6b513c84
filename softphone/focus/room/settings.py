"""By which rules each kind of conference is held, what one may have of its own, and what the keys of a telephone mean.

Two menus of keys come with the program, ``default`` and ``host`` (``data/menus``); others are TOML files.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.roles import PartyKind, Role
from mixer.rules.settings import COMMANDS, EndWithHost, KeyScope, Settings
from softphone.config import Config
from softphone.errors import ConfigError
from softphone.store.properties import ConferenceProperties

__all__ = ["FOLDER", "LifeRules", "TABLES", "load_menu", "menu_from_table", "of_bridge", "of_extension", "of_token"]


# What is read of words.
WORDS: Mapping[str, Callable[[str], Any]] = {
    "end_with_host": EndWithHost,
    "tell_keys": KeyScope,
    "pass_keys": KeyScope,
}


@dataclass(frozen=True, slots=True)
class LifeRules:
    """Rules of a conference's life that are its own, named as in `Settings`; None: as configured for its kind."""

    wait_for_host: bool | None = None
    end_with_host: EndWithHost | None = None
    host_grace_s: float | None = None
    party_limit_s: float | None = None
    silence_limit_s: float | None = None
    lobby: bool | None = None
    hosts_pass_lock: bool | None = None
    hosts_pass_limit: bool | None = None
    record_from: int | None = None
    count_from: int | None = None
    muted_notice: bool | None = None
    level_voices: bool | None = None
    encrypted: bool | None = None
    tell_keys: KeyScope | None = None
    pass_keys: KeyScope | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read those that settings have."""
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls)})

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Take other values for some; None gives one back to the configuration."""
        read = {name: of(changes[name]) for name, of in WORDS.items() if changes.get(name) is not None}
        return replace(self, **{**changes, **read})

    def over(self, settings: Settings) -> Settings:
        """Give settings with these rules in place of theirs."""
        return replace(settings, **{name: value for name, value in asdict(self).items() if value is not None})


def of_token(config: Config, menu: Menu, max_members: int | None = None) -> Settings:
    """Hold a ``conf_`` conference: programs use it, so nothing is spoken."""
    held = config.conference
    return Settings(
        max_members=max_members or held.max_members,
        claim_timeout_s=held.claim_timeout_s,
        menu=menu,
        key_timeout_s=held.key_timeout_s,
        confirm_timeout_s=held.confirm_timeout_s,
        hosts_pass_lock=held.hosts_pass_lock,
        hosts_pass_limit=held.hosts_pass_limit,
        record_from=held.record_from,
        count_from=held.count_from,
        muted_notice=held.muted_notice,
        level_voices=held.level_voices,
        encrypted=held.encrypted,
        tell_keys=KeyScope(held.tell_keys),
        pass_keys=KeyScope(held.pass_keys),
        record_notice=config.recording.notice,
        record_prompts=config.recording.prompts,
    )


def of_extension(config: Config, menu: Menu, properties: ConferenceProperties) -> Settings:
    """Hold the conference of a conference extension."""
    return _for_people(
        config,
        menu,
        properties.limit,
        hosted=properties.moderator_pin is not None,
        mute_non_moderator=properties.mute_non_moderator,
        enter_sound=_sound(properties.enter_sound),
        music_on_hold_sound=_sound(properties.music_on_hold_sound),
        record_enabled=properties.record_enabled,
        announce_caller_name=properties.announce_caller_name,
    )


def of_bridge(config: Config, menu: Menu) -> Settings:
    """Hold a conference in the bridge room of a user."""
    return _for_people(config, menu, config.conference.bridge_max_members)


def _for_people(
    config: Config,
    menu: Menu,
    max_members: int,
    *,
    hosted: bool = True,
    mute_non_moderator: bool = False,
    enter_sound: str = "",
    music_on_hold_sound: str = "",
    record_enabled: bool = False,
    announce_caller_name: bool = False,
) -> Settings:
    """Hold a conference with prompts, notices and music; else as one for programs."""
    held = config.conference
    return replace(
        of_token(config, menu, max_members),
        hosted=hosted,
        wait_for_host=hosted and not held.join_before_host,
        end_with_host=EndWithHost(held.end_with_host),
        host_grace_s=held.host_grace_s,
        party_limit_s=held.party_limit_s,
        silence_limit_s=held.silence_limit_s,
        lobby=held.lobby,
        mute_non_moderator=mute_non_moderator,
        enter_sound=enter_sound,
        music_on_hold_sound=music_on_hold_sound,
        record_enabled=record_enabled,
        announce_caller_name=announce_caller_name,
        entry_notices=True,
        prompts=True,
        music=True,
    )


def _sound(number: int | None) -> str:
    """Give the id that the library knows a stored sound by."""
    return "" if number is None else str(number)


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
