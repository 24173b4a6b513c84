"""A plan that is shared out, and the one report of all shares."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import MediaError
from softphone.load.plan import LoadPlan
from softphone.load.quantiles import Quantiles
from softphone.load.report import Health, LoadReport
from softphone.load.shares import merged, shares
from softphone.load.spread import by_cluster, by_processes
from tests.load.reports import ECHO, line, report
from tests.support.processes import ServerProcess, port_block
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES


@given(parties=st.integers(1, 500), talkers=st.integers(0, 9), rooms=st.integers(1, 3), count=st.integers(1, 9))
def test_shares_are_the_whole(parties: int, talkers: int, rooms: int, count: int) -> None:
    plan = LoadPlan(uri=("sip:a@h", "sip:b@h", "sip:c@h")[:rooms], parties=parties, talkers=talkers, rate=50.0)
    found = shares(plan, count, 1.0)
    assert 1 <= len(found) <= count
    numbers = [share.first + bot for share in found for bot in range(share.parties)]
    assert numbers == list(range(parties))
    assert [share.target(bot) for share in found for bot in range(share.parties)] == [
        plan.target(bot) for bot in range(parties)
    ]
    for share in found:
        assert {share.first + bot for bot in share.heard} == set(plan.talking)
    assert sum(share.rate for share in found) == pytest.approx(plan.rate)


def test_counts_are_added_and_distributions_merged() -> None:
    one = report(2, bots=[line(0), line(1, lost=3)], failures={"503": 1}, mos=Quantiles.of([4.0]))
    other = report(1, bots=[line(2, lost=2)], failures={"503": 2}, faults=[ECHO], mos=Quantiles.of([3.0]))
    other.health = Health(late_share=0.5)
    both = merged(one.plan, [one, other])
    assert (both.joined, both.failures, both.lost, both.expected) == (3, {"503": 3}, 5, 1500)
    assert both.mos == Quantiles.of([4.0, 3.0])
    assert both.answers_ms["INVITE"].count == 6
    assert (both.faults, both.exit_code) == ([ECHO], 3)
    assert [moment.parties for moment in both.timeline] == [2, 4, 6, 8, 10]
    assert msgspec.json.decode(msgspec.json.encode(both), type=LoadReport) == both


def test_of_nothing_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="no report"):
        merged(LoadPlan(uri=("sip:a@h",), parties=1), [])


def check(both: LoadReport) -> None:
    """Eight bots in two shares, five of whom talk, one of them in the second."""
    assert (both.joined, both.failures, [str(fault) for fault in both.faults]) == (8, {}, [])
    assert both.hearing is not None
    assert (both.hearing.listeners, both.hearing.pairs, both.hearing.unknown) == ([*range(8)], 40, 0)
    heard = [[share is not None and share >= 0.5 for share in row] for row in both.hearing.heard]
    assert heard == both.hearing.expected
    assert not both.hearing.expected[4][4]
    delay = both.delays_ms.at(0.5)
    assert delay is not None and 10 < delay < 1000


def planned(server: ServerProcess, rest: Rest) -> LoadPlan:
    token = rest.http.post(CONFERENCES, json={}).raise_for_status().json()["token"]
    uri = f"sip:{token}@127.0.0.1:{server.sip_address[1]}"
    return LoadPlan(uri=(uri,), parties=8, talkers=5, seconds=9.0, rate=20.0)


@pytest.mark.realtime
async def test_two_processes_are_one_run(server: ServerProcess, rest: Rest) -> None:
    check(await asyncio.to_thread(by_processes, planned(server, rest), 2))


@pytest.mark.realtime
async def test_a_cluster_is_one_run(server: ServerProcess, rest: Rest) -> None:
    distributed = pytest.importorskip("distributed")

    def run() -> LoadReport:
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster:
            return by_cluster(planned(server, rest), cluster.scheduler_address)

    check(await asyncio.to_thread(run))


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("softphone.load.spread.CONNECT_S", 0.5)
    with pytest.raises(MediaError, match="does not answer"):
        by_cluster(LoadPlan(uri=("sip:a@h",), parties=1), f"tcp://127.0.0.1:{port_block()}")
