"""The course of the demonstration: join, hear, mute, unmute, measure, record, check."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from softphone.audio import load
from softphone.config import DEV_PATH
from softphone.config import load as load_config
from softphone.demo.bridge import BridgeFailed, DemoServer, running_bridge
from softphone.demo.delay import Delay, measure_delays
from softphone.demo.party import DemoParty
from softphone.load import hearing

__all__ = ["DemoReport", "DemoRecording", "Window", "run_demo"]

HOST = "101"

MUTE_ALL = "*91"
UNMUTE_ALL = "*90"

# Between a change and the window that shows its effect: the playout buffers must have run dry of what was before.
SETTLE_S = 0.4

# Shorter windows cannot tell neighbouring tones apart.
SHORTEST_WINDOW_S = 0.5

# How long the bridge may take to show in the roster what the keys have done.
EFFECT_S = 15.0
POLL_S = 0.05

# A recording of tones is far above; an empty one is digital silence.
AUDIBLE_DBFS = -40.0

Matrix = list[list[bool]]


class Window(msgspec.Struct, frozen=True):
    """Who heard whom in one stretch of the conference: ``heard[listener][talker]``."""

    name: str
    heard: Matrix
    expected: Matrix

    @property
    def ok(self) -> bool:
        """Whether every pair is as it should be."""
        return self.heard == self.expected


class DemoRecording(msgspec.Struct, frozen=True):
    """The bridge's recording of the conference, as it was read back from the disk."""

    path: str
    seconds: float
    level_dbfs: float
    expected_s: float

    @property
    def ok(self) -> bool:
        """Whether it plays: audible, and as long as the conference was recorded."""
        return self.level_dbfs > AUDIBLE_DBFS and abs(self.seconds - self.expected_s) < 1.0


class DemoReport(msgspec.Struct, frozen=True):
    """What the demonstration has shown.

    ``delays_s`` is what the bridge adds, from packet to packet, and ``application_delays_s`` what applications see,
    their playout buffers included; seconds for each listener, None where nothing was heard.
    """

    sip: str
    http: str
    conference: str
    tones_hz: list[float]
    roster: list[dict[str, Any]]
    windows: list[Window]
    delays_s: list[float | None]
    application_delays_s: list[float | None]
    lost_packets: int
    recording: DemoRecording

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        heard = all(delay is not None for delay in self.delays_s)
        return heard and self.recording.ok and all(window.ok for window in self.windows)


async def run_demo(
    parties: int, seconds: float, out: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> DemoReport:
    """Run the demonstration.

    Parameters
    ----------
    parties
        How many; the first is the moderator, extension 101.
    seconds
        How long they talk, over three windows: before, during and after the mute.
    out
        The folder for the recording; a new one in the system's place for temporary files when not given.
    say
        Told what goes on.

    Raises
    ------
    SoftphoneError
        The bridge did not start, or a party could not join.
    """
    folder = out or Path(tempfile.mkdtemp(prefix="softphone-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="softphone-bridge-") as data:
        say("starting a bridge")
        async with running_bridge(Path(data), "--max-members", str(parties)) as started:
            bridge = await started.log_in(HOST, _password())
            return await _confer(bridge, parties, seconds, folder, say)


async def _confer(
    bridge: DemoServer, count: int, seconds: float, folder: Path, say: Callable[[str], None]
) -> DemoReport:
    session = await bridge.create_conference()
    say(f"{count} parties join")
    async with AsyncExitStack() as stack:
        parties = [await stack.enter_async_context(each) for each in _parties(bridge, session["voiceCallToken"], count)]
        clock = asyncio.get_running_loop()
        await bridge.record(session["id"], on=True)
        began = clock.time()
        windows = await _windows(bridge, session["id"], parties, seconds, say)
        roster = await bridge.roster(session["id"])
        say("measuring the delay")
        delays = await _delays(parties)
        length = clock.time() - began  # the file may take a while to be finished
        stopped = await bridge.record(session["id"], on=False)
        lost = sum([(await party.call.stats()).lost for party in parties])
    return DemoReport(
        sip=bridge.sip,
        http=bridge.http,
        conference=session["voiceCallToken"],
        tones_hz=[party.tone_hz for party in parties],
        roster=roster,
        windows=windows,
        delays_s=[None if delay is None else delay.bridge_s for delay in delays],
        application_delays_s=[None if delay is None else delay.application_s for delay in delays],
        lost_packets=lost,
        recording=await asyncio.to_thread(_checked, Path(stopped["path"]), folder / "conference.wav", length),
    )


def _password() -> str:
    """Give the host's password, which is the one of the development configuration."""
    return next(extension.password for extension in load_config(DEV_PATH).extensions if extension.number == HOST)


def _parties(bridge: DemoServer, token: str, count: int) -> list[DemoParty]:
    address = bridge.sip.removeprefix("sip:")
    uri = f"sip:{token}@{address}"
    tones, level_dbov = hearing.tones(count), hearing.tone_level_dbov(count)
    host = DemoParty(f"sip:{HOST}@{address}", _password(), uri, tones[0], level_dbov)
    guests = enumerate(tones[1:], start=2)
    return [host, *(DemoParty(f"sip:bot-{n}@{address}", None, uri, hz, level_dbov) for n, hz in guests)]


async def _windows(
    bridge: DemoServer, session: str, parties: list[DemoParty], seconds: float, say: Callable[[str], None]
) -> list[Window]:
    """Let all talk for so long, muted in the middle."""
    length = max(SHORTEST_WINDOW_S, seconds / 3 - SETTLE_S)
    everybody: Matrix = hearing.expectation(len(parties)).tolist()
    only_the_first: Matrix = hearing.expectation(len(parties), muted=range(1, len(parties))).tolist()
    for party in parties:
        party.speak()
    say("everybody talks")
    windows = [await _window("before", parties, length, everybody)]
    say(f"the moderator presses {MUTE_ALL}")
    await _press(bridge, session, parties, MUTE_ALL, muted=True)
    windows.append(await _window(f"muted by {MUTE_ALL}", parties, length, only_the_first))
    say(f"the moderator presses {UNMUTE_ALL}")
    await _press(bridge, session, parties, UNMUTE_ALL, muted=False)
    windows.append(await _window(f"after {UNMUTE_ALL}", parties, length, everybody))
    return windows


async def _press(bridge: DemoServer, session: str, parties: list[DemoParty], keys: str, *, muted: bool) -> None:
    """Let the moderator press keys, and wait until the roster shows that all others are muted, or not."""
    await parties[0].call.send_keys(keys)
    try:
        async with asyncio.timeout(EFFECT_S):
            while any(party["muted"] is not muted for party in (await bridge.roster(session))[1:]):
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        wanted = "muted" if muted else "unmuted"
        raise BridgeFailed(f"{keys} was pressed, and after {EFFECT_S:.0f} s not all others are {wanted}") from None


async def _window(name: str, parties: list[DemoParty], length_s: float, expected: Matrix) -> Window:
    await asyncio.sleep(SETTLE_S)
    heard = await asyncio.gather(*(party.listen(length_s) for party in parties))
    tones_hz = [party.tone_hz for party in parties]
    # Beside the loop, which carries the sound of the parties meanwhile.
    matrix = await asyncio.to_thread(hearing.matrix, heard, tones_hz, parties[0].call.rate)
    return Window(name, matrix, expected)


async def _delays(parties: list[DemoParty]) -> list[Delay | None]:
    """Let everybody but one fall silent, and measure how long it takes from that one to each of the others."""
    await asyncio.gather(*(party.fall_silent() for party in parties))
    await asyncio.sleep(SETTLE_S)
    return await measure_delays(parties[-1].call, [party.call for party in parties[:-1]])


def _checked(made: Path, wanted: Path, expected_s: float) -> DemoRecording:
    """Bring the recording where it was asked for, and read it as any player would."""
    if not made.is_file():
        raise BridgeFailed(f"the bridge left no recording at {made}")
    shutil.move(made, wanted)
    pcm = load(wanted, hearing.RATE_HZ)
    return DemoRecording(str(wanted), pcm.size / hearing.RATE_HZ, _level_dbfs(pcm), expected_s)


def _level_dbfs(pcm: NDArray[np.int16]) -> float:
    power = float(np.mean(np.square(pcm, dtype=np.float64))) / 32767**2 if pcm.size else 0.0
    return 10 * float(np.log10(power)) if power else -100.0
