"""Bots at a server that is no conference: what can be known is, and the rest is said not to be."""

import shutil
from pathlib import Path

import pytest

from softphone.load.plan import LoadPlan
from softphone.load.run import run_load
from tests.support.processes import LOOPBACK, Program, port_block

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.realtime]


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
