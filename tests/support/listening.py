"""A TCP server of a test: at its end no connection is left, which would be a warning in a test that comes later."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.processes import LOOPBACK

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Steps of the event loop between the taking of a connection and its handler.
STEPS = 10


@asynccontextmanager
async def listening(handle: Handler) -> AsyncIterator[int]:
    """Serve on a free port, which is given; each connection is closed when `handle` returns, and that is waited for."""
    running: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]
        for _ in range(STEPS):
            await asyncio.sleep(0)
    await asyncio.gather(*(task for task in running if task is not None), return_exceptions=True)
