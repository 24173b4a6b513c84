"""By which rules each kind of conference is held, and what one may have of its own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from mixer.rules.keypad import Menu
from mixer.rules.settings import EndWithHost, Settings
from softphone.config import Config
from softphone.store.properties import ConferenceProperties

__all__ = ["LifeRules", "of_bridge", "of_extension", "of_token"]


@dataclass(frozen=True, slots=True)
class LifeRules:
    """Rules of a conference's life that are its own, named as in `Settings`; None: as configured for its kind."""

    wait_for_host: bool | None = None
    end_with_host: EndWithHost | None = None
    host_grace_s: float | None = None
    party_limit_s: float | None = None
    silence_limit_s: float | None = None
    lobby: bool | None = None

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Take other values for some; None gives one back to the configuration."""
        end = changes.get("end_with_host")
        return replace(self, **{**changes, **({} if end is None else {"end_with_host": EndWithHost(end)})})

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
    """Hold a conference with prompts, notices and music."""
    held = config.conference
    return Settings(
        max_members=max_members,
        claim_timeout_s=held.claim_timeout_s,
        menu=menu,
        key_timeout_s=held.key_timeout_s,
        confirm_timeout_s=held.confirm_timeout_s,
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
        record_notice=config.recording.notice,
        record_prompts=config.recording.prompts,
    )


def _sound(number: int | None) -> str:
    """Give the id that the library knows a stored sound by."""
    return "" if number is None else str(number)
