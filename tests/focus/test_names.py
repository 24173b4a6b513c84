"""announce_caller_name: a caller says its name, and the room hears it when the caller comes."""

import wave
from pathlib import Path

import pytest

from softphone.server import Server
from tests.focus.phone import extension
from tests.focus.table import CONFNO, TONES, Table, expect, sounding_bridge, until, write_tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]


def occupied(server: Server) -> int:
    return sum(len(each.parties) for each in server.control.conferences())


def seconds(file: Path) -> float:
    if not file.stat().st_size:  # made just now
        return 0.0
    with wave.open(str(file)) as sound:
        return float(sound.getnframes() / sound.getframerate())


async def test_a_name_is_asked_recorded_and_played_to_the_room(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        await server.store.set_properties(extension(server, "202").id, {"announce_caller_name": True})
        prompt, names = tmp_path / "pack" / "vm-rec-name.wav", tmp_path / "data" / "names"
        # Somebody who presses # while the name is asked for says none.
        write_tone(prompt, CONFNO, 15.0)
        first = await table.call("101", "202", speak=False)
        await expect(first.call, {CONFNO})
        await first.call.send_keys("#")
        await until(lambda: occupied(server) == 1)
        assert not list(names.iterdir())
        write_tone(prompt, 0.0, 0.02)
        second = await table.call("102", "202")
        await until(lambda: [file for file in names.iterdir() if seconds(file) > 3.0])
        await second.fall_silent()
        await second.call.send_keys("#")
        await until(lambda: occupied(server) == 2)
        await expect(first.call, {TONES[1]})
        (session,) = server.control.conferences()
        await server.control.end(session.id)
        await until(lambda: not list(names.iterdir()))
