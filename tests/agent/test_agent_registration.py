import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call, CallRefused, SipError
from softphone.demo.bridge import running_bridge
from tests.support.processes import port_block
from tests.support.tones import amplitude_of, sine


async def test_an_agent_registers_and_takes_its_binding_back(tmp_path: Path) -> None:
    async with running_bridge(tmp_path) as bridge:
        async with Agent("sip:102@127.0.0.1", password="dev-102", registrar=bridge.sip) as agent:
            registration = agent.registration
            assert registration is not None
            assert registration.state.value == "registered"
        assert registration.state.value == "unregistered"


async def test_a_registered_agent_is_called_by_its_number(tmp_path: Path) -> None:
    answered: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        answered.put_nowait(call)

    async with (
        running_bridge(tmp_path) as bridge,
        Agent("sip:102@127.0.0.1", password="dev-102", registrar=bridge.sip, on_call=answer),
        Agent("sip:101@127.0.0.1", password="dev-101", registrar=bridge.sip) as caller,
    ):
        call = await caller.invite("102")
        talking = asyncio.create_task(call.play(sine(440, 30.0)))
        async for frame in (await answered.get()).frames():
            if amplitude_of(frame, 440) > 0.1:
                break
        talking.cancel()


async def test_a_wrong_password_does_not_get_in(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with running_bridge(tmp_path) as bridge:
        with pytest.raises(CallRefused, match="40[13]"):
            async with Agent("sip:102@127.0.0.1", password="wrong", registrar=bridge.sip):
                pass
    assert asyncio.all_tasks() == before


async def test_a_registrar_that_is_not_there_is_told() -> None:
    with pytest.raises(SipError):
        async with Agent(
            "sip:102@127.0.0.1", password="dev-102", registrar=f"sip:127.0.0.1:{port_block()};transport=tcp"
        ):
            pass


async def test_who_is_nobody_gets_no_further(tmp_path: Path) -> None:
    async with running_bridge(tmp_path) as bridge, Agent("sip:101@127.0.0.1", password="wrong") as caller:
        with pytest.raises(CallRefused, match="40[37]"):
            await caller.invite(f"sip:102@{bridge.sip.removeprefix('sip:')}")
