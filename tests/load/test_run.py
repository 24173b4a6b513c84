"""Bots at a real server: they join by SIP, hear each other, and the report says so."""

import asyncio
import json
import re
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from mixer.frame import TICK_S
from softphone.cli import app
from softphone.errors import MediaError, SipNetworkError
from softphone.load.caller import _cause
from softphone.load.media.plane import LoadPlane
from softphone.load.media.tally import FULL
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.report import LoadReport
from softphone.load.run import LISTEN_ON_S, LoadRun, run_load
from softphone.load.scenario import load_scenario
from softphone.load.shares import shares
from softphone.load.spread import by_cluster, by_processes
from softphone.load.truth import WINDOW_S
from tests.support.processes import ServerProcess, port_block
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES

pytestmark = pytest.mark.realtime


def conference(server: ServerProcess, rest: Rest, **settings: object) -> str:
    token = rest.http.post(CONFERENCES, json=settings).raise_for_status().json()["token"]
    return f"sip:{token}@127.0.0.1:{server.sip_address[1]}"


def judged(report: LoadReport) -> list[list[bool]]:
    """Who heard whom; of pairs that a late machine has blurred in every window, what was expected."""
    assert report.hearing is not None
    both = zip(report.hearing.heard, report.hearing.expected, strict=True)
    return [[wanted if share is None else share >= 0.5 for share, wanted in zip(*rows, strict=True)] for rows in both]


def wrong(report: LoadReport) -> list[str]:
    """What is wrong about who hears whom; that the delay grows may be the machine's fault."""
    return [str(fault) for fault in report.faults if fault.kind != "creep"]


async def test_bots_of_a_real_conference_hear_each_other(server: ServerProcess, rest: Rest) -> None:
    uri = conference(server, rest)
    plan = LoadPlan(uri=(uri,), parties=5, talkers=2, settle_s=1.0, seconds=7.0, rate=20, server_pid=server.pid)
    report = await run_load(plan)
    assert (report.joined, report.failures, report.dropped) == (5, {}, {})
    assert report.expected - report.lost == sum(line.received for line in report.bots)
    assert report.expected > 5 * 7 * 50 * 0.5
    assert report.server_cpu_percent
    assert wrong(report) == []
    assert judged(report) == [[False, True], [True, False], [True, True], [True, True], [True, True]]
    assert report.answers_ms["INVITE"].count == report.answers_ms["BYE"].count == 5
    assert msgspec.json.decode(msgspec.json.encode(report), type=LoadReport) == report


def check(both: LoadReport) -> None:
    """Eight bots in two shares, five of whom talk, one of them in the second."""
    assert (both.joined, both.failures, wrong(both)) == (8, {}, [])
    assert both.hearing is not None
    assert (both.hearing.listeners, both.hearing.pairs) == ([*range(8)], 40)
    # They were to measure for half a window, and listened on until all is known or that took too long.
    assert not both.hearing.unknown or both.seconds > LISTEN_ON_S
    assert judged(both) == both.hearing.expected
    assert not both.hearing.expected[4][4]
    delay = both.delays_ms.at(0.5)
    assert delay is not None and 10 < delay < 1000


def planned(server: ServerProcess, rest: Rest) -> LoadPlan:
    uri = conference(server, rest)
    return LoadPlan(uri=(uri,), parties=8, talkers=5, settle_s=1.0, seconds=1.2, rate=40.0)


async def test_two_processes_are_one_run(server: ServerProcess, rest: Rest) -> None:
    check(await asyncio.to_thread(by_processes, planned(server, rest), 2))


async def test_a_mute_by_keys_is_true_at_our_own_bridge(server: ServerProcess, rest: Rest) -> None:
    # It listens on in each part until all is known, or that took too long.
    scenario = load_scenario("mute-truth", {"mute": "*1", "unmute": "*1", "seconds": "1"})
    plan = LoadPlan(uri=(conference(server, rest),), parties=8, talkers=5, rate=20)
    report = await asyncio.to_thread(by_processes, plan, 2, scenario)
    assert (report.joined, report.failures, wrong(report)) == (8, {}, [])
    assert report.answers_ms["re-INVITE"].count == 1
    assert report.scenario == "A mute that holds"
    assert report.hearing is not None
    heard = [row[1] for row in report.hearing.heard]
    assert not heard.pop(1)
    if not report.hearing.unknown:  # it was judged in each part: muted, muted still, and not muted
        assert all(share is not None and 0 < share < 1 for share in heard)
    else:
        assert report.seconds > LISTEN_ON_S


SENT_AWAY = """
title = "A conference of its own, from which one is sent away"
values = { server = "", token = "" }
[[step]]
do = "rest"
url = "/api/v1/conferences"
json = {}
keep = "conference"
field = "id"
[[step]]
do = "rest"
method = "GET"
url = "/api/v1/conferences/{conference}"
keep = "room"
field = "token"
[[step]]
do = "join"
bots = "4"
uri = "sip:{room}@{server}"
[[step]]
do = "rest"
method = "GET"
url = "/api/v1/conferences/{conference}/parties"
keep = "party"
field = "parties.0.id"
[[step]]
do = "join"
bots = "0-3"
uri = "sip:{room}@{server}"
[[step]]
do = "join"
bots = "5-7"
[[step]]
do = "talk"
bots = "talkers"
[[step]]
do = "rest"
method = "DELETE"
url = "/api/v1/conferences/{conference}/parties/{party}"
[[step]]
do = "gone"
bots = "4"
seconds = 60
[[step]]
do = "measure"
seconds = 1
"""


async def test_two_processes_join_a_conference_that_they_have_made_and_one_is_sent_away(
    server: ServerProcess, rest: Rest, tmp_path: Path
) -> None:
    """What one process was answered is known to both; who is in another conference is not heard."""
    path, where = tmp_path / "mine.toml", "{}:{}".format(*server.sip_address)
    path.write_text(SENT_AWAY)
    token = rest.http.headers["Authorization"].removeprefix("Bearer ")
    scenario = load_scenario(str(path), {"server": where, "token": token})
    plan = LoadPlan(uri=(conference(server, rest),), parties=8, talkers=6, rate=20)
    report = await asyncio.to_thread(by_processes, plan, 2, scenario, str(rest.http.base_url))
    assert (report.joined, report.failures, report.dropped, wrong(report)) == (7, {}, {}, [])
    for listener, hears in ((0, {1, 2, 3}), (6, {5})):  # of the fourth nothing is known: it is gone
        heard = judged(report)[listener]
        assert {talker for talker in (0, 1, 2, 3, 5) if heard[talker]} == hears


async def test_a_cluster_is_one_run(server: ServerProcess, rest: Rest) -> None:
    distributed = pytest.importorskip("distributed")

    def run() -> LoadReport:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster:
            return by_cluster(planned(server, rest), cluster.scheduler_address)

    both = await asyncio.to_thread(run)
    check(both)
    assert [line.bot for line in both.bots] == [*range(8)]
    assert min(line.received for line in both.bots) > 0


@pytest.mark.parametrize(
    ("transport", "codec", "srtp", "user"),
    [
        ("udp", "PCMA", "AES_CM_128_HMAC_SHA1_80", "10{n}"),
        ("tls", "G722", "AEAD_AES_256_GCM", ""),
        ("ws", "OPUS", "AEAD_AES_128_GCM", ""),
    ],
)
async def test_every_way_in(
    server: ServerProcess,
    rest: Rest,
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
    codec: str,
    srtp: str,
    user: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.data / "certificate.pem"))
    port = {"tls": server.ready["sips"], "ws": server.http_url}.get(transport, server.sip_uri)
    uri = conference(server, rest).rpartition(":")[0] + ":" + re.findall(r":(\d+)", port)[-1]
    plan = LoadPlan(
        uri=(uri,),
        parties=2,
        first=1,
        talkers=1,
        settle_s=1.0,
        seconds=5.0,
        rate=20,
        transport=transport,
        codec=codec,
        srtp=srtp,
        user=user,
        password=user and f"dev-{user}",
        register=bool(user),
    )
    report = await run_load(plan)
    assert (report.joined, report.failures, wrong(report)) == (2, {}, [])
    assert judged(report) == [[False], [True]]
    assert not any("could not be opened" in note for note in report.notes)
    assert report.answers_ms["REGISTER" if user else "INVITE"].count == 2


async def test_who_is_refused_by_policy_is_no_failure_of_the_service(server: ServerProcess, rest: Rest) -> None:
    plan = LoadPlan(
        uri=(conference(server, rest, max_members=3),),
        parties=5,
        talkers=1,
        seconds=1.0,
        settle_s=0.0,
        rate=5,
        objectives=Objectives(most_parties=2, hearing=False),
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


@pytest.mark.parametrize("uri", ["sip:", "sip:1000@[::1", "janus:http://h", "janus:http://h:1/janus#"])
def test_what_is_no_uri_is_refused_before_anybody_calls(uri: str) -> None:
    result = CliRunner().invoke(app, ["load", uri])
    assert (result.exit_code, uri in result.output) == (2, True)


async def test_a_name_without_a_server_is_a_cause_in_the_report() -> None:
    plan = LoadPlan(uri=("sip:1000@nowhere.invalid",), parties=2, talkers=1, host="127.0.0.1")
    report = await run_load(plan)
    assert report.joined == 0
    assert [cause for cause in report.failures if "nowhere.invalid" in cause], report.failures


@pytest.mark.parametrize("share", [0, 1])
async def test_words_begin_at_the_same_time_in_all_processes(share: int) -> None:
    """Also where all talkers are in one of them: the others measure the delay from there."""
    plan = LoadPlan(uri=(f"sip:nobody@127.0.0.1:{port_block()}",), parties=8, talkers=2)
    async with LoadRun(shares(plan, 2)[share]) as run:
        words = run.plane.epoch_s / WINDOW_S
        assert words == pytest.approx(round(words), abs=1e-6)


async def test_a_run_whose_clock_stops_ends_at_once_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(plane: LoadPlane, now_s: float) -> None:
        raise OSError("no buffer space")

    monkeypatch.setattr(LoadPlane, "step", step)
    plan = LoadPlan(uri=(f"sip:nobody@127.0.0.1:{port_block()}",), parties=1, answer_s=3600.0)
    with pytest.raises(MediaError, match="clock of the bots has stopped: OSError: no buffer space"):
        await run_load(plan)
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_what_is_heard_while_bots_leave_is_no_part_of_the_report() -> None:
    plan = LoadPlan(uri=(f"sip:nobody@127.0.0.1:{port_block()}",), parties=1)
    async with LoadRun(plan) as run:
        run.begin()
        for finished in (False, True):
            run.plane.bots["window"] = FULL
            step = run.plane.due_s()
            while run.plane.due_s() < step + 2 * TICK_S:
                await asyncio.sleep(TICK_S / 4)
            assert (run.plane.bots["window"] == FULL).all() == finished
            run.finish()


def test_causes_are_counted_by_what_went_wrong_and_not_by_whom_each_bot_called() -> None:
    errors = [SipNetworkError(f"INVITE sips:conf_{bot}{'0' * 90}@127.0.0.1: certificate not known") for bot in range(3)]
    assert {_cause(error) for error in errors} == {"SipNetworkError: certificate not known"}
