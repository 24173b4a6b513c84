"""announce_caller_name: a caller says its name, and the room hears it when the caller comes."""

import asyncio
from pathlib import Path

import pytest

from softphone.server import Server
from tests.focus.phone import extension
from tests.focus.table import TONES, Table, expect, sounding_bridge, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def occupied(server: Server) -> int:
    return sum(len(each.parties) for each in server.control.conferences())


async def test_a_name_is_asked_recorded_and_played_to_the_room(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        await server.store.set_properties(extension(server, "202").id, {"announce_caller_name": True})
        first = await table.call("101", "202", speak=False)
        await first.call.send_keys("#")
        await until(lambda: occupied(server) == 1)
        names = tmp_path / "data" / "names"
        assert not list(names.iterdir())
        second = await table.call("102", "202")
        await until(lambda: list(names.iterdir()))
        await asyncio.sleep(3.0)
        await second.fall_silent()
        await second.call.send_keys("#")
        await until(lambda: occupied(server) == 2)
        await expect(first.call, {TONES[1]})
        (session,) = server.control.conferences()
        await server.control.end(session.id)
        await until(lambda: not list(names.iterdir()))
