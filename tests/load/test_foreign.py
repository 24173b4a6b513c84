"""Bots at a server that is no conference: what can be known is, and the rest is said not to be."""

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from softphone.errors import ConfigError, MediaError
from softphone.load.plan import LoadPlan
from softphone.load.run import LISTEN_ON_S, run_load
from tests.bench.janus import ROOM, configure
from tests.peers.baresip import Baresip
from tests.support.processes import LOOPBACK, Program, port_block

pytestmark = pytest.mark.realtime


@pytest.mark.peer("baresip")
async def test_a_telephone_that_takes_one_call_is_heard_as_nobody(tmp_path: Path) -> None:
    account = "<sip:baresip@127.0.0.1>;regint=0;answermode=auto"
    with Baresip(tmp_path / "phone", 440.0, account=account) as phone:
        plan = LoadPlan(uri=(f"sip:baresip@{LOOPBACK}:{phone.sip_port}",), parties=1, settle_s=1.0, seconds=6.0)
        report = await run_load(plan)
    assert (report.joined, report.failures, report.dropped) == (1, {}, {})
    assert report.answers_ms["INVITE"].count == report.answers_ms["BYE"].count == 1
    assert report.expected > 100
    assert report.bots[0].level_dbov is not None and report.bots[0].level_dbov > -40, "it is heard, but is no talker"
    assert report.hearing is not None and report.hearing.expected == [[False]]
    assert (report.faults, report.delays_ms.count) == ([], 0)
    assert any("the delay is not known" in note for note in report.notes)


@pytest.mark.peer("sipp")
async def test_sipp_returns_to_each_what_it_says(tmp_path: Path) -> None:
    port, media_port = port_block(2), port_block(8)
    command = [shutil.which("sipp") or "sipp", "-sn", "uas", "-rtp_echo", "-nostdin", "-i", LOOPBACK]
    with Program([*command, "-p", str(port), "-mp", str(media_port)], tmp_path):
        plan = LoadPlan(
            uri=(f"sip:echo@{LOOPBACK}:{port}",), parties=3, talkers=2, settle_s=1.2, seconds=8.0, rate=10.0
        )
        report = await run_load(plan)
    assert (report.joined, report.failures) == (3, {})
    assert report.answers_ms["INVITE"].count == 3
    assert report.lost == 0 < report.expected
    kinds = {(fault.kind, fault.listener, fault.talker) for fault in report.faults}
    deaf = {("deaf", 0, 1), ("deaf", 1, 0), ("deaf", 2, 0), ("deaf", 2, 1)}
    assert {("echo", 0, 0), ("echo", 1, 1)} <= kinds <= {("echo", 0, 0), ("echo", 1, 1)} | deaf
    assert any("round-trip time is not known" in note for note in report.notes)


@pytest.mark.peer("janus")
async def test_parties_of_janus_join_by_http_and_hear_each_other(tmp_path: Path) -> None:
    port = port_block()
    configure(tmp_path, port)
    with Program([shutil.which("janus") or "janus", "-F", tmp_path], tmp_path) as janus:
        await listening(janus, port)
        plan = LoadPlan(uri=(f"janus:http://{LOOPBACK}:{port}/janus#{ROOM}",), parties=4, talkers=2, seconds=2.0)
        report = await run_load(plan)
        nowhere = await run_load(replace(plan, uri=(plan.uri[0].replace(f"#{ROOM}", "#99"),), parties=1))
    assert (report.joined, report.failures) == (4, {})
    assert [report.answers_ms[name].count for name in ("attach", "join", "detach")] == [4, 4, 4]
    assert report.expected > 100
    assert [str(fault) for fault in report.faults if fault.kind != "creep"] == []
    assert report.hearing is not None
    assert not report.hearing.unknown or report.seconds > LISTEN_ON_S
    assert nowhere.joined == 0
    assert [cause for cause in nowhere.failures if "99" in cause], nowhere.failures


async def listening(janus: Program, port: int) -> None:
    """Wait until it takes requests; it says nothing of it."""
    async with asyncio.timeout(30.0):
        while janus.running:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise AssertionError(f"Janus does not listen: {janus.words()}")


async def test_where_there_is_no_janus_it_is_said() -> None:
    with pytest.raises(MediaError, match="Janus does not answer"):
        await run_load(LoadPlan(uri=(f"janus:http://{LOOPBACK}:{port_block()}/janus#1",), parties=1))
    with pytest.raises(ConfigError, match="is no janus:http"):
        await run_load(LoadPlan(uri=("janus:http://h/janus",), parties=1))
