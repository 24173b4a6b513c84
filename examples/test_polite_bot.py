"""A bot and its test: no server, no socket, and seconds of a conversation in a fraction of one.

pytest examples/test_polite_bot.py
"""

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softphone import Agent, Bot, Call, run_bot
from softphone.testing import ConferenceBridge, run

AUDIBLE = 500
"""Mean of what is heard above which somebody speaks; a tone of 8,000 has 5,100."""


class PoliteBot(Bot):
    """Says a tone, and mutes itself (*1) as soon as somebody else speaks."""

    polite = False

    async def on_frame(self, frame: NDArray[np.int16]) -> None:
        """Listen to 20 ms, and say as much."""
        await self.call.write(tone(frame.size))
        if level(frame) > AUDIBLE and not self.polite:
            self.polite = True
            await self.call.send_keys("*1")


def tone(samples: int) -> NDArray[np.int16]:
    """Write a tone whose periods fit in a frame, int16, shape (samples,)."""
    return (8000 * np.sin(2 * np.pi * 10 * np.arange(samples) / samples)).astype(np.int16)


def level(frame: NDArray[np.int16]) -> float:
    """Return the mean of a frame."""
    return float(np.abs(frame.astype(np.float64)).mean())


async def heard(call: Call, seconds: float, *, speaking: bool = False) -> list[bool]:
    """Listen, or listen and speak: whether somebody was heard, for each 20 ms."""
    found: list[bool] = []
    async for frame in call.frames():
        if speaking:
            await call.write(tone(frame.size))
        found.append(level(frame) > AUDIBLE)
        if len(found) >= seconds * 50:
            break
    return found


def test_the_bot_mutes_itself_when_somebody_speaks(tmp_path: Path) -> None:
    """It is heard, is spoken to, and is heard no more until a moderator says so."""

    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent() as agent:
            session = await bridge.conference()
            call = await agent.invite(bridge.uri(session))
            running = asyncio.create_task(run_bot(PoliteBot(), bridge.uri(session)))
            assert all((await heard(call, 1.0))[25:])
            await heard(call, 1.0, speaking=True)
            assert not any(await heard(call, 0.5))
            bot = list(session.parties.values())[-1]
            assert bot.muted
            await bridge.control.mute(session.id, bot.id, False)
            assert any(await heard(call, 0.5))
            await bridge.control.kick(session.id, bot.id)
            assert await running == "bye"

    run(scene())
