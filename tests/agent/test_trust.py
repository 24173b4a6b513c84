"""An agent that answers anybody: a forged INVITE with its ACK has no sound sent to whom it names."""

import asyncio
import socket
from contextlib import closing

import numpy as np
import pytest

from softphone import Agent, Call
from tests.support.raw import RawPhone, header


@pytest.mark.parametrize("tag", ["ours", "guessed"])
async def test_an_agent_speaks_to_who_has_heard_its_answer(tag: str) -> None:
    async def talk(call: Call) -> None:
        await call.accept()
        await call.write(np.full(8000, 1000, np.int16))
        said.set_result(await call.stats())

    said = asyncio.get_running_loop().create_future()
    async with Agent(on_call=talk, host="127.0.0.1") as agent:
        host, _, port = agent.contact.rpartition("@")[2].partition(":")
        phone = RawPhone((host, int(port.partition(";")[0].rstrip(">"))), "bot")
        with closing(phone.socket), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind(("127.0.0.1", 0))
            lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
            phone.send("INVITE", "\r\n".join([*lines, f"m=audio {ear.getsockname()[1]} RTP/AVP 0", ""]))
            to = header(await asyncio.to_thread(phone.receive, "200"), "To")
            phone.to = to if tag == "ours" else f"{to.partition(';tag=')[0]};tag=guessed"
            phone.send("ACK", number=phone.number)
            stats = await said
    assert (stats.packets_sent > 0) == (tag == "ours")
