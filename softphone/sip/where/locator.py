"""Asking the DNS what :func:`softphone.sip.where.locate.locate` wants to know."""

import asyncio

from softphone.errors import SipNetworkError, UnresolvedName
from softphone.resolver import Resolver
from softphone.sip.transport.hop import Hop
from softphone.sip.where.locate import Answer, Question, Target, locate

__all__ = ["Locator"]


class Locator:
    """Finds the hops of targets."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def here(self, target: Target) -> list[Hop] | None:
        """Find what nobody has to be asked for; None: somebody has to. Raises SipNetworkError."""
        try:
            next(locate(target))
        except StopIteration as done:
            hops: list[Hop] = done.value
            return hops
        return None

    async def hops(self, target: Target) -> list[Hop]:
        """Find them, at least one, the best first.

        Raises
        ------
        SipNetworkError
            There are none; the message names the host and the reason.
        """
        located = locate(target)
        try:
            questions = next(located)
            while True:
                questions = located.send(list(await asyncio.gather(*map(self._answer, questions))))
        except StopIteration as done:
            hops: list[Hop] = done.value
            return hops
        except UnresolvedName as error:
            raise SipNetworkError(str(error)) from error

    async def close(self) -> None:
        """Give up what is being asked."""
        await self._resolver.close()

    async def _answer(self, question: Question) -> Answer:
        try:
            return await self._resolver.records(question.kind, question.name)
        except UnresolvedName as error:
            return error
