"""Voice events of the members of a room: talking, dominant, talking while muted, echo."""

from collections.abc import Callable

from mixer.rules import events
from softphone.focus.feed import EventType
from softphone.focus.party.member import Member
from softphone.focus.room.news import News
from softphone.focus.room.recording import Recorder
from softphone.focus.session import TelephonySession
from softphone.media.contract.leg import LegDominant, LegEchoing, LegInVain, LegTalking, LegVoice

__all__ = ["Voices"]


class Voices:
    """Tells of the voices of a room.

    Parameters
    ----------
    session, recorder, news
        Of the room.
    handle
        Tells its rules.
    """

    def __init__(
        self,
        session: TelephonySession,
        recorder: Recorder,
        news: News,
        handle: Callable[[events.Event], object],
    ) -> None:
        self._session, self._recorder = session, recorder
        self._news, self._handle = news, handle

    def take(self, member: Member, event: LegVoice) -> None:
        """Take what the worker hears of a member."""
        match event:
            case LegTalking(on=on):
                self._talking(member, on)
            case LegDominant(on=on):
                self._dominant(member, on)
            case LegEchoing(on=on):
                member.party.echoing = on
                self._news.publish(EventType.PARTY_ECHOING, member.party.id, on=on)
            case LegInVain():
                self._in_vain(member)

    def _talking(self, member: Member, on: bool) -> None:
        member.party.talking = on
        if not member.party.group:
            self._recorder.talking(member.party.id, on)
        self._news.publish(EventType.PARTY_TALKING, member.party.id, on=on)
        self._handle(events.Talking(member.party.id, on))

    def _dominant(self, member: Member, on: bool) -> None:
        """Tell who has the floor; who has come from another room may yet be told to have lost that of there."""
        party, session = member.party, self._session
        if not (on or party.dominant):
            return
        party.dominant = on
        if on and not party.group:
            session.dominant = party.id
        elif session.dominant == party.id:
            session.dominant = None
        self._news.publish(EventType.PARTY_DOMINANT, party.id, on=on)

    def _in_vain(self, member: Member) -> None:
        """Let the rules tell who talks while it is muted; what a telephone plays that holds the call is no talk."""
        if not member.media.held:
            self._handle(events.SpokeMuted(member.party.id))
