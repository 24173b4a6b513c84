"""What rooms are asked for beyond one party or one switch: many at once, and what is written on them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from mixer.rules import effects, events
from mixer.rules.roles import Selector
from softphone.errors import MediaError
from softphone.focus.commanding import Commands
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.measured import Measured
from softphone.focus.session import OUTSIDE, Party, TelephonySession, identity_of
from softphone.media.contract.messages import GetStats
from softphone.sip.message.uri import spelled
from softphone.store.accounts import Accounts
from softphone.text import shown

__all__ = ["LONGEST_OWN_NAME", "ManyOutcome", "RoomCommands", "number_of"]

# Of what somebody from outside calls itself, in characters.
LONGEST_OWN_NAME = 64


@dataclass(frozen=True, slots=True)
class ManyOutcome:
    """What became of a command for many: ids of parties, in the order they came."""

    parties: tuple[str, ...]
    "Of whom it is so now."
    refused: tuple[str, ...]
    "Chosen, but the rules did not let it be done to them."


def number_of(identity: str, accounts: Accounts) -> str:
    """Give the number of somebody who is known by an identity, in a ban or on a list."""
    extension = accounts.by_id(identity)
    return identity.removeprefix(OUTSIDE) if extension is None else extension.number


class RoomCommands(Commands):
    """Commands to conferences, as part of `Control`.

    Parameters
    ----------
    focus
        Where the conferences are.
    accounts
        Whose they are.
    """

    def __init__(self, focus: Focus, accounts: Accounts) -> None:
        self._focus = focus
        self._accounts = accounts

    def allowed(self, session: str) -> list[str] | None:
        """List the numbers that come into a conference by themselves; None: all do."""
        listed = self._focus.conference(session).rules.allowed
        return None if listed is None else sorted({number_of(identity, self._accounts) for identity in listed})

    async def allow(self, session: str, numbers: Collection[str] | None) -> TelephonySession:
        """Let in only these numbers, of extensions or from outside, besides hosts and whom somebody lets in; None: all.

        Who is there stays. The number of somebody from outside is what its call says: as good as who passes it on.
        """
        identities = None if numbers is None else frozenset(map(self._identity, numbers))
        room = self._focus.conference(session)
        room.command(events.SetAllowed(identities))
        return room.session

    def _identity(self, number: str) -> str:
        """Say what somebody of a number is known by: an extension is nobody from outside."""
        extension = self._accounts.find(number)
        return identity_of(spelled(number), None if extension is None else extension.id)

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

    async def measured(self, session: str, party: str) -> Measured:
        """Tell what the sound of a party goes through; raises WrongState when it has no leg."""
        member = self._focus.room(session).member(party)
        if member.leg is None:
            raise WrongState("The party has no media yet")
        try:
            return Measured.of(await self._focus.context.media.ask(GetStats(member.leg)))
        except MediaError as error:
            raise WrongState(str(error)) from error

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

    async def rename(self, session: str, party: str, name: str) -> Party:
        """Show a party under another name, which nobody else bears; an extension keeps its own.

        Raises
        ------
        NoSuchSession, NoSuchParty
        WrongState
            Nothing of the name can be shown, or it is an extension's.
        """
        room, name = self._focus.conference(session), shown(name, LONGEST_OWN_NAME)
        value = room.member(party).party
        if not name or value.extension_id is not None:
            raise WrongState("The name of an extension stays" if name else "This name shows nothing")
        if room.namesakes is not None:
            room.namesakes.gone(value.id)
            value.caller = replace(value.caller, name=name)
            name = room.namesakes.name(value)
        value.caller = replace(value.caller, name=name)
        room.publish(EventType.PARTY_CHANGED, value.id, number=value.caller.number, name=name)
        return value
