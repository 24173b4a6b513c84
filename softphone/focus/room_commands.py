"""What rooms are asked for beyond one party or one switch: many at once, and what is written on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mixer.rules import effects, events
from mixer.rules.roles import Selector
from softphone.focus.commanding import Commands
from softphone.focus.focus import Focus
from softphone.focus.session import Party

__all__ = ["ManyOutcome", "RoomCommands"]


@dataclass(frozen=True, slots=True)
class ManyOutcome:
    """What became of a command for many: ids of parties, in the order they came."""

    parties: tuple[str, ...]
    "Of whom it is so now."
    refused: tuple[str, ...]
    "Chosen, but the rules did not let it be done to them."


class RoomCommands(Commands):
    """Commands to conferences, as part of `Control`.

    Parameters
    ----------
    focus
        Where the conferences are.
    """

    def __init__(self, focus: Focus) -> None:
        self._focus = focus

    async def select(self, session: str, which: Selector, *changes: events.Change, by: str = "") -> ManyOutcome:
        """Do the same to all who are chosen; raises NoSuchSession.

        Parameters
        ----------
        which
            Who is chosen, of those to whom it means something where they are: nobody is deafened in a lobby.
        changes
            Events of the rules, their party left out.
        by
            The party that commands, which is none of the `Selector.OTHERS`.
        """
        answer = self._focus.conference(session).handle(events.Select(which, changes, by))
        chosen = [name for effect in answer if isinstance(effect, effects.Selected) for name in effect.parties]
        denied = {effect.party for effect in answer if isinstance(effect, effects.Denied)}
        return ManyOutcome(
            tuple(name for name in chosen if name not in denied), tuple(name for name in chosen if name in denied)
        )

    async def label(self, session: str, party: str, labels: Mapping[str, str | None]) -> Party:
        """Write on a party, in a conference or a call: those that are not named stay, None takes one off.

        Raises
        ------
        NoSuchSession, NoSuchParty
        WrongState
            More would be written on it than one party bears.
        """
        room = self._focus.room(session)
        value = room.member(party).party
        room.command(events.SetLabels(party, labels))
        return value
