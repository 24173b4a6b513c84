"""Conferences that calls may be handed into: nobody is asked for a code there, so whoever hands a call over vouches."""

from softphone.config import SipConfig
from softphone.errors import CallRefused
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.routing import ToBridge, ToConference, ToEcho, ToOwnRoom, ToPass, ToRoom, route
from softphone.focus.focus import Focus
from softphone.focus.room.conference import ConferenceRoom
from softphone.store.accounts import Accounts

__all__ = ["HandedIn"]


class HandedIn:
    """Finds them.

    Parameters
    ----------
    focus, accounts, codes, settings
        As for `InviteRouter`.
    """

    def __init__(self, focus: Focus, accounts: Accounts, codes: CodeBook, settings: SipConfig) -> None:
        self._focus = focus
        self._accounts = accounts
        self._codes = codes
        self._settings = settings

    async def find(self, number: str, account: str) -> ConferenceRoom | None:
        """Give the conference that a number leads to; one of an extension begins if it is not running.

        Parameters
        ----------
        account
            Id of the extension that hands the call over.

        Returns
        -------
        ConferenceRoom | None
            None: the number leads to no conference.

        Raises
        ------
        CallRefused
            404: there is none of this token. 403: who calls there is asked for a code or a name, or is alone.
        NotAllowed, Overloaded
            It cannot begin.
        """
        destination = route(number, self._accounts, self._settings.echo_number, self._settings.own_room_prefix)
        match destination:
            case ToConference(token):
                room = self._focus.invited_by(token) if token is not None else None
                if room is None:
                    raise CallRefused(404)
                return room
            case ToRoom(room) if not (self._codes.asks(room) or self._codes.asks_name(room)):
                return await self._focus.open(room)
            case ToOwnRoom(owner) if owner.id == account:
                return await self._focus.open(owner)
            case ToRoom() | ToOwnRoom() | ToBridge() | ToPass() | ToEcho():
                raise CallRefused(403)
        return None
