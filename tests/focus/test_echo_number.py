"""The number that returns what is said: in memory, with real mixing."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softphone.agent import Agent, Call
from softphone.config import DEV_PATH, load
from softphone.errors import CallRefused
from softphone.focus.entrance.echo_test import LONGEST_S
from softphone.testing import ConferenceBridge, run
from tests.focus.switchboard import changed
from tests.focus.table import TONES, tones_in
from tests.support.membership import astray
from tests.support.tones import sine

ECHO = "sip:*43@127.0.0.1:5060"
CONFIG: dict[str, dict[str, Any]] = {"sip": {"echo_number": "*43"}}


async def heard(call: Call, ticks: int) -> set[float]:
    stream = call.frames(8000)
    return tones_in([np.concatenate([await anext(stream) for _ in range(ticks)])])[0]


@pytest.mark.parametrize("codecs", [("PCMU",), ("G722",), ("opus",)])
def test_who_calls_it_hears_itself_after_the_announcement(tmp_path: Path, codecs: tuple[str, ...]) -> None:
    async def scene() -> None:
        config = changed(load(DEV_PATH), CONFIG)
        async with (
            ConferenceBridge(tmp_path, config) as bridge,
            Agent("sip:101@127.0.0.1:5060", password="dev-101", codecs=codecs, write_ahead_s=60.0) as first,
            Agent("sip:102@127.0.0.1:5060", password="dev-102", codecs=codecs, write_ahead_s=60.0) as second,
        ):
            one, two = await first.invite(ECHO), await second.invite(ECHO)
            for call, tone in ((one, TONES[0]), (two, TONES[1])):
                call.write_nowait(sine(tone, 30.0), 8000)
            assert await heard(one, 25) != {TONES[0]}, "the announcement comes first"
            await asyncio.sleep(6.0)
            assert [await heard(one, 25), await heard(two, 25)] == [{TONES[0]}, {TONES[1]}]
            await one.hangup()
            await asyncio.sleep(LONGEST_S)
            assert not bridge.focus.context.legs and not bridge.focus.rooms
            assert astray(bridge.focus) == []

    run(scene())


def test_a_key_cuts_the_announcement_short(tmp_path: Path) -> None:
    async def scene() -> None:
        config = changed(load(DEV_PATH), CONFIG)
        async with (
            ConferenceBridge(tmp_path, config),
            Agent("sip:101@127.0.0.1:5060", password="dev-101", write_ahead_s=60.0) as agent,
        ):
            call = await agent.invite(ECHO)
            await call.send_keys("1")
            call.write_nowait(sine(TONES[0], 30.0), 8000)
            await asyncio.sleep(0.5)
            assert await heard(call, 25) == {TONES[0]}

    run(scene())


def test_it_is_for_who_has_proved_who_it_is(tmp_path: Path) -> None:
    async def scene() -> None:
        config = changed(load(DEV_PATH), CONFIG)
        async with ConferenceBridge(tmp_path, config), Agent() as stranger:
            with pytest.raises(CallRefused, match="407"):
                await stranger.invite(ECHO)
        async with ConferenceBridge(tmp_path), Agent("sip:101@127.0.0.1:5060", password="dev-101") as agent:
            with pytest.raises(CallRefused):
                await agent.invite(ECHO)

    run(scene())


def test_numbers_that_lead_somewhere_are_taken(tmp_path: Path) -> None:
    async def scene() -> None:
        config = changed(load(DEV_PATH), {"sip": {"echo_number": "443", "own_room_prefix": "8"}})
        async with ConferenceBridge(tmp_path, config) as bridge:
            taken = bridge.focus.dialer.is_taken
            assert [each for each in ("443", "101", "201", "8101", "16505550100", "801", "44") if not taken(each)] == [
                "801",
                "44",
            ]

    run(scene())
