"""A transport on real sockets with what came to it, and streams to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from softphone.sip.transport.connection import Limits
from softphone.sip.transport.hop import Hop
from softphone.sip.transport.sockets import SocketTransport
from tests.sip.wire import invite_bytes

INVITE = invite_bytes(Content_Length="0")
Arrivals = asyncio.Queue[tuple[bytes, Hop]]
# How long what must come may take where others keep the machine busy.
PATIENCE_S = 30.0


class Node:
    """A transport with what came to it and what it could not send."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.came: Arrivals = asyncio.Queue()
        self.failed: asyncio.Queue[str | None] = asyncio.Queue()
        self.handle: Callable[[bytes, Hop], None] = lambda data, source: self.came.put_nowait((data, source))
        self.transport = SocketTransport(lambda data, source: self.handle(data, source), self.failed.put_nowait, limits)

    def at(self, transport: str) -> Hop:
        return Hop(transport, "127.0.0.1", self.transport.port)

    async def next(self) -> tuple[bytes, Hop]:
        return await asyncio.wait_for(self.came.get(), PATIENCE_S)

    async def next_failed(self) -> str | None:
        return await asyncio.wait_for(self.failed.get(), PATIENCE_S)


@contextlib.asynccontextmanager
async def node(limits: Limits | None = None) -> AsyncIterator[Node]:
    made = Node(limits)
    await made.transport.start()
    try:
        yield made
    finally:
        await made.transport.stop()


@contextlib.asynccontextmanager
async def stream(to: Node) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", to.transport.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, which is a reset where the other side has left something unread."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_S):
            while more := await reader.read(65536):
                came += more
    return came
