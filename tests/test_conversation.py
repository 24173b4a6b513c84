"""Who hears whom over the real server: four of our agents and a baresip, while keys mute, a party holds, one leaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.demo.party import DemoParty
from softphone.load import hearing
from tests.peers.baresip import Baresip
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import metric, muted, until

pytestmark = [pytest.mark.peer("baresip"), pytest.mark.timeout(180), pytest.mark.realtime]

COUNT = 5
FOREIGN = COUNT - 1
WINDOW_S = 0.8
# Between a change at the server and its effect at every ear: playout buffers hold what was before.
SETTLE_S = 0.6
# What our own clock may be late in a window without a loss of sound, and how many windows there are to find a calm one.
LATE_S = 0.1
WINDOWS = 10

Pcm = NDArray[np.int16]


class Conversation:
    """Five parties in one conference; each window keeps what our agents heard and where baresip's recording stood."""

    def __init__(self, ours: list[DemoParty], foreign: Baresip, rest: Rest) -> None:
        self.ours = ours
        self.foreign = foreign
        self.rest = rest
        self.windows: list[tuple[str, list[Pcm], slice, NDArray[np.bool_]]] = []

    async def window(
        self, name: str, ready: Callable[[], object], expected: NDArray[np.bool_], *, away: tuple[int, ...] = ()
    ) -> None:
        """Listen at every party that is not `away`, once the server is `ready`.

        A clock that is late chops the sound. So that window counts in which all clocks were in time, liked or not.
        """
        await asyncio.to_thread(until, ready)
        await self.listen(SETTLE_S, away)
        for _ in range(WINDOWS):
            late, began_s, begin = await self.late_ticks(), time.monotonic(), self.foreign.heard_samples()
            heard = await self.listen(WINDOW_S, away)
            in_time = time.monotonic() - began_s < WINDOW_S + LATE_S
            place = slice(begin, self.foreign.heard_samples())
            if in_time and await self.late_ticks() == late:
                break
        expected[list(away), :] = False
        self.windows.append((name, heard, place, expected))

    async def listen(self, seconds: float, away: tuple[int, ...]) -> list[Pcm]:
        """What our parties hear for so long; the foreign one listens as long at least."""
        ears = [self.silence() if place in away else party.listen(seconds) for place, party in enumerate(self.ours)]
        meanwhile = asyncio.create_task(asyncio.to_thread(self.foreign.listen, seconds))
        heard = list(await asyncio.gather(*ears))
        await meanwhile
        return heard

    async def late_ticks(self) -> float:
        return await asyncio.to_thread(metric, self.rest, "softphone_late_ticks_total")

    async def silence(self) -> Pcm:
        """What a party that is not there hears."""
        return np.zeros(0, np.int16)

    def wrong(self, tones: list[float]) -> list[str]:
        """All pairs of all windows that are not as they should be; complete once baresip has hung up."""
        foreign = self.foreign.heard()
        return [
            f"{name}: {pair}"
            for name, heard, place, expected in self.windows
            for pair in hearing.differences(hearing.measure([*heard, foreign[place]], tones), expected)
        ]


@asynccontextmanager
async def conversation(
    folder: Path, server: ServerProcess, rest: Rest, token: str, tones: list[float]
) -> AsyncIterator[Conversation]:
    uri = server.call_uri(token)
    level = hearing.tone_level_dbov(COUNT)
    async with AsyncExitStack() as stack:
        ours = []
        for place in range(FOREIGN):
            name, password = ("101", "dev-101") if place == 0 else (f"bot-{place}", None)
            party = DemoParty(server.call_uri(name), password, uri, tones[place], level)
            ours.append(await stack.enter_async_context(party))
            party.speak()
        # In a thread: our agents' sound stands still while this loop does.
        foreign = stack.enter_context(await asyncio.to_thread(Baresip, folder, tones[FOREIGN]))
        await asyncio.to_thread(foreign.dial, uri)
        await asyncio.to_thread(foreign.listen, 0.2)
        yield Conversation(ours, foreign, rest)


async def test_who_hears_whom(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    tones = hearing.tones(COUNT)
    all_pairs = hearing.expectation
    everybody = range(COUNT)
    session = rest.conference()
    token: str = session["voiceCallToken"]

    def muted_are(*numbers: str) -> Callable[[], bool]:
        return lambda: muted(rest, session["id"]) == set(numbers)

    def connected(count: int) -> Callable[[], bool]:
        return lambda: rest.connected(session["id"]) == count

    async with conversation(tmp_path / "baresip", server, rest, token, tones) as talk:
        host, second, third, fourth = talk.ours
        await talk.window("all speak", connected(COUNT), all_pairs(COUNT))

        await second.call.send_keys("*1")
        await talk.window("the second has muted itself", muted_are("bot-1"), all_pairs(COUNT, muted=[1]))
        await second.call.send_keys("*1")
        await talk.window("and speaks again", muted_are(), all_pairs(COUNT))

        await host.call.send_keys("*91")
        others = muted_are("bot-1", "bot-2", "bot-3", "baresip")
        await talk.window("the host has muted all others", others, all_pairs(COUNT, muted=[1, 2, 3, 4]))
        await host.call.send_keys("*90")
        await talk.window("and lets them speak", muted_are(), all_pairs(COUNT))

        await third.call.hold()
        without_third = all_pairs(COUNT, rooms=[[place for place in everybody if place != 2]])
        await talk.window("the third holds", connected(COUNT - 1), without_third, away=(2,))
        await third.call.unhold()
        await talk.window("and is back", connected(COUNT), all_pairs(COUNT))

        await fourth.call.hangup()
        without_fourth = all_pairs(COUNT, rooms=[[place for place in everybody if place != 3]])
        await talk.window("the fourth has left", connected(COUNT - 1), without_fourth, away=(3,))

        await asyncio.to_thread(talk.foreign.hang_up)
        assert not (wrong := talk.wrong(tones)), "\n".join(wrong)
