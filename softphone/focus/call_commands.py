"""What can be commanded of calls, and of parties that go from one session into another."""

from softphone.focus.commanding import Commands
from softphone.focus.focus import Focus
from softphone.focus.party.member import Member
from softphone.focus.room.moving import bring_in, move, other_end
from softphone.focus.session import Party
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["CallCommands"]


class CallCommands(Commands):
    """The part of `softphone.focus.control.Control` that takes parties from one session to another.

    Parameters
    ----------
    focus
        Where the sessions are.
    accounts
        Whose they are.
    """

    def __init__(self, focus: Focus, accounts: Accounts) -> None:
        self._focus = focus
        self._accounts = accounts
        self._playbacks: dict[int, str] = {}

    async def move(self, session: str, party: str, to: str) -> Party:
        """Take a party into a conference, without a new call; what it may do, and how it is heard, stays.

        A call of two that it leaves is over for the other end: that gets BYE.

        Raises
        ------
        WrongState
            The conference does not let it in; it stays where it is.
        """
        here, there = self._focus.room(session), self._focus.conference(to)
        member = here.member(party)
        return member.party if here is there else move(member, there, self._extension(member))

    async def bring_in(self, session: str, party: str, to: str, *, own: str = "") -> Party:
        """Take somebody out of a call of two into a conference whose host is connected; the call ends by BYE.

        Parameters
        ----------
        session, party
            The call, and which of its two.
        to
            The conference.
        own
            Id of the extension that merges its call: where `party` is that extension, the other end is meant, and its
            own leg is the one that gets BYE.

        Raises
        ------
        WrongState
            The host is not connected, the call is not answered, or the conference lets nobody more in; nothing has
            changed.
        """
        there, here = self._focus.conference(to), self._focus.call(session)
        member = here.member(party)
        if own and member.party.extension_id == own:
            member = other_end(here, member)
        return bring_in(member, there, self._extension(member))

    def _extension(self, member: Member) -> Extension | None:
        return self._accounts.by_id(member.party.extension_id) if member.party.extension_id else None
