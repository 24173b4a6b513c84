"""Commands to two-party calls, and to parties that move from one session to another."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from mixer.rules.effects import Prompt
from mixer.rules.events import Park, SetRole
from mixer.rules.roles import Role
from softphone.focus.commanding import Commands, unreached
from softphone.focus.errors import WrongState
from softphone.focus.focus import Focus
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.placed import PlacedCall
from softphone.focus.ringing_commands import RingingCommands
from softphone.focus.room.attendant import Attended
from softphone.focus.room.calling_out import call_out
from softphone.focus.room.dictation import Dictated, Dictation
from softphone.focus.room.moving import bring_in, check_host, move, other_end
from softphone.focus.room.parking import check_orbit, park, pick_up
from softphone.focus.room.placing import place, put_through
from softphone.focus.room.supervision import Mode, Supervision, supervise
from softphone.focus.room.transfers import Asked
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import Party, TelephonySession
from softphone.sip.message.uri import spelled
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["CallCommands"]


def _answered(room: CallRoom, party: str) -> Member:
    """Give a party of a call whose two can talk; raises NoSuchParty, WrongState."""
    member = room.member(party)
    if not room.answered:
        raise WrongState("The call is not answered")
    if room.transfers.wanted_by(member):
        raise WrongState("It is being transferred already")
    return member


class CallCommands(Commands):
    """Commands to calls of two, and of their parties; a part of `softphone.focus.control.Control`.

    What they raise is as there.

    Parameters
    ----------
    focus
        Where the sessions are.
    accounts
        Whose they are.

    Attributes
    ----------
    ringing
        Commands to calls that ring.
    """

    def __init__(self, focus: Focus, accounts: Accounts) -> None:
        self.ringing = RingingCommands(focus)
        self._focus = focus
        self._accounts = accounts
        self._meeting = asyncio.Lock()
        self._supervisions: WeakValueDictionary[str, Supervision] = WeakValueDictionary()

    def check_host(self, conference: str) -> None:
        """Refuse a conference that nobody can be brought into, whoever it is; raises WrongState."""
        check_host(self._focus.conference(conference))

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
        return bring_in(member, there, self._accounts.by_id(member.party.extension_id or ""))

    async def call_out(self, caller: Extension, number: str) -> TelephonySession:
        """Ring an extension's telephones, and once one answers, the number; events tell what becomes of it.

        Raises
        ------
        WrongState
            No telephone of the extension is there.
        Overloaded
        """
        number = spelled(number)
        with unreached():
            phones = self._focus.dialer.phones(caller)
        room = await self._focus.create_call(caller.id)
        call_out(room, caller, phones, number)
        return room.session

    async def transfer(self, session: str, party: str, to: str) -> TelephonySession:
        """Let a number take a party's place in a call of two, which leaves by BYE; returns when it has answered.

        To a conference the other end goes, and the call is over.

        Raises
        ------
        WrongState
            The call is not answered, nobody answered at the number, or it is not to be called; the call goes on.
        """
        room = self._focus.call(session)
        member = _answered(room, party)
        with unreached():
            await room.transfers.transfer(member, Asked(self._focus.dialer.home.address(spelled(to))))
        return room.session

    async def connect(self, session: str, party: str, to: str) -> TelephonySession:
        """Let two that an extension talks with talk with one another: it leaves both calls by BYE (attended transfer).

        Parameters
        ----------
        session, party
            A call of the extension's, and which party of it the extension is.
        to
            Its other call, which ends: who it has talked with there takes its place.

        Raises
        ------
        WrongState
            One of the calls is not answered, or the other is none of the extension's; both go on.
        """
        room, other = self._focus.call(session), self._focus.call(to)
        member = _answered(room, party)
        own = member.party.extension_id
        mine = next((each for each in other.members.values() if own and each.party.extension_id == own), None)
        if mine is None or other is room:
            raise WrongState("It is in no other call of that id")
        room.transfers.hand_over(member, other_end(other, _answered(other, mine.party.id)))
        return room.session

    async def park(self, session: str, party: str, orbit: str = "") -> TelephonySession:
        """Let a party leave a call of two by BYE, and the other wait with music.

        Parameters
        ----------
        orbit
            The number that extensions call to pick it up; empty: none.

        Raises
        ------
        WrongState
            The call is not answered, or somebody is parked there, or the number leads elsewhere.
        """
        room = self._focus.call(session)
        if orbit:
            check_orbit(self._focus.calls.values(), room.dialer, orbit)
        park(room, _answered(room, party), orbit)
        return room.session

    async def attend(
        self, session: str, party: str, say: Sequence[Prompt], dictation: Dictation | None = None, mailbox: str = ""
    ) -> TelephonySession:
        """Let a party leave a call of two by BYE, and the server serve the other, as of `RingingCommands.attend`.

        Raises
        ------
        WrongState
            The call is not answered, or nobody is at the other end.
        """
        room = self._focus.call(session)
        served = other_end(room, _answered(room, party))
        room.command(Park(party, "transferred", music=False))
        room.on_key = Attended(say, dictation, mailbox, "hung up").begin(room, served)
        return room.session

    async def pick_up(self, session: str, number: str, *, by: Extension) -> Party:
        """Ring a number, and connect it with who is parked in a call; returns when it has answered.

        Parameters
        ----------
        by
            Who answers for the call.

        Returns
        -------
        Party
            Who has answered.

        Raises
        ------
        WrongState
            Nobody is parked, or nobody has answered; who is parked stays so.
        """
        room = self._focus.call(session)
        with unreached():
            return await pick_up(room, spelled(number), by.id)

    async def supervise(self, session: str, *, by: Extension, heard_by: tuple[str, ...] | None = ()) -> Party:
        """Ring an extension's telephones, and let it hear a session unnoticed; returns when it has answered.

        Parameters
        ----------
        heard_by
            The parties that hear it, and nobody else does: none, or one that it advises. None: all hear it.

        Raises
        ------
        NoSuchSession, NoSuchParty
        NotAllowed
            There are no hidden listeners here.
        WrongState
            Nobody has answered, or the session is over.
        """
        self._focus.check_hidden()
        room = self._focus.room(session)
        for each in heard_by or ():
            room.member(each)
        with unreached():
            supervision = await supervise(room, self._focus.dialer, by, heard_by)
        self._supervisions[supervision.party.id] = supervision
        return supervision.party

    async def advise(self, session: str, supervisor: str, mode: Mode) -> Party:
        """Let others hear who supervises a session than before, or let it take the place of the party that it advises.

        Parameters
        ----------
        supervisor
            Its party, as of :meth:`supervise`.
        mode
            ``whisper`` and ``takeover``: of the party that was named, or the only extension of the session.

        Raises
        ------
        WrongState
            It supervises nothing there, nobody is advised, or the session is not to be taken over.
        """
        found = self._supervisions.get(supervisor)
        if found is None or found.session.id != session:
            raise WrongState("It supervises nothing there")
        await found.change(mode)
        return found.party

    async def place(self, number: str, *, by: Extension, shown: str = "") -> PlacedCall:
        """Call a number on an extension's behalf; returns at once, and the call tells what becomes of it.

        Who answers hears nothing, until it is taken into a conference, or something is played to it.

        Parameters
        ----------
        by
            Who answers for the call.
        shown
            Number that the called see; empty: the extension's.

        Raises
        ------
        Overloaded
            The server is being stopped, or no media worker takes one more room.
        """
        caller = Caller(shown or by.number, "" if shown else by.name, account=by.id)
        return place(await self._focus.create_call(by.id), self._focus.dialer.spelled(number), caller)

    async def put_through(self, call: PlacedCall, number: str, *, by: Extension) -> Party:
        """Ring a number, and connect it with who has answered a call that was placed; returns when it has answered.

        Raises
        ------
        WrongState
            The call is over, or in a conference; or nobody answered at the number, and the call is as it was.
        """
        room = self._room_of(call)
        with unreached():
            return await put_through(room, self._focus.dialer.spelled(number), by.id)

    def _room_of(self, call: PlacedCall) -> CallRoom:
        room = self._focus.calls.get(call.session)
        if room is None or call.over:
            raise WrongState("The call is over, or in a conference")
        return room

    async def take_message(self, call: PlacedCall, dictation: Dictation) -> Dictated:
        """Record what the called says, until the call ends at most; returns when the recording is complete.

        Raises
        ------
        WrongState
            The call is over, or in a conference; or it cannot be recorded.
        """
        room = self._room_of(call)
        keys: asyncio.Queue[str] = asyncio.Queue()
        call.on_key = keys.put_nowait
        try:
            return await dictation.take(room, keys)
        finally:
            call.on_key = lambda _key: None

    async def join(
        self, session: str, party: str, to: str, *, role: Role, muted: bool = False, ends: bool = False
    ) -> Party:
        """Take a party of any session into a conference, as what it is to be there; one that is there already stays.

        Parameters
        ----------
        ends
            Whether the conference is over when it leaves.

        Raises
        ------
        WrongState
            The conference does not let it in; it stays where it is.
        """
        here, there = self._focus.room(session), self._focus.conference(to)
        member = here.member(party)
        if here is not there:
            caller = self._accounts.by_id(member.party.extension_id or "")
            move(member, there, caller, role=role, muted=muted)
        there.command(SetRole(member.party.id, role, ends))
        return member.party

    async def meet(
        self, owner: Extension, name: str, *, max_members: int, rules: Mapping[str, Any]
    ) -> TelephonySession:
        """Give the conference that an extension has under a name; it begins now if it is not running.

        Parameters
        ----------
        max_members, rules
            Most parties, and rules of its own (`softphone.focus.room.settings.LifeRules`), where it begins now.

        Raises
        ------
        NotAllowed, Overloaded
        """
        async with self._meeting:
            for room in self._focus.conferences.values():
                if (room.session.owner_id, room.session.name) == (owner.id, name):
                    return room.session
            session = await self._focus.create_conference(owner, max_members=max_members, name=name)
            self._focus.conference(session.id).change_rules(rules)
            return session

    async def hang_up(self, call: PlacedCall) -> None:
        """End a call that was placed, wherever its party is; one that is over stays so."""
        room = self._focus.rooms.get(call.session)
        if call.over or room is None:
            return
        member = room.members.get(call.party)
        if member is None or room.session.id == call.id:
            room.close("cancelled" if member is None else "requested")
        else:
            room.dismiss(member, "removed")
