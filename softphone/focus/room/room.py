"""The room of a running session: its members, what they hear, what others are told of them, its room on a worker.

`softphone.focus.room.ruled` decides by the rules of the session what is done here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from mixer.rules.effects import Prompt
from mixer.rules.events import InviteAnswered, Join
from mixer.rules.session import Session
from softphone.focus.errors import NoSuchParty
from softphone.focus.party.context import Context
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.music import HoldMusic
from softphone.focus.room.admission import Namesakes
from softphone.focus.room.news import News
from softphone.focus.room.premises import Premises
from softphone.focus.room.recording import Recorder
from softphone.focus.session import Party, PartyStatus, TelephonySession
from softphone.media.contract.messages import RemoveRoom
from softphone.sip.message.message import Headers

__all__ = ["NO_MEDIA", "Room"]

log = structlog.get_logger()

NO_MEDIA = "no media"

# What a BYE says, by why the party leaves. RFC 3326; cause 102 is "recovery on timer expiry" (ITU-T Q.850).
BYE: Mapping[str, Headers] = {NO_MEDIA: [("Reason", 'Q.850;cause=102;text="no media"')]}


class Room(CallOwner):
    """Where the members of a running session are.

    Parameters
    ----------
    session
        What others see of it; kept up to date.
    room
        Its room on the worker.
    context
        The focus's side.
    rules
        What decides.

    Attributes
    ----------
    members
        Who is here, by party; the same parties as in `session`. Only :meth:`take` and :meth:`see_off` change it.
    premises
        Its rooms on the worker, that of each breakout group with it, and what is said there.
    """

    session: TelephonySession

    def __init__(self, session: TelephonySession, room: int, context: Context, rules: Session) -> None:
        self.session = session
        session.rules = rules
        self.room = room
        self.context = context
        self.rules = rules
        self.members: dict[str, Member] = {}
        self.news = News(session, context, rules)
        self.premises = Premises(context, self.members.get, room)
        self.spoken, self.announcer = self.premises.spoken, self.premises.announcer
        self.music = HoldMusic(context)
        self.recorder = Recorder(context, session.id, room, self.members.values)
        self.namesakes: Namesakes | None = None
        "Gives newcomers names of their own; None: they keep theirs."
        self.wound_up = asyncio.Event()
        "Set when the session has ended."
        self._came: dict[str, float] = {}
        self.asking: dict[str, tuple[Member, Party, Join | InviteAnswered]] = {}

    @property
    def ended(self) -> bool:
        """Whether the session has ended."""
        return self.wound_up.is_set()

    # Who comes.

    def arrive(self, party_id: str) -> Member:
        """Give the member that the rules let in or let wait; one that has asked is here from now on."""
        if party_id not in self.members:
            member, party, event = self.asking[party_id]
            party.facts = self.rules.parties.get(party_id)
            if self.namesakes is not None and not party.hidden:
                party.caller = replace(party.caller, name=self.namesakes.name(party))
            self.spoken.came(party.id, event.name)
            self.take(member, party)
        return self.members[party_id]

    def take(self, member: Member, party: Party) -> None:
        """Have a member from now on, as `party`; who had it has it no more."""
        member.pass_to(self, party)
        self.members[party.id] = member
        self._came[party.id] = self.context.clock()
        self.news.arrive(party)

    def progressed(self, party: Party, status: PartyStatus) -> None:
        """Note how far a party's call is, and tell it where that is new."""
        self.news.progressed(party, status)

    def member(self, party_id: str) -> Member:
        """Find a member.

        Raises
        ------
        NoSuchParty
        """
        try:
            return self.members[party_id]
        except KeyError:
            raise NoSuchParty(party_id) from None

    def identity(self, member: Member) -> Headers:
        """Tell the client which party of which session it is; the form is what clients parse, to the letter."""
        return [("p-rc-api-ids", f"party-id={member.party.id};session-id={self.session.id}")]

    # Who goes.

    def see_off(self, member: Member, reason: str, say: Sequence[Prompt] = ()) -> None:
        """Have a member no more; unless another keeper has it already, it hears a last word and gets BYE."""
        del self.members[member.party.id]
        self.news.leave(member.party)
        if self.namesakes is not None:
            self.namesakes.gone(member.party.id)
        if member.keeper is self:
            member.party.hung_up(reason)
            member.farewell(reason)
            Hangup(self.context, member, BYE.get(reason, ())).say(say)
        seconds = round(self.context.clock() - self._came.pop(member.party.id), 1)
        log.info("party_left", session=self.session.id, party=member.party.id, reason=reason, seconds=seconds)

    def wind_up(self, reason: str) -> None:
        """Give everything back when the rules have ended the session, and all have left."""
        self.wound_up.set()
        self.news.end()
        self.announcer.close()
        self.spoken.close()
        self.context.tasks.start(self._give_back())
        self.context.closed(self.session)
        log.info("session_ended", session=self.session.id, reason=reason)

    async def _give_back(self) -> None:
        await self.recorder.finish()
        await self.context.media.ask(RemoveRoom(self.room))
