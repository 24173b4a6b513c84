"""A running session: its members, the room they share on a worker, and its recording.

What a two-party call and a conference have in common; who may come in and what keys do is decided by the subclasses.
"""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from softphone.focus.context import Context, Header, quietly
from softphone.focus.errors import NoSuchParty
from softphone.focus.member import Member
from softphone.focus.recording import Recorder
from softphone.focus.session import Party, PartyStatus, TelephonySession

if TYPE_CHECKING:
    from softphone.sip.call import Call

__all__ = ["NO_MEDIA", "Room"]

log = structlog.get_logger()

# RFC 3326; cause 102 is "recovery on timer expiry" (ITU-T Q.850).
NO_MEDIA = [("Reason", 'Q.850;cause=102;text="no media"')]


class Room(abc.ABC):
    """A running session.

    Parameters
    ----------
    session
        What others see of it; kept up to date.
    room
        Its room on the worker.
    context
        The focus's side.
    """

    def __init__(self, session: TelephonySession, room: int, context: Context) -> None:
        self.session = session
        self.room = room
        self.context = context
        self.members: dict[str, Member] = {}
        self.recorder = Recorder(context, session.id, room, self.members.values)
        self.ended = False

    @abc.abstractmethod
    def set_muted(self, party_id: str, on: bool) -> None:
        """Turn a microphone off or on."""

    @abc.abstractmethod
    def key(self, member: Member, digit: str) -> None:
        """Take a pressed key."""

    @abc.abstractmethod
    def dismiss(self, member: Member, reason: str, headers: Sequence[Header] = ()) -> None:
        """Send a member away: BYE, and the session goes on without it, if it can."""

    @abc.abstractmethod
    def over(self, member: Member, reason: str) -> None:
        """Take notice that a member's call is over."""

    def silent(self, member: Member) -> None:
        """Take notice that no media came from a member for too long."""
        log.info("no_media", session=self.session.id, party=member.party.id)
        self.dismiss(member, "no media", NO_MEDIA)

    def talking(self, member: Member, on: bool) -> None:
        """Take notice that a member began or ceased to talk."""
        member.party.talking = on
        self.recorder.talking(member.party.id, on)

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

    def attach(self, party: Party, call: "Call | None") -> Member:
        """Make a call a member of the room and listen to what becomes of it."""
        member = Member(party, self, self.context, room=self.room, call=call)
        self.enrol(member)
        return member

    def enrol(self, member: Member) -> None:
        """Make a member this room's."""
        member.keeper = self
        self.members[member.party.id] = member
        self.session.parties[member.party.id] = member.party

    def strike(self, party_id: str) -> Member | None:
        """Make a member this room's no more; None when it is none."""
        self.session.parties.pop(party_id, None)
        return self.members.pop(party_id, None)

    def identity(self, member: Member) -> Sequence[Header]:
        """Tell the client which party of which session it is; the form is what clients parse, to the letter."""
        return [("p-rc-api-ids", f"party-id={member.party.id};session-id={self.session.id}")]

    def release(self, member: Member) -> bool:
        """Forget a member and give its leg back; whether it was still there."""
        if self.strike(member.party.id) is None:
            return False
        member.party.status = PartyStatus.DISCONNECTED
        self.context.tasks.start(quietly(member.close()))
        return True

    def close(self, reason: str) -> None:
        """End the session: BYE to all, the recording closed, the room given back."""
        if self.ended:
            return
        self.ended = True
        for member in list(self.members.values()):
            member.hang_up()
            self.release(member)
        self.context.tasks.start(quietly(self._give_back()))
        self.context.closed(self, reason)
        log.info("session_ended", session=self.session.id, reason=reason)

    async def _give_back(self) -> None:
        await self.recorder.finish()
        await self.context.media.remove_room(self.room)
