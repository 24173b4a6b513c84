"""Commands to calls that ring, by whoever is called: to answer, to turn away, or to let the server take them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from mixer.rules.effects import Prompt
from softphone.focus.commanding import Commands
from softphone.focus.errors import NoSuchParty, WrongState
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.party.dialplan import DialTarget
from softphone.focus.party.outcome import refused
from softphone.focus.party.ringing import SentOn
from softphone.focus.room.attendant import Attended
from softphone.focus.room.dictation import Dictation
from softphone.focus.room.parking import ParkedUnanswered, check_orbit
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import TALKING, Party, PartyStatus
from softphone.sip.message.uri import spelled

__all__ = ["RingingCommands", "TurnAway"]

TurnAway = Literal["declined", "no answer"]

# How far a call is that rings no more.
DECIDED = (*TALKING, PartyStatus.DISCONNECTED, PartyStatus.GONE)

# As what it counts, as if its telephone had said so.
TURNED_AWAY: Mapping[TurnAway, int] = {"declined": 603, "no answer": 480}


class RingingCommands(Commands):
    """Commands about a party whose telephones ring; a part of `softphone.focus.call_commands.CallCommands`.

    All raise NoSuchSession, NoSuchParty, and WrongState where it does not ring.

    Parameters
    ----------
    focus
        Where the sessions are.
    """

    def __init__(self, focus: Focus) -> None:
        self._focus = focus

    async def answer(self, session: str, party: str, browser: bool | None = None) -> Party:
        """Let telephones of a party that rings answer by themselves, as far as they can; returns when one has.

        Parameters
        ----------
        browser
            Those that speak WebRTC, or those that do not; the others ring no more. None: all.

        Raises
        ------
        WrongState
            It does not ring, at none of these telephones, or nobody has answered in the end.
        """
        room, targets = self._ringing(session, party)
        chosen = [each for each in targets if browser in (None, each.browser)]
        if not chosen:
            raise WrongState("It rings at no such telephone")
        found, events = room.session.parties[party], self._focus.feed.subscribe()
        room.ringing.answer_at(chosen)
        async for event in events:
            if event.party == party and event.type is EventType.PARTY_STATUS and found.status in DECIDED:
                break
        if found.status not in TALKING:
            raise WrongState("Nobody has answered")
        return found

    async def turn_away(self, session: str, party: str, word: TurnAway = "declined", *, to: str = "") -> None:
        """Take a call that rings for a party away from its telephones.

        Parameters
        ----------
        word
            ``declined``: it is over. ``no answer``: it goes on as one that nobody answers.
        to
            A number that it goes on to instead, for which the party's extension answers.
        """
        room, _ = self._ringing(session, party)
        room.ringing.turn_away(SentOn(spelled(to)) if to else refused(TURNED_AWAY[word], word))

    async def attend(
        self, session: str, party: str, say: Sequence[Prompt], dictation: Dictation | None = None, mailbox: str = ""
    ) -> None:
        """Let the server take a call that rings for a party: its caller hears something, and may leave a message.

        Parameters
        ----------
        dictation, mailbox
            How a message is taken (None: none is, and the call ends), and the id of the extension that it is for.
        """
        room, _ = self._ringing(session, party)
        room.ringing.turn_away(Attended(say, dictation, mailbox))

    async def park(self, session: str, party: str, orbit: str) -> None:
        """Let the caller of a call that rings for a party wait with music, until an extension calls a number.

        Parameters
        ----------
        orbit
            The number.

        Raises
        ------
        WrongState
            It does not ring, or somebody is parked there, or the number leads elsewhere.
        """
        room, _ = self._ringing(session, party)
        rooms = self._focus.calls.values()
        check_orbit(rooms, room.dialer, orbit)
        room.ringing.turn_away(ParkedUnanswered(room, rooms, room.session.parties[party], orbit))

    def _ringing(self, session: str, party: str) -> tuple[CallRoom, list[DialTarget]]:
        room = self._focus.call(session)
        if party not in room.session.parties:
            raise NoSuchParty(party)
        targets = room.ringing.of(party)
        if not targets:
            raise WrongState("It does not ring")
        return room, targets
