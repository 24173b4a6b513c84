"""Alice and Bob: two SIP stacks on a wire in memory and a clock that jumps."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from softphone.errors import CallEnded
from softphone.sip.ua.call import InviteSession
from softphone.testing.clock import run
from softphone.testing.wire import Ether, Rule, keep_all

OFFER, ANSWER = "v=0\r\no=offer\r\n", "v=0\r\no=answer\r\n"

Handler = Callable[[InviteSession], Awaitable[None]]


async def answering(call: InviteSession) -> None:
    await call.ring()
    await call.answer(ANSWER)


class Pair:
    """Alice calls Bob; what becomes of Bob's calls is noted."""

    def __init__(self, handler: Handler = answering, lost: Rule = keep_all) -> None:
        self.ether = Ether(lost)
        self.calls: list[InviteSession] = []
        self.ended: list[str] = []
        self.failed: list[Exception] = []
        self.handler = handler
        self.alice = self.ether.stack()
        self.bob = self.ether.stack(on_invite=self._on_invite)

    async def _on_invite(self, call: InviteSession) -> None:
        self.calls.append(call)
        call.on_ended = self.ended.append
        try:
            await self.handler(call)
        except CallEnded as error:
            self.failed.append(error)
            raise

    async def __aenter__(self) -> "Pair":
        await self.alice.start()
        await self.bob.start()
        return self

    async def __aexit__(self, *unused: object) -> None:
        await self.alice.stop()
        await self.bob.stop()

    async def call(self, **options: Any) -> InviteSession:
        uri = f"sip:bob@127.0.0.1:{self.bob.port}"
        return await self.alice.invite(uri, OFFER, from_uri='"Alice" <sip:alice@127.0.0.1>', **options)


def scene(work: Callable[[Pair], Coroutine[Any, Any, None]], *options: Any) -> Pair:
    pair = Pair(*options)

    async def play() -> None:
        async with pair:
            await work(pair)

    run(play())
    return pair


async def settle(seconds: float = 40.0) -> None:
    await asyncio.sleep(seconds)
