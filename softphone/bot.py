"""Bots: a class whose methods are what happens in a call.

::

    class Echo(Bot):
        async def on_frame(self, frame):
            await self.call.write(frame)

    asyncio.run(run_bot(Echo(), "sip:conf_...@127.0.0.1:5060"))
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone.agent import Agent, Call
from softphone.errors import CallEnded

__all__ = ["Bot", "run_bot"]


class Bot:
    """Override what you need. All methods run in one event loop; a slow one delays only this bot.

    Attributes
    ----------
    call
        The call that the bot is in; there from :meth:`on_joined` on.
    """

    call: Call

    async def on_joined(self) -> None:
        """Act when the call is answered, before the first frame. What runs on beside the frames goes into a task."""

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        """Hear 20 ms: int16, shape (samples,), ``self.call.rate`` Hz. After a second of delay frames are skipped."""

    async def on_key(self, key: str) -> None:
        """Act on a key of the peer: one of ``0-9 * # A-D``."""

    async def on_hangup(self, reason: str) -> None:
        """Act when the call is over, whoever ended it; the last thing that is called."""


async def run_bot(
    bot: Bot,
    uri: str,
    *,
    identity: str = "sip:bot@127.0.0.1",
    password: str | None = None,
    registrar: str | None = None,
    duration_s: float | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> str:
    """Call `uri`, run the bot until the call is over, and return the reason of its end.

    Parameters
    ----------
    bot
        The bot; one call at a time.
    uri
        Whom to call.
    identity, password, registrar
        Who the bot is, see :class:`softphone.Agent`.
    duration_s
        Hang up after so many seconds in the call.
    headers
        Further headers of the INVITE.

    Raises
    ------
    SoftphoneError
        The call did not come about, see :meth:`softphone.Agent.invite`.
    Exception
        Whatever a method of the bot raised; the call is hung up then.
    """
    async with Agent(identity, password=password, registrar=registrar) as agent:
        bot.call = await agent.invite(uri, headers=headers)
        limit = asyncio.timeout(duration_s)
        try:
            async with limit:
                await _live(bot)
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            await bot.call.hangup()
            reason = await bot.call.wait_ended()
            await bot.on_hangup(reason)
        return reason


async def _live(bot: Bot) -> None:
    """Run the bot's methods until the call is over; the first one that fails ends the others."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    frames = bot.call.frames()
    bot.call.on_key = keys.put_nowait

    async def press() -> None:
        while True:
            await bot.on_key(await keys.get())

    async def hear() -> None:
        async for frame in frames:
            await bot.on_frame(frame)

    await _until_first(bot.on_joined(), bot.call.wait_ended())
    await _until_first(hear(), press())


async def _until_first(*works: Coroutine[Any, Any, object]) -> None:
    """Run until one of them is done, cancel the others, and raise what the first one raised.

    That the call ended while the bot was speaking is nobody's mistake.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    with suppress(CallEnded):
        for task in done:
            task.result()
