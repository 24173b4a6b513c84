"""Provisional responses and early media to a caller, before its call is answered."""

import asyncio
from collections.abc import Callable

from softphone.focus.party.member import Member
from softphone.focus.room.room import Room

__all__ = ["CallerProgress"]

# What telephones say of a call that is not answered yet; anything else means progress (RFC 3261 section 21.1.5).
PASSED = (180, 181, 182, 183)


class CallerProgress:
    """Passes on to the caller of a call of two what the telephones of the called say.

    Parameters
    ----------
    room
        The call's.
    caller
        Gives the caller, while it waits; None: it waits no more.
    """

    def __init__(self, room: Room, caller: Callable[[], Member | None]) -> None:
        self.lock = asyncio.Lock()
        "Held while the caller is told something; who answers it holds it, too."
        self._room = room
        self._caller = caller
        self._passed: set[tuple[int, bool]] = set()
        self._early: Member | None = None

    async def pass_on(self, member: Member, status: int, answer: str | None) -> None:
        """Tell the caller what a telephone does, and let it hear the first that says something (RFC 3960 section 3)."""
        async with self.lock:
            caller = self._caller()
            if caller is None or member.gone:
                return
            heard = answer is not None and (self._early is None or self._early.gone or self._early is member)
            if heard and answer is not None:
                self._early = member
                if member.media.session.awaits_answer:
                    await member.media.accept(answer, early=True)
            said = (status if status in PASSED else 183, heard)
            if said not in self._passed:
                self._passed.add(said)
                await caller.progress(said[0], self._room.identity(caller), media=heard)
