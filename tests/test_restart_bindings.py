"""The server is killed while telephones are registered: the next one calls them."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from softphone import Agent, Call
from tests.support.processes import ServerProcess, port_block
from tests.support.recordings import until


def is_kept(database: Path, user: str) -> bool:
    """It is written behind the registrar's back: what the last moment brought is lost with a kill."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute("SELECT 1 FROM bindings WHERE user_name = ?", (user,)).fetchall())


async def test_a_telephone_rings_after_the_server_was_killed(tmp_path: Path) -> None:
    came: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        came.put_nowait(call)

    def start() -> ServerProcess:
        return ServerProcess(tmp_path, "--workers", "1", "--sip-port", str(port))

    port = port_block()
    server = await asyncio.to_thread(start)
    async with Agent("sip:102@127.0.0.1", password="dev-102", registrar=server.sip_uri, on_call=answer):
        await until(lambda: is_kept(tmp_path / "data" / "softphone.db", "102"))
        server.process.kill()
        server.stop()
        with await asyncio.to_thread(start) as server:
            async with Agent("sip:101@127.0.0.1", password="dev-101") as caller:
                await asyncio.wait_for(caller.invite(server.call_uri("102")), 30)
                await asyncio.wait_for(came.get(), 30)
