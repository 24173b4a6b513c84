"""The sound quality of parties, from the statistics of their legs: few are read at a time, to spare the worker."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from softphone.errors import MediaError
from softphone.focus.party.member import Member
from softphone.focus.room.room import Room
from softphone.media.contract.leg import LegStats
from softphone.media.contract.messages import GetStats

__all__ = ["AT_ONCE", "Quality", "QualityWatch", "quality_of"]

Quality = Literal["good", "fair", "poor"]

# Of packets lost on either way, and milliseconds of jitter: above these sound suffers, or is hard to follow.
FAIR, POOR = (0.02, 60.0), (0.08, 200.0)

# Parties of a room that are looked at in one round; in a large room each has its turn.
AT_ONCE = 20


def quality_of(before: LegStats, now: LegStats) -> Quality | None:
    """Say how well the sound of a leg came through between two readings; None: nothing was to come."""
    came, lost = now.packets_received - before.packets_received, max(now.lost - before.lost, 0)
    if came + lost <= 0:
        return None
    share = max(lost / (came + lost), (now.remote_loss_percent or 0.0) / 100)
    if share > POOR[0] or now.jitter_ms > POOR[1]:
        return "poor"
    return "fair" if share > FAIR[0] or now.jitter_ms > FAIR[1] else "good"


class QualityWatch:
    """Watches a room.

    Parameters
    ----------
    room
        Whose parties are looked at.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._read: dict[str, tuple[int, LegStats]] = {}
        self._found: dict[str, Quality | None] = {}
        self._last = 0

    def of(self, party: str) -> Quality | None:
        """Give what was found of a party; None: nothing yet."""
        return self._found.get(party)

    async def look(self) -> list[str]:
        """Look at the next parties; give the ids of those of whom it is another than before."""
        self._forget()
        chosen = self._next()
        read = await asyncio.gather(*(self._stats(member) for member in chosen))
        return [member.party.id for member, stats in zip(chosen, read, strict=True) if self._note(member, stats)]

    def _next(self) -> Sequence[Member]:
        members = [each for each in self._room.members.values() if each.leg is not None]
        if len(members) <= AT_ONCE:
            return members
        start = self._last % len(members)
        self._last = start + AT_ONCE
        return (members + members)[start : start + AT_ONCE]

    async def _stats(self, member: Member) -> LegStats | None:
        try:
            return await self._room.context.media.ask(GetStats(member.leg or 0))
        except MediaError:
            return None

    def _note(self, member: Member, now: LegStats | None) -> bool:
        party, leg = member.party.id, member.leg
        if not isinstance(now, LegStats) or leg is None:
            return False
        known = self._read.get(party)
        self._read[party] = leg, now
        if known is None or known[0] != leg:
            return False
        found = quality_of(known[1], now)
        was = self._found.get(party)
        self._found[party] = found
        return found != was

    def _forget(self) -> None:
        for gone in self._read.keys() - self._room.members.keys():
            del self._read[gone]
            self._found.pop(gone, None)
