"""A running session: its members, the room they share on a worker, and its recording.

What a two-party call and a conference have in common; who may come in and what keys do is decided by the subclasses.
"""

import abc
from collections.abc import Mapping, Sequence

import structlog

from mixer.rules.effects import Prompt
from softphone.focus.context import Context, Header
from softphone.focus.errors import NoSuchParty
from softphone.focus.party.farewell import Farewell
from softphone.focus.party.member import Member
from softphone.focus.room.recording import Recorder, RecordingState
from softphone.focus.session import Party, PartyStatus, TelephonySession

__all__ = ["Room"]

log = structlog.get_logger()

NO_MEDIA = "no media"

# What a BYE says, by why the party leaves. RFC 3326; cause 102 is "recovery on timer expiry" (ITU-T Q.850).
BYE: Mapping[str, Sequence[Header]] = {NO_MEDIA: [("Reason", 'Q.850;cause=102;text="no media"')]}


class Room(abc.ABC):
    """A running session, the keeper of its members.

    Parameters
    ----------
    session
        What others see of it; kept up to date.
    room
        Its room on the worker.
    context
        The focus's side.

    Attributes
    ----------
    members
        Who is here, by party; the same parties as in `session`. Only :meth:`take` and :meth:`see_off` change it.
    """

    def __init__(self, session: TelephonySession, room: int, context: Context) -> None:
        self.session = session
        self.room = room
        self.context = context
        self.members: dict[str, Member] = {}
        self._came: dict[str, float] = {}
        self.recorder = Recorder(context, session.id, room, self.members.values)
        self.ended = False

    @abc.abstractmethod
    def set_muted(self, party_id: str, on: bool, *, own: bool = False) -> None:
        """Turn a microphone off or on; `own`: its party wants it, and decides about no other."""

    @abc.abstractmethod
    def key(self, member: Member, digit: str) -> None:
        """Take a pressed key."""

    @abc.abstractmethod
    def dismiss(self, member: Member, reason: str) -> None:
        """Let a member go, whoever wants that: the session goes on without it, if it can."""

    @abc.abstractmethod
    def close(self, reason: str) -> None:
        """End the session: BYE to all, the recording closed, the room given back."""

    def keeps(self, member: Member) -> bool:
        """Say whether a member is here."""
        return self.members.get(member.party.id) is member

    def lost(self, member: Member) -> None:
        """Go on without a member that another keeper has taken."""
        self.dismiss(member, "moved")

    def over(self, member: Member, reason: str) -> None:
        """Take notice that a member's call is over."""
        self.dismiss(member, reason)

    def silent(self, member: Member) -> None:
        """Take notice that no media came from a member for too long."""
        log.info("no_media", session=self.session.id, party=member.party.id)
        self.dismiss(member, NO_MEDIA)

    def talking(self, member: Member, on: bool) -> None:
        """Take notice that a member began or ceased to talk."""
        member.party.talking = on
        self.recorder.talking(member.party.id, on)

    async def record(self, *, on: bool) -> RecordingState:
        """Start or stop the recording; starting twice is no error.

        Raises
        ------
        WrongState
            There is no recording to stop, or none can be made.
        """
        return await (self.recorder.start() if on else self.recorder.stop())

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

    def take(self, member: Member, party: Party) -> None:
        """Have a member from now on, as `party`; who had it has it no more."""
        member.pass_to(self, party)
        self.members[party.id] = member
        self._came[party.id] = self.context.clock()
        self.session.arrive(party)

    def see_off(self, member: Member, reason: str, say: Sequence[Prompt] = ()) -> None:
        """Have a member no more; unless another keeper has it already, it hears a last word and gets BYE."""
        del self.members[member.party.id]
        self.session.parties.pop(member.party.id, None)
        if member.keeper is self:
            member.party.status = PartyStatus.DISCONNECTED
            Farewell(self.context, member, BYE.get(reason, ())).say(say)
        seconds = round(self.context.clock() - self._came.pop(member.party.id), 1)
        log.info("party_left", session=self.session.id, party=member.party.id, reason=reason, seconds=seconds)

    def identity(self, member: Member) -> Sequence[Header]:
        """Tell the client which party of which session it is; the form is what clients parse, to the letter."""
        return [("p-rc-api-ids", f"party-id={member.party.id};session-id={self.session.id}")]

    def wind_up(self, reason: str) -> None:
        """Give everything back when nobody is here any more."""
        self.ended = True
        self.context.tasks.start(self._give_back())
        self.context.closed(self, reason)
        log.info("session_ended", session=self.session.id, reason=reason)

    async def _give_back(self) -> None:
        await self.recorder.finish()
        await self.context.media.remove_room(self.room)
