"""``softphone bot --listen``: calls are answered, each by a bot of its own, until SIGTERM."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from softphone import Agent
from softphone.demo.bridge import running_bridge
from tests.agent.test_agent import talking, until_heard
from tests.commands.test_commands import ECHO, LIMIT_S, softphone, started
from tests.support.tones import sine

pytestmark = pytest.mark.realtime

COUNTING = """
from softphone import Bot
class Counting(Bot):
    calls = 0
    async def on_joined(self):
        Counting.calls += 1
        self.number = Counting.calls
        if self.number == 2:
            raise RuntimeError("the second is broken")
    async def on_hangup(self, reason):
        print("bye", self.number, reason, flush=True)
already = Counting()
"""


async def test_several_calls_are_answered_and_sigterm_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "counting.py"
    path.write_text(COUNTING)
    async with started("bot", f"{path}:Counting", "--listen", "--json") as process, Agent() as agent:
        assert process.stdout is not None
        ready = json.loads(await process.stdout.readline())
        assert ready["event"] == "ready"
        first, broken, third = [await agent.invite(ready["sip"]) for _ in range(3)]
        assert await broken.wait_ended() == "bye"
        assert (await process.stdout.readline()).decode().strip() == "bye 2 hangup"
        process.send_signal(signal.SIGTERM)
        assert {await first.wait_ended(), await third.wait_ended()} == {"bye"}
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert sorted(out.decode().splitlines()) == ["bye 1 hangup", "bye 3 hangup"]
    assert process.returncode == 0 and "the second is broken" in err.decode()


async def test_a_registered_bot_is_called_by_its_number(tmp_path: Path) -> None:
    async with running_bridge(tmp_path) as bridge:
        who = ("--user", "104", "--password", "dev-104", "--registrar", bridge.sip)
        async with started("bot", ECHO, "--listen", *who) as process:
            assert process.stdout is not None
            assert (await process.stdout.readline()).startswith(b"listening at sip:104@")
            async with Agent("sip:101@127.0.0.1", password="dev-101", registrar=bridge.sip) as agent:
                call = await agent.invite("104")
                async with talking(call, sine(440, 60.0)):
                    await until_heard(call, 440)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), LIMIT_S) == 0


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (("bot", ECHO), "--listen"),
        (("bot", ECHO, "sip:a@127.0.0.1", "--listen"), "give either"),
        (("bot", ECHO, "--listen", "--registrar", "nonsense:"), "--registrar"),
        (("bot", "{already}", "--listen"), "needs a Bot class"),
    ],
)
async def test_wrong_use_is_told_in_one_line(words: tuple[str, ...], mend: str, tmp_path: Path) -> None:
    path = tmp_path / "counting.py"
    path.write_text(COUNTING)
    result = await softphone(*(word.replace("{already}", f"{path}:already") for word in words))
    assert result.status == 2 and mend in result.err and len(result.err.splitlines()) == 1, result.err


async def test_a_port_in_use_is_named() -> None:
    async with Agent() as agent:
        port = agent.contact.rpartition(":")[2]
        result = await softphone("bot", ECHO, "--listen", "--host", "127.0.0.1", "--port", port)
    assert result.status == 1 and port in result.err and len(result.err.splitlines()) == 1
