"""By which rules each kind of conference is held, what one may have of its own, and by which menu of keys."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from mixer.rules import commands, menus
from mixer.rules.keypad import KeypadError, Menu
from mixer.rules.settings import EndWithHost, KeyScope, Settings
from softphone.config import Config, unreadable
from softphone.errors import ConfigError
from softphone.store.properties import ConferenceProperties

__all__ = ["LifeRules", "load_menu", "of_bridge", "of_extension", "of_token"]


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


def of_bridge(config: Config, menu: Menu, join_before_host: bool | None = None) -> Settings:
    """Hold a conference in the room of a user, who may have said whether others wait for it."""
    settings = _for_people(config, menu, config.conference.bridge_max_members)
    return settings if join_before_host is None else replace(settings, wait_for_host=not join_before_host)


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


def load_menu(name: str) -> Menu:
    """Read a menu, as `mixer.rules.menus.load_menu` does, that the rules can carry out; raises ConfigError."""
    try:
        menu = menus.load_menu(name)
        commands.check(menu)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"menu {name!r}: {unreadable(menus.menu_path(name), error)}") from error
    except KeypadError as error:
        raise ConfigError(f"menu {name!r}: {error}") from error
    return menu
