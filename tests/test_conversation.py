"""Who hears whom over the real server: four of our agents and a baresip, while keys mute, a party holds, one leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone import hearing
from softphone.demo.party import Party
from tests.peers.baresip import Baresip
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

pytestmark = [pytest.mark.peer("baresip"), pytest.mark.timeout(90)]

COUNT = 5
FOREIGN = COUNT - 1
WINDOW_S = 0.8
# Between a change and its effect at every ear: the keys, the server, and playout buffers that hold what was before.
SETTLE_S = 0.6

Pcm = NDArray[np.int16]


class Conversation:
    """Five parties in one conference; each window keeps what our agents heard and where baresip's recording stood."""

    def __init__(self, ours: list[Party], foreign: Baresip) -> None:
        self.ours = ours
        self.foreign = foreign
        self.windows: list[tuple[str, list[Pcm], slice, NDArray[np.bool_]]] = []

    async def window(self, name: str, expected: NDArray[np.bool_], *, away: tuple[int, ...] = ()) -> None:
        """Listen at every party that is not `away`."""
        await asyncio.sleep(SETTLE_S)
        begin = self.foreign.heard_samples()
        ears = [self.silence() if place in away else party.listen(WINDOW_S) for place, party in enumerate(self.ours)]
        heard = list(await asyncio.gather(*ears))
        expected[list(away), :] = False
        self.windows.append((name, heard, slice(begin, self.foreign.heard_samples()), expected))

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
    folder: Path, server: ServerProcess, token: str, tones: list[float]
) -> AsyncIterator[Conversation]:
    uri = server.call_uri(token)
    level = hearing.tone_level_dbov(COUNT)
    async with AsyncExitStack() as stack:
        ours = []
        for place in range(FOREIGN):
            name, password = ("101", "dev-101") if place == 0 else (f"bot-{place}", None)
            party = Party(server.call_uri(name), password, uri, tones[place], level)
            ours.append(await stack.enter_async_context(party))
            party.speak()
        # In a thread: our agents' sound stands still while this loop does.
        foreign = stack.enter_context(await asyncio.to_thread(Baresip, folder, tones[FOREIGN]))
        await asyncio.to_thread(foreign.dial, uri)
        await asyncio.to_thread(foreign.listen, 0.2)
        yield Conversation(ours, foreign)


async def test_who_hears_whom(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    tones = hearing.tones(COUNT)
    all_pairs = hearing.expectation
    everybody = range(COUNT)
    async with conversation(tmp_path / "baresip", server, rest.token(), tones) as talk:
        host, second, third, fourth = talk.ours
        await talk.window("all speak", all_pairs(COUNT))

        await second.call.send_keys("*1")
        await talk.window("the second has muted itself", all_pairs(COUNT, muted=[1]))
        await second.call.send_keys("*1")
        await talk.window("and speaks again", all_pairs(COUNT))

        await host.call.send_keys("*91")
        await talk.window("the host has muted all others", all_pairs(COUNT, muted=[1, 2, 3, 4]))
        await host.call.send_keys("*90")
        await talk.window("and lets them speak", all_pairs(COUNT))

        await third.call.hold()
        without_third = [[place for place in everybody if place != 2]]
        await talk.window("the third holds", all_pairs(COUNT, rooms=without_third), away=(2,))
        await third.call.unhold()
        await talk.window("and is back", all_pairs(COUNT))

        await fourth.call.hangup()
        without_fourth = [[place for place in everybody if place != 3]]
        await talk.window("the fourth has left", all_pairs(COUNT, rooms=without_fourth), away=(3,))

        await asyncio.to_thread(talk.foreign.hang_up)
        assert not (wrong := talk.wrong(tones)), "\n".join(wrong)
