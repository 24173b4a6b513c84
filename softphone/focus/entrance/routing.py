"""Where an INVITE wants to go, decided from the Request-URI's user part alone."""

from dataclasses import dataclass

from softphone.focus.accounts import Accounts, Extension
from softphone.focus.token import PREFIX, TokenError, VoiceCallToken

__all__ = ["Destination", "ToBridge", "ToConference", "ToExtension", "ToNowhere", "ToRoom", "route"]


@dataclass(frozen=True, slots=True)
class ToConference:
    """To a ``conf_`` room, perhaps of another node."""

    token: VoiceCallToken


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
class ToNowhere:
    """To nobody that we know."""


Destination = ToBridge | ToConference | ToExtension | ToRoom | ToNowhere


def route(user: str, accounts: Accounts) -> Destination:
    """Say where the user part of a Request-URI leads.

    Parameters
    ----------
    user
        ``conf_<hex>``, the main number (phones leave its ``+`` away), an extension number, or
        ``<main number>*<extension number>``.
    """
    if user.startswith(PREFIX):
        try:
            return ToConference(VoiceCallToken.parse(user))
        except TokenError:
            return ToNowhere()
    if user and user.lstrip("+") == accounts.main_number.lstrip("+"):
        return ToBridge()
    extension = accounts.find(user)
    if extension is None:
        return ToNowhere()
    return ToExtension(extension) if extension.kind == "user" else ToRoom(extension)
