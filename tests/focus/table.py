"""People around a table: telephones with a tone each, prompts that are tones too, and who hears what."""

import asyncio
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S
from mixer.rules.roles import Place
from mixer.tone import sine
from softphone.agent import Call
from softphone.demo.party import DemoParty
from softphone.focus.session import TelephonySession
from softphone.load import hearing
from softphone.server import Server
from tests.focus.phone import bridge

Pcm = NDArray[np.int16]
T = TypeVar("T")

# Of parties, and of prompts: far enough apart to be told in 0.4 s, and none a multiple of another.
TONES = (430.0, 560.0, 730.0, 950.0)
MUSIC, PIN, CONFNO, INVITED, GOODBYE = 1230.0, 1600.0, 1810.0, 2080.0, 2350.0
PROMPTS = {
    "music-on-hold": MUSIC,
    "conf-getpin": PIN,
    "conf-getconfno": CONFNO,
    "conf-invited": INVITED,
    "vm-goodbye": GOODBYE,
}
# What asks for keys goes on until one is pressed: who listens late still hears it.
ASKS = (PIN, CONFNO, INVITED)
ASKS_S = 15.0
LEVEL_DBOV = -24.0
SETTLE_S = 0.3
LISTEN_S = 0.5
# A machine that is busy with other things is late with a change, or misses frames; the limit is for the broken case.
PATIENCE_S = 20.0


def write_sounds(folder: Path) -> Path:
    """A language pack in which every prompt that matters is a tone, and all others are short silences."""
    folder.mkdir()
    own = Path(__file__).parents[2] / "softphone" / "sounds" / "en"
    for path in own.rglob("*.flac"):
        name = path.relative_to(own).with_suffix("")
        hz = PROMPTS.get(str(name))
        file = folder / f"{name}.wav"
        file.parent.mkdir(exist_ok=True)
        write_tone(file, hz or 0.0, ASKS_S if hz in ASKS else 1.0 if hz else 0.02)
    return folder


def write_tone(file: Path, hz: float, seconds: float) -> None:
    """A prompt that is a tone; of 0 Hz it is silence."""
    samples = round(16000 * seconds)
    pcm = sine(hz, samples, 16000, level_dbov=LEVEL_DBOV) if hz else np.zeros(samples, np.int16)
    with wave.open(str(file), "wb") as wav:
        wav.setparams((1, 2, 16000, 0, "NONE", ""))
        wav.writeframes(pcm.tobytes())


@asynccontextmanager
async def sounding_bridge(data: Path, **sections: dict[str, object]) -> AsyncIterator[Server]:
    """A server whose prompts are tones."""
    prompts = {"folders": (str(write_sounds(data / "pack")),)}
    async with bridge(data / "data", prompts=prompts, **sections) as server:
        yield server


class Table:
    """Parties that call a server, each with its tone."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.parties: list[DemoParty] = []
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> "Table":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._exit.aclose()

    async def call(self, who: str, user: object, *, speak: bool = True) -> DemoParty:
        """`who` is an extension, or a number outside; it calls `user` and speaks its tone."""
        address = f"127.0.0.1:{self.server.stack.port}"
        password = f"dev-{who}" if who in self.server.accounts.extensions else None
        tone = TONES[len(self.parties)]
        party = DemoParty(f"sip:{who}@{address}", password, f"sip:{user}@{address}", tone, LEVEL_DBOV)
        self.parties.append(await self._exit.enter_async_context(party))
        if speak:
            party.speak()
        return party

    async def expect(self, expected: Sequence[set[float]]) -> None:
        """Every party hears just these tones, of parties and of prompts; if not at once, then soon."""
        await expect_soon(self.heard, expected)

    async def heard(self) -> list[set[float]]:
        await asyncio.sleep(SETTLE_S)
        heard = await asyncio.gather(*(party.listen(LISTEN_S) for party in self.parties))
        return await asyncio.to_thread(tones_in, heard)


def tones_in(heard: Sequence[Pcm]) -> list[set[float]]:
    tones = [*TONES, *PROMPTS.values()]
    found = hearing.measure(heard, tones).heard
    return [{tone for tone, there in zip(tones, row, strict=True) if there} for row in found.tolist()]


async def expect(call: Call, expected: set[float]) -> None:
    """One telephone hears just these tones; if not at once, then soon."""

    async def heard() -> set[float]:
        await asyncio.sleep(SETTLE_S)
        stream = call.frames()
        return tones_in([np.concatenate([await anext(stream) for _ in range(round(LISTEN_S / TICK_S))])])[0]

    await expect_soon(heard, expected)


async def expect_soon(listen: Callable[[], Awaitable[T]], expected: T) -> None:
    """Listen until what is heard is what is expected."""
    deadline = time.monotonic() + PATIENCE_S
    while (heard := await listen()) != expected and time.monotonic() < deadline:
        pass
    assert heard == expected


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that happens elsewhere; the time limit is for the broken case."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def only_session(server: Server) -> TelephonySession:
    (session,) = server.control.conferences()
    return session


def stages(server: Server) -> list[Place]:
    return [party.place for party in only_session(server).parties.values()]
