"""The bridge in memory that bots are tested on."""

import asyncio
import itertools
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from softphone import Agent, Call
from softphone.errors import CallRefused
from softphone.testing import ConferenceBridge, run
from softphone.testing.ports import Ports
from tests.support.tones import sine

AUDIBLE = 500


async def loudest(call: Call, ticks: int) -> float:
    found = 0.0
    async for frame in call.frames():
        found, ticks = max(found, float(abs(frame.astype(float)).mean())), ticks - 1
        if ticks <= 0:
            return found
    return found


def test_no_socket_of_the_system_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        def forbidden(*_args: Any, **_named: Any) -> None:
            raise AssertionError("a socket")

        monkeypatch.setattr(socket.socket, "bind", forbidden)
        monkeypatch.setattr(socket.socket, "connect", forbidden)
        async with ConferenceBridge(tmp_path) as bridge, Agent() as first, Agent() as second:
            uri = bridge.uri(await bridge.conference())
            speaker, listener = await first.invite(uri), await second.invite(uri)
            speaking = asyncio.create_task(speaker.write(sine(440, 1.0)))
            assert await loudest(listener, 50) > AUDIBLE
            await speaking

    run(scene())


def test_a_message_that_is_lost_is_sent_again(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent() as agent:
            bridge.wire.lost = lambda line, before: line.startswith(("INVITE", "ACK")) and before == 0
            call = await agent.invite(bridge.uri(await bridge.conference()))
            await asyncio.sleep(2.0)
            assert bridge.wire.methods().count("INVITE") == 2
            await call.hangup()

    run(scene())


def test_who_is_not_let_in_is_told_why(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent() as agent:
            session = await bridge.conference()
            await bridge.control.lock(session.id, True)
            with pytest.raises(CallRefused) as refused:
                await agent.invite(bridge.uri(session))
            assert refused.value.status == 403
            with pytest.raises(CallRefused) as unknown:
                await agent.invite("sip:conf_00@127.0.0.1:5060")
            assert unknown.value.status == 404

    run(scene())


def test_ports_are_taken_once() -> None:
    ports = Ports()
    first = ports.open_port("127.0.0.1", 0, 0)
    assert (first.port % 2, ports.open_port("127.0.0.1", first.port + 1, 1).port) == (0, first.port + 1)
    with pytest.raises(OSError, match="taken"):
        ports.open_port("127.0.0.1", first.port, 2)
    first.close()
    ports.open_port("127.0.0.1", first.port, 2)


def test_a_machine_that_stalls_makes_no_line_jitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stalls = itertools.accumulate(itertools.cycle((30_000_000, *(100 * (0,)))), initial=time.time_ns())
    monkeypatch.setattr(time, "time_ns", lambda: next(stalls))

    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent(write_ahead_s=5.0) as one, Agent() as two:
            uri = bridge.uri(await bridge.conference())
            speaker, ear = await one.invite(uri), await two.invite(uri)
            speaker.write_nowait(sine(400, 2.5, rate_hz=8000), 8000)
            assert await loudest(ear, 100) > AUDIBLE
            assert (await ear.stats()).jitter_ms == pytest.approx(0.0, abs=0.01)

    run(scene())
