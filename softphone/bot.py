"""Bots: a class whose methods handle the events of a call.

::

    class Echo(Bot):
        async def on_frame(self, frame):
            await self.call.write(frame)

    asyncio.run(run_bot(Echo(), "sip:conf_...@127.0.0.1:5060"))
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from softphone.agent import Agent, Call, CallState
from softphone.errors import CallEnded

__all__ = ["Bot", "run_bot", "serve_bot"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class Bot:
    """Override what you need. All methods run in one event loop; a slow one delays only this bot.

    One that blocks the loop (``time.sleep``, a model that computes) delays every call of the process: give such work to
    ``asyncio.to_thread``.

    Attributes
    ----------
    call
        The call that the bot is in; there from :meth:`on_joined` on.
    """

    call: Call
    _taken = False

    @property
    def dropped(self) -> int:
        """Number of 20 ms frames that the bot lost because it or its event loop was too slow."""
        return self.call.dropped

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run something beside the frames: it is cancelled when the call ends, and what it raises is logged once.

        Raises
        ------
        CallEnded
            The call is over.
        """
        return self.call.spawn(work)

    async def on_joined(self) -> None:
        """Act when the call is answered; frames and keys come when it returns.

        What runs on beside them is for :meth:`spawn`. What was typed meanwhile is kept, what was heard is not.
        """

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        """Handle 20 ms of received audio: int16, shape (samples,), ``self.call.rate`` Hz.

        After a second of delay frames are left out, and the ``gap`` of the next one says how many
        (:class:`softphone.Frame`).
        """

    async def on_key(self, key: str) -> None:
        """Handle a DTMF digit of the peer: one of ``0-9 * # A-D``."""

    async def on_hangup(self, reason: str) -> None:
        """Handle the end of the call, whichever side ended it; called last."""


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

    Any number may run in one event loop: they share one media plane.

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
    TypeError
        `bot` is no bot, but its class for example, or one of its methods is not async.
    RuntimeError
        It is in another call.
    Exception
        Whatever a method of the bot raised; the call is hung up then.
    """
    with _taken(bot) as taken:
        async with Agent(identity, password=password, registrar=registrar) as agent:
            bot.call = await agent.invite(uri, headers=headers)
            taken.close()
            return await _converse(bot, duration_s)


async def serve_bot(
    make: Callable[[], Bot],
    *,
    identity: str = "sip:bot@127.0.0.1",
    password: str | None = None,
    registrar: str | None = None,
    host: str | None = None,
    port: int = 0,
    max_calls: int = 32,
    duration_s: float | None = None,
    on_ready: Callable[[Agent], object] | None = None,
) -> None:
    """Answer every call with a bot of its own, until cancelled; then hang up, unregister and return by CancelledError.

    What a bot raises is logged, and ends its own call only.

    Parameters
    ----------
    make
        Makes a bot: a class of bots, or a function. Called once for each call; when it raises, the caller gets 500.
    identity, password, registrar, host, port, max_calls
        Who and where the bots are, see :class:`softphone.Agent`.
    duration_s
        Hang up after so many seconds in a call.
    on_ready
        Called with the agent when it listens and is registered.

    Raises
    ------
    OSError, SipError
        As entering an :class:`softphone.Agent`.
    TypeError
        `make` makes nothing: it is one bot, for example.
    """
    if not callable(make):
        raise TypeError(f"every call has a bot of its own: give its class, or what makes one, not {make!r}")

    async def answer(call: Call) -> None:
        with _taken(bot := make()) as taken:
            await call.accept()
            log.info("%s takes the call of %s", type(bot).__name__, call.remote_uri)
            bot.call = call
            taken.close()
            await _converse(bot, duration_s)

    async with Agent(
        identity,
        password=password,
        registrar=registrar,
        host=host,
        port=port,
        max_calls=max_calls,
        on_call=answer,
    ) as agent:
        if on_ready is not None:
            on_ready(agent)
        await asyncio.get_running_loop().create_future()


def _taken(bot: Bot) -> ExitStack:
    """Take a bot for a call, until this is closed: when it is in the call, or there will be none."""
    if not isinstance(bot, Bot):
        raise TypeError(f"a bot is wanted, an instance of a class of bots, not {bot!r}")
    if bot._taken or (hasattr(bot, "call") and bot.call.state is not CallState.ENDED):
        raise RuntimeError("the bot is in a call: another one needs a bot of its own")
    bot._taken, taken = True, ExitStack()
    taken.callback(setattr, bot, "_taken", False)
    return taken


async def _told(bot: Bot, method: str, *what: object) -> None:
    """Call a method of a bot, which has to be async: others are told so, instead of what Python makes of them."""
    work: Awaitable[object] = getattr(bot, method)(*what)
    if not inspect.isawaitable(work):
        raise TypeError(f"{type(bot).__name__}.{method} is not async: write `async def {method}`")
    await work


async def _converse(bot: Bot, duration_s: float | None) -> str:
    """Run a bot for the length of its call; returns the reason of its end."""
    call = bot.call
    limit = asyncio.timeout(duration_s)
    try:
        async with limit:
            await _live(bot)
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        await call.hangup()
        reason = await call.wait_ended()
        await _told(bot, "on_hangup", reason)
    return reason


async def _live(bot: Bot) -> None:
    """Run the bot's methods until the call is over; the first one that fails ends the others."""
    keys: asyncio.Queue[str] = asyncio.Queue()
    bot.call.on_key = keys.put_nowait

    async def press() -> None:
        while True:
            await _told(bot, "on_key", await keys.get())

    async def hear() -> None:
        async for frame in bot.call.frames():
            await _told(bot, "on_frame", frame)

    await _until_first(_told(bot, "on_joined"), bot.call.wait_ended())
    # Frames that nobody hears would be counted as missed.
    hears = type(bot).on_frame is not Bot.on_frame or "on_frame" in vars(bot)
    await _until_first(hear() if hears else bot.call.wait_ended(), press())


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
