"""By which rules each kind of conference is held."""

from mixer.conference import EndWithHost, Settings
from mixer.keypad import Menu
from softphone.config import ConferenceConfig
from softphone.store.properties import ConferenceProperties

__all__ = ["of_bridge", "of_extension", "of_token"]


def of_token(config: ConferenceConfig, menu: Menu, max_members: int | None = None) -> Settings:
    """Hold a ``conf_`` conference: programs use it, so nothing is spoken."""
    return Settings(
        max_members=max_members or config.max_members,
        claim_timeout_s=config.claim_timeout_s,
        menu=menu,
        key_timeout_s=config.key_timeout_s,
        confirm_timeout_s=config.confirm_timeout_s,
    )


def of_extension(config: ConferenceConfig, menu: Menu, properties: ConferenceProperties) -> Settings:
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


def of_bridge(config: ConferenceConfig, menu: Menu) -> Settings:
    """Hold a conference in the bridge room of a user."""
    return _for_people(config, menu, config.bridge_max_members)


def _for_people(
    config: ConferenceConfig,
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
    return Settings(
        max_members=max_members,
        claim_timeout_s=config.claim_timeout_s,
        menu=menu,
        key_timeout_s=config.key_timeout_s,
        confirm_timeout_s=config.confirm_timeout_s,
        hosted=hosted,
        wait_for_host=hosted and not config.join_before_host,
        end_with_host=EndWithHost(config.end_with_host),
        host_grace_s=config.host_grace_s,
        party_limit_s=config.party_limit_s,
        silence_limit_s=config.silence_limit_s,
        lobby=config.lobby,
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
