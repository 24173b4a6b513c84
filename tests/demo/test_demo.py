import asyncio
import io
import json
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from rich.console import Console

from softphone.commands.demo import show
from softphone.demo.bridge import BridgeFailed, running_bridge, stop
from softphone.demo.delay import Capture, chirp
from softphone.demo.run import DemoRecording, DemoReport, Window
from softphone.load.media.alignment import align
from tests.support.signals import at_sender_clock, noise
from tests.support.tones import read_wav

pytestmark = pytest.mark.realtime

ROSTER = [
    {"id": "p-1", "conferenceRole": "Host", "from": {"phoneNumber": "101", "name": "Ada"}},
    {"id": "p-2", "conferenceRole": "Participant", "from": {"phoneNumber": "bot-2"}},
]
BOTH = [[False, True], [True, False]]


def report(heard: list[list[bool]], delays_s: tuple[float | None, ...] = (0.03,), seconds: float = 8.0) -> DemoReport:
    return DemoReport(
        sip="sip:127.0.0.1:5060",
        http="http://127.0.0.1:8080",
        conference="conf_" + "7" * 100,
        tones_hz=[400.0, 626.0],
        roster=ROSTER,
        windows=[Window("before", heard, BOTH)],
        delays_s=list(delays_s),
        application_delays_s=list(delays_s),
        lost_packets=0,
        recording=DemoRecording("/tmp/conference.wav", seconds, -20.0, 8.0),
    )


async def demo(*words: str | Path) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "softphone", "demo", *map(str, words), stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_demonstration_proves_what_it_says(tmp_path: Path) -> None:
    status, out, err = await demo("--parties", "4", "--seconds", "4", "--out", tmp_path / "out", "--json")
    shown = json.loads(out)
    assert status == 0, err
    assert shown["ok"] is True
    assert [window["name"] for window in shown["windows"]] == ["before", "muted by *91", "after *90"]
    everybody = (~np.eye(4, dtype=bool)).tolist()
    assert shown["windows"][0]["heard"] == shown["windows"][2]["heard"] == everybody
    assert shown["windows"][1]["heard"] == [
        [row and column == 0 for column in range(4)] for row in (False, True, True, True)
    ]
    assert [party["conferenceRole"] for party in shown["roster"]] == ["Host"] + ["Participant"] * 3
    assert len(shown["delays_s"]) == 3
    assert all(delay > 0 for delay in shown["delays_s"])
    assert all(ours > bridge for ours, bridge in zip(shown["application_delays_s"], shown["delays_s"], strict=True))
    assert shown["recording"]["path"] == str(tmp_path / "out" / "conference.wav")
    pcm, rate_hz = read_wav(tmp_path / "out" / "conference.wav")
    assert pcm.size / rate_hz == pytest.approx(shown["recording"]["seconds"])
    assert pcm.size / rate_hz > 4.0


def test_a_report_is_good_when_everything_is() -> None:
    assert report(BOTH).ok
    assert not report([[False, True], [False, False]]).ok
    assert not report(BOTH, delays_s=(None,)).ok
    assert not report(BOTH, seconds=3.0).ok


def test_the_screen_is_short_and_shows_what_is_wrong() -> None:
    for heard, words in ((BOTH, "every pair is as it should be"), ([[False] * 2] * 2, "something is wrong")):
        screen = io.StringIO()
        show(report(heard), Console(file=screen, width=80))
        lines = screen.getvalue().splitlines()
        assert words in lines[-1]
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        assert "Ada" in screen.getvalue()
        assert "30 ms" in screen.getvalue()


async def test_a_bridge_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BridgeFailed, match="the bridge did not start: .*no-such-option"):
        async with running_bridge(tmp_path, "--no-such-option"):
            pass


async def test_a_bridge_that_is_gone_already_is_no_error() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", stdout=asyncio.subprocess.PIPE)
    # The loop is kept from hearing of the end, which another thread has fetched meanwhile.
    deadline = time.monotonic() + 30.0
    while Path(f"/proc/{process.pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    await stop(process)
    assert process.returncode == 0


async def test_a_refused_request_is_told(tmp_path: Path) -> None:
    async with running_bridge(tmp_path) as bridge:
        with pytest.raises(BridgeFailed, match=r"oauth/token: .*40[01]"):
            await bridge.log_in("101", "wrong")
        with pytest.raises(BridgeFailed, match="401"):
            await bridge.create_conference()


async def test_no_request_makes_a_client_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To make one holds up the loop, in which the parties of the demonstration speak."""
    async with running_bridge(tmp_path) as bridge:
        monkeypatch.delattr(httpx, "AsyncClient")
        ada = await bridge.log_in("101", "dev-101")
        assert await ada.roster((await ada.create_conference())["id"]) == []


@pytest.mark.parametrize("faster", [0.0, 0.0125, 0.025])
def test_a_chirp_is_found_though_it_is_played_faster(faster: float) -> None:
    heard = noise(4800, dbov=-60.0, seed=4)
    played = at_sender_clock(chirp(8000), faster * 1e6)
    heard[1234 : 1234 + played.size] += played
    place, likeness = align(chirp(8000), heard)
    assert place == pytest.approx(1234, abs=24)
    assert likeness > 0.5


def test_a_late_reader_does_not_move_the_capture() -> None:
    capture = Capture()
    for number, late in enumerate((0.004, 0.001, 0.030, 0.002)):
        capture.add(np.zeros(160, np.int16), 100.0 + 0.02 * number + late)
    assert capture.began == pytest.approx(100.001)
