"""Supervision: a hidden listener in a session, who may whisper to one party or to all.

The telephones of whoever supervises are rung; the leg that answers is put into the room of the session, where the
worker lets it be heard by nobody, by one party alone, or by all. Who hears it may change later; of a call of two it
may take a place.
"""

import asyncio
from typing import Literal

import structlog

from softphone.errors import MediaError, SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.ringing import Ringing
from softphone.focus.room.moving import other_end
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import CallEnd, Direction, Party, PartyAddress, SessionOrigin, TelephonySession
from softphone.focus.token import new_session_id
from softphone.media.contract.messages import Whisper
from softphone.store.values import Extension

__all__ = ["Mode", "Supervision", "supervise"]

log = structlog.get_logger()

Mode = Literal["monitor", "whisper", "barge", "takeover"]
"""Heard by nobody, by the party that is advised, by all; or in the place of that party."""


class Supervisor(Party):
    """Who supervises: no rules say what it may; it says nothing until it is known who is to hear it."""

    silent = True

    @property
    def muted(self) -> bool:
        """Whether its microphone is off."""
        return self.silent


class Supervision(CallOwner):
    """The leg of whoever supervises a session, as long as both last.

    Parameters
    ----------
    room
        The session.
    member, supervisor
        Who supervises; its call is answered.
    """

    def __init__(self, room: RuledRoom, member: Member, supervisor: Supervisor) -> None:
        self._room, self.party = room, supervisor
        self.session: TelephonySession = room.session
        self._advised = ""
        self._changing = asyncio.Lock()
        self._member: Member | None = member
        self._watching = room.context.tasks.start(self._watch())
        member.pass_to(self)

    async def begin(self, heard_by: tuple[str, ...] | None) -> None:
        """Let it hear the session.

        Parameters
        ----------
        heard_by
            The parties that hear it, and nobody else does; None: all do.

        Raises
        ------
        WrongState
            The session, or its own call, is over.
        NoSuchParty
            One that is to hear it has left.
        """
        room, member = self._room, self._member
        if room.ended or member is None:
            raise WrongState("The session is over")
        try:
            leg, entering = await member.ready(), member.admit(room.room)
            if entering is not None:
                await entering
            if heard_by != ():
                await self._speak_to(member, leg, heard_by)
        except MediaError as error:
            raise WrongState(str(error)) from error

    async def _speak_to(self, member: Member, leg: int, heard_by: tuple[str, ...] | None) -> None:
        """Let it be heard by these alone, or by all (None)."""
        room = self._room
        self._advised = heard_by[0] if heard_by else self._advised
        listeners = None if heard_by is None else [await room.member(each).ready() for each in heard_by]
        await room.context.media.ask(Whisper(leg, listeners))
        self.party.silent = False
        member.refresh()

    async def change(self, mode: Mode) -> None:
        """Let others hear it than before, or let it take the place of the party that it advises.

        Raises
        ------
        WrongState
            The session, or its own call, is over, nobody is advised, or no call of two is there to be taken over;
            nothing has changed.
        """
        async with self._changing:
            await self._change(mode)

    async def _change(self, mode: Mode) -> None:
        member = self._member
        if self._room.ended or member is None:
            raise WrongState("The session is over")
        try:
            leg = await member.ready()
            if mode == "monitor":
                self.party.silent = True
                member.refresh()
            elif mode == "takeover":
                await self._take_over(member, leg)
            else:
                await self._speak_to(member, leg, None if mode == "barge" else (self._agent().party.id,))
        except MediaError as error:
            raise WrongState(str(error)) from error

    def _agent(self) -> Member:
        """Give the party that it advises: the one that was named, or the only one that is an extension."""
        members = self._room.members
        inside = [each for each in members.values() if each.party.extension_id is not None]
        if self._advised in members:
            return members[self._advised]
        if len(inside) != 1:
            raise WrongState("It is not said whom it advises")
        return inside[0]

    async def _take_over(self, member: Member, leg: int) -> None:
        room, agent = self._room, self._agent()
        if not isinstance(room, CallRoom) or not room.answered:
            raise WrongState("Only an answered call of two is taken over")
        other_end(room, agent)
        await room.context.media.ask(Whisper(leg, None))
        if room.keeps(agent) and self._member is member:
            room.transfers.hand_over(agent, member)

    async def _watch(self) -> None:
        """End with the session."""
        await self._room.wound_up.wait()
        self.end()

    def end(self) -> None:
        """Hang up on who supervises."""
        if self._member is not None:
            Hangup(self._room.context, self._member).say()

    def keeps(self, member: Member) -> bool:
        """Say whether it is this one."""
        return member is self._member

    def lost(self, member: Member) -> None:
        """Have nothing more to do with it."""
        self._member = None
        self._watching.cancel()

    def over(self, member: Member, reason: str) -> None:
        """End: it has hung up."""
        self.end()

    def silent(self, member: Member) -> None:
        """End: nobody is there any more."""
        self.end()


async def _stop_with(room: RuledRoom, ringing: Ringing) -> None:
    """Let telephones ring no longer than a session lasts."""
    await room.wound_up.wait()
    ringing.stop()


async def supervise(
    room: RuledRoom, dialer: Dialer, extension: Extension, heard_by: tuple[str, ...] | None = ()
) -> Supervision:
    """Ring the telephones of an extension, and let it hear a session; returns when one has answered.

    Parameters
    ----------
    heard_by
        As of :meth:`Supervision.begin`.

    Returns
    -------
    Supervision
        Its party is of a session of its own.

    Raises
    ------
    NotReached
        Nobody has answered.
    NoSuchParty
        One that is to hear it has left meanwhile.
    WrongState
        The session is over.
    """
    own = TelephonySession(new_session_id(), SessionOrigin.CALL, extension.id)
    session, who = room.session, PartyAddress.of(extension)
    watched = next(iter(session.parties.values()), None)
    shown = Caller(*((watched.address.number, watched.address.name) if watched else ("", "")), account=extension.id)
    party = Supervisor(
        own.new_party_id(host=True),
        PartyAddress(shown.number, shown.name),
        who,
        Direction.INBOUND,
        CallEnd.CALLEE,
        extension.id,
    )
    encrypted = room.rules.settings.encrypted
    ringing = Ringing(dialer, room.context, own)
    ending = room.context.tasks.start(_stop_with(room, ringing))
    try:
        member = await ringing.first(
            dialer.phones(extension), lambda: room.context.member(party, encrypted=encrypted), shown
        )
    finally:
        ending.cancel()
        ringing.stop()
    supervision = Supervision(room, member, party)
    try:
        await supervision.begin(heard_by)
    except (SoftphoneError, asyncio.CancelledError):
        supervision.end()
        raise
    log.info("supervised", session=session.id, by=extension.number, heard_by=heard_by)
    return supervision
