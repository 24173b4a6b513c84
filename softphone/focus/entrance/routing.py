"""The destination of an INVITE, decided from its Request-URI (`softphone.sip.message.uri`) alone."""

from dataclasses import dataclass

from softphone.config import TrunkConfig
from softphone.focus.passes import PASS
from softphone.focus.token import PREFIX, TokenError, VoiceCallToken
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = [
    "Destination",
    "ToBridge",
    "ToConference",
    "ToEcho",
    "ToExtension",
    "ToNowhere",
    "ToOwnRoom",
    "ToPass",
    "ToRoom",
    "route",
    "route_of_trunk",
]


@dataclass(frozen=True, slots=True)
class ToConference:
    """To a ``conf_`` room, perhaps of another node."""

    token: VoiceCallToken | None
    "None: it begins like a token, and is none."


@dataclass(frozen=True, slots=True)
class ToPass:
    """To the room of a pass, if it is one."""

    number: str


@dataclass(frozen=True, slots=True)
class ToBridge:
    """To the account's bridge number: a code decides the room."""


@dataclass(frozen=True, slots=True)
class ToExtension:
    """To the phones of a user."""

    extension: Extension


@dataclass(frozen=True, slots=True)
class ToRoom:
    """To a conference extension."""

    extension: Extension


@dataclass(frozen=True, slots=True)
class ToOwnRoom:
    """To the room of a user."""

    extension: Extension


@dataclass(frozen=True, slots=True)
class ToEcho:
    """To the echo test."""


@dataclass(frozen=True, slots=True)
class ToNowhere:
    """To nobody that we know: outside, perhaps."""

    number: str


Destination = ToBridge | ToConference | ToEcho | ToExtension | ToOwnRoom | ToPass | ToRoom | ToNowhere


def route(user: str, accounts: Accounts, echo: str = "", own_room: str = "") -> Destination:
    """Say where a number or user that is called leads.

    Parameters
    ----------
    user
        ``conf_<hex>``, a pass, the main number (phones leave its ``+`` away), an extension number, or
        ``<main number>*<extension number>``.
    echo
        The number of the echo test; empty: there is none.
    own_room
        What stands before a user's number where its room is meant and not its telephones; empty: nothing does.
    """
    if user.startswith(PREFIX):
        try:
            return ToConference(VoiceCallToken.parse(user))
        except TokenError:
            return ToConference(None)
    if PASS.fullmatch(user):
        return ToPass(user)
    if accounts.is_main_number(user):
        return ToBridge()
    extension = accounts.find(user)
    if extension is not None:
        return ToExtension(extension) if extension.kind == "user" else ToRoom(extension)
    if echo and user == echo:
        return ToEcho()
    owner = accounts.find(user.removeprefix(own_room)) if own_room and user.startswith(own_room) else None
    return ToOwnRoom(owner) if owner is not None and owner.kind == "user" else ToNowhere(user)


def route_of_trunk(number: str, trunk: TrunkConfig, accounts: Accounts) -> Destination:
    """Say where a number leads that a trunk calls."""
    found = route(number, accounts)
    return route(trunk.default, accounts) if isinstance(found, ToNowhere) and trunk.default else found
