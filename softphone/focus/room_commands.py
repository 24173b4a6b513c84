"""Commands to conferences beyond one party or one switch: to many parties at once, and labels."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixer.rules import effects, events, room_events
from softphone.errors import MediaError
from softphone.focus.commanding import Commands
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.measured import Measured
from softphone.focus.room.groups import open_groups
from softphone.focus.session import OUTSIDE, Party, TelephonySession, identity_of
from softphone.focus.words import role_named, selector_named
from softphone.media.contract.messages import GetStats
from softphone.sip.message.uri import spelled
from softphone.store.accounts import Accounts
from softphone.text import shown

__all__ = ["LONGEST_OWN_NAME", "GroupsStatus", "ManyOutcome", "RoomCommands", "number_of"]

# Of what somebody from outside calls itself, in characters.
LONGEST_OWN_NAME = 64

# What can be changed of many parties: as the rules are told, a role first, for what it lets be done.
CHANGES: Mapping[str, Callable[[str, Any], events.Change]] = {
    "role": lambda party, role: events.SetRole(party, role_named(role)),
    "muted": events.SetMuted,
    "deaf": events.SetDeaf,
    "held": events.SetHeld,
    "level_voice": lambda party, on: events.SetVolume(party, levelled=on),
    "labels": events.SetLabels,
    "group": events.SetGroup,
}


@dataclass(frozen=True, slots=True)
class GroupsStatus:
    """The breakout groups of a conference."""

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    "The name of each, number 1 first, and the ids of the parties in it."
    ends_in_s: float | None
    "When all return; None: when somebody ends them."
    may_return: bool
    "Whether who is in one may return by itself."


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
        room.command(room_events.SetAllowed(identities))
        return room.session

    def _identity(self, number: str) -> str:
        """Say what somebody of a number is known by: an extension is nobody from outside."""
        extension = self._accounts.find(number)
        return identity_of(spelled(number), None if extension is None else extension.id)

    async def change_many(self, session: str, which: str, changes: Mapping[str, Any], by: str = "") -> ManyOutcome:
        """Change the same of all who are chosen; raises NoSuchSession.

        Parameters
        ----------
        which
            Who is chosen, by the name of a `Selector` or ``host``, of those to whom it means something where they are:
            nobody is deafened in a lobby.
        changes
            By name: the keys of `CHANGES`, and the volumes ``volume_in_db`` and ``volume_out_db``.
        by
            The party that commands, which is none of the `Selector.OTHERS`.
        """
        told = [make("", changes[name]) for name, make in CHANGES.items() if name in changes]
        volumes = changes.get("volume_in_db"), changes.get("volume_out_db")
        if volumes != (None, None):
            told.append(events.SetVolume("", *volumes))
        return self._select(session, which, told, by)

    async def kick_many(self, session: str, which: str, *, ban: bool = False, by: str = "") -> ManyOutcome:
        """Send away all who are chosen, as in :meth:`change_many`; `ban`: they do not get in again."""
        return self._select(session, which, [events.Kick("", ban)], by)

    async def admit_many(self, session: str, which: str) -> ManyOutcome:
        """Let all who are chosen in from the lobby, as in :meth:`change_many`."""
        return self._select(session, which, [events.Admit("")])

    async def reject_many(self, session: str, which: str) -> ManyOutcome:
        """Send all who are chosen away from the lobby, as in :meth:`change_many`."""
        return self._select(session, which, [events.Reject("")])

    def _select(self, session: str, which: str, changes: Iterable[events.Change], by: str = "") -> ManyOutcome:
        command = events.Select(selector_named(which), tuple(changes), by)
        answer = self._focus.conference(session).handle(command)
        chosen = [name for effect in answer if isinstance(effect, effects.Selected) for name in effect.parties]
        denied = {effect.party for effect in answer if isinstance(effect, effects.Denied)}
        return ManyOutcome(
            tuple(name for name in chosen if name not in denied), tuple(name for name in chosen if name in denied)
        )

    def groups(self, session: str) -> GroupsStatus | None:
        """Show the breakout groups of a conference; None: it has none."""
        room = self._focus.conference(session)
        found = room.rules.groups
        if not found.names:
            return None
        there: list[list[str]] = [[] for _ in found.names]
        for party in room.session.parties.values():
            if party.group:
                there[party.group - 1].append(party.id)
        ends_in_s = None if found.ends is None else round(max(found.ends - self._focus.context.clock(), 0.0), 1)
        return GroupsStatus(tuple(zip(found.names, map(tuple, there), strict=True)), ends_in_s, found.may_return)

    async def open_groups(
        self,
        session: str,
        names: Sequence[str],
        parties: Sequence[Sequence[str]] | None = None,
        *,
        ends_in_s: float = 0.0,
        may_return: bool = True,
    ) -> None:
        """Open breakout groups of a conference, and send parties into them, without a new call.

        Parameters
        ----------
        names
            Of the groups, number 1 first; one may be empty.
        parties
            Who goes into which; None: all in the room but the hosts, dealt out evenly in the order they came.
        ends_in_s
            After this all return; 0: when somebody ends them.
        may_return
            Whether who is in a group may return by itself.

        Raises
        ------
        NoSuchSession, NoSuchParty
        WrongState
            There are groups already, or a party is not in the room.
        Overloaded
            The media worker takes no more rooms.
        """
        room = self._focus.conference(session)
        meant = None if parties is None else tuple(tuple(room.member(each).party.id for each in one) for one in parties)
        await open_groups(room, room_events.OpenGroups(tuple(names), meant, ends_in_s, may_return))

    async def end_groups(self, session: str, in_s: float = 0.0) -> None:
        """Let all return from the breakout groups, at once or in a while; raises WrongState: there are none."""
        self._focus.conference(session).command(room_events.EndGroups(in_s))

    async def send(self, session: str, party: str, group: int, *, own: bool = False) -> Party:
        """Send a party into a breakout group, 0: back to the main room.

        Parameters
        ----------
        own
            The party itself wants it.

        Raises
        ------
        NoSuchSession, NoSuchParty
        WrongState
            There is no such group, or the party is not in the room.
        NotAllowed
            The party may not go there by itself.
        """
        room = self._focus.room(session)
        value = room.member(party).party
        room.command(events.SetGroup(party, group, own))
        return value

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
        room.news.publish(EventType.PARTY_CHANGED, value.id, number=value.caller.number, name=name)
        return value
