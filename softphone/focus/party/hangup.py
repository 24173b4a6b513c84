"""The last moments of a call: a word to the party, and BYE."""

import asyncio
from collections.abc import Sequence

from mixer.rules.effects import Prompt
from softphone.focus.party.context import Context
from softphone.focus.party.member import CallOwner, Member
from softphone.sip.message.message import Headers

__all__ = ["PATIENCE_S", "Hangup"]

# A playback that never tells of its end must not keep the call.
PATIENCE_S = 2.0


class Hangup(CallOwner):
    """The last keeper of a member: it hangs up and gives the leg back.

    Parameters
    ----------
    context
        The focus's side.
    member
        Who leaves; taken from whoever has it.
    headers
        Of the BYE.
    """

    def __init__(self, context: Context, member: Member, headers: Headers = ()) -> None:
        self._context = context
        self._member = member
        self._headers = headers
        self._over = asyncio.Event()
        member.pass_to(self)

    def say(self, prompts: Sequence[Prompt] = ()) -> None:
        """Say something, soon, and then hang up and give the leg back."""
        self._member.take_out()
        self._context.tasks.start(self._leave(prompts))

    def keeps(self, member: Member) -> bool:
        """Say whether it is this member's."""
        return member is self._member

    def over(self, member: Member, reason: str) -> None:
        """Say no more: its call is over."""
        self._over.set()

    def silent(self, member: Member) -> None:
        """Say no more: nobody is there."""
        self._over.set()

    async def _leave(self, prompts: Sequence[Prompt]) -> None:
        member = self._member
        try:
            if prompts:
                await self._say(await member.ready(), prompts)
        finally:
            member.hang_up(self._headers)
            await member.close()

    async def _say(self, leg: int, prompts: Sequence[Prompt]) -> None:
        spoken = self._context.library.resolve(tuple(prompts))
        if not spoken.paths:
            return
        await self._context.playbacks.to_leg(leg, list(spoken.paths), lambda _reason: self._over.set())
        try:
            async with asyncio.timeout(spoken.seconds + PATIENCE_S):
                await self._over.wait()
        except TimeoutError:
            pass
