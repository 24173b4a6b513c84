"""Bots at a real server: they join by SIP, hear each other, and the report says so."""

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from softphone.cli import app
from softphone.errors import SipNetworkError
from softphone.load.caller import _cause
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.report import LoadReport
from softphone.load.run import run_load
from tests.support.processes import ServerProcess, port_block
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES

pytestmark = pytest.mark.realtime


def conference(server: ServerProcess, rest: Rest, **settings: object) -> str:
    token = rest.http.post(CONFERENCES, json=settings).raise_for_status().json()["token"]
    return f"sip:{token}@127.0.0.1:{server.sip_address[1]}"


async def test_bots_of_a_real_conference_hear_each_other(server: ServerProcess, rest: Rest) -> None:
    plan = LoadPlan(uri=(conference(server, rest),), parties=5, talkers=2, seconds=8.0, rate=20, server_pid=server.pid)
    report = await run_load(plan)
    assert (report.joined, report.failures, report.dropped) == (5, {}, {})
    assert report.expected - report.lost == sum(line.received for line in report.bots)
    assert report.expected > 5 * 8 * 50 * 0.5
    assert report.hearing is not None
    assert [[None if share is None else share >= 0.5 for share in row] for row in report.hearing.heard] == [
        [False, True],
        [True, False],
        [True, True],
        [True, True],
        [True, True],
    ]
    assert report.answers_ms["INVITE"].count == report.answers_ms["BYE"].count == 5
    assert msgspec.json.decode(msgspec.json.encode(report), type=LoadReport) == report


async def test_who_is_refused_by_policy_is_no_failure_of_the_service(server: ServerProcess, rest: Rest) -> None:
    plan = LoadPlan(
        uri=(conference(server, rest, max_members=3),),
        parties=5,
        talkers=1,
        seconds=1.0,
        settle_s=0.0,
        rate=5,
        objectives=Objectives(most_parties=2),
    )
    report = await run_load(plan)
    assert (report.joined, report.policy_limit, report.failed) == (3, 3, 0)
    (verdict,) = [verdict for verdict in report.verdicts if verdict.objective == "most_parties"]
    assert not verdict.held  # somebody promised two


def test_where_nobody_answers_the_command_says_so(tmp_path: Path) -> None:
    where = tmp_path / "report.json"
    words = [
        "load",
        f"sip:nobody@127.0.0.1:{port_block()}",
        "--parties",
        "2",
        "--transport",
        "tcp",
        "--json",
        str(where),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    report = json.loads(where.read_text())
    assert (report["schema"], report["joined"], sum(report["failures"].values())) == (1, 0, 2)
    assert "not known" in result.output


def test_causes_are_counted_by_what_went_wrong_and_not_by_whom_each_bot_called() -> None:
    errors = [SipNetworkError(f"INVITE sips:conf_{bot}{'0' * 90}@127.0.0.1: certificate not known") for bot in range(3)]
    assert {_cause(error) for error in errors} == {"SipNetworkError: certificate not known"}
