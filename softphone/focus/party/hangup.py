"""The last moments of a call: a word to the party, and BYE."""

import asyncio
from collections.abc import Sequence

from mixer.rules.effects import Prompt
from softphone.focus.party.context import Context
from softphone.focus.party.member import CallOwner, Member
from softphone.sip.message.message import Headers

__all__ = ["Hangup"]


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
                spoken = self._context.library.resolve(tuple(prompts))
                await self._context.playbacks.say(await member.ready(), spoken, self._over)
        finally:
            member.hang_up(self._headers)
            await member.close()
