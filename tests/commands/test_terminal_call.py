"""``softphone call`` on a terminal, in a conference: it shows who is there, and a host's keys reach the bridge."""

import asyncio
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from softphone import Agent, Call, ConferenceState, ConferenceUser
from softphone.commands.screen import Screen
from tests.commands.test_commands import read_until, started
from tests.focus.table import sounding_bridge


async def pressed(terminal: int, key: bytes, call: Call, done: Callable[[ConferenceState], bool]) -> None:
    """Press a key, and wait until the roster that somebody else sees is as it says."""
    os.write(terminal, key)
    async for state in call.roster():
        if done(state):
            break


async def test_a_host_sees_the_roster_and_commands_by_single_keys(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = pty.openpty()
    async with sounding_bridge(tmp_path) as server:
        session = await server.control.create(server.accounts.extensions["101"])
        uri = f"sip:{session.token}@127.0.0.1:{server.stack.port}"
        ben = Agent('"Ben [/red]" <sip:102@127.0.0.1>', password="dev-102")
        words = ("call", uri, "--user", "101", "--password", "dev-101", "--play", "tone:440")
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        try:
            async with ben, started(*words, **streams) as process:
                call = await ben.invite(uri)
                await read_until(ours, b"Host")
                await pressed(ours, b"x", call, lambda state: any(user.muted for user in state.users))
                await read_until(ours, b"muted")
                os.write(ours, b"h")
                await read_until(ours, b"on hold")
                loop.add_reader(ours, os.read, ours, 65_536)  # a terminal that nobody reads would hold the program up
                await pressed(ours, b"l", call, lambda state: state.locked is True)
                await pressed(ours, b"o", call, lambda state: state.locked is False)
                await pressed(ours, b"u", call, lambda state: not any(user.muted for user in state.users))
                os.write(ours, b"q")
                assert await asyncio.wait_for(process.wait(), 30) == 0
        finally:
            loop.remove_reader(ours)
            os.close(ours)
            os.close(theirs)


@pytest.mark.parametrize("count", [0, 16, 300])
def test_the_screen_is_bounded_and_shows_any_name_as_it_is(count: int) -> None:
    users = tuple(ConferenceUser(f"sip:{i}@x", name="\x1b[2J[red]" * (i + 1), status="on-hold") for i in range(count))
    screen = Screen(said_dbfs=-20.0, muted=True, conference=ConferenceState("sip:c@x", "\x1b[1mA", True, users))
    console = Console(width=80, height=24, force_terminal=False)
    with console.capture() as shown:
        console.print(screen.draw())
    lines = shown.get().splitlines()
    assert len(lines) <= 24 and "\x1b" not in shown.get()
    assert f"{count}, locked" in shown.get()
    assert any(line.startswith("  you") and line.endswith("muted") for line in lines)
