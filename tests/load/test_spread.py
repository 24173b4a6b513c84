"""A plan that is shared out, and the one report of all shares."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import MediaError
from softphone.load.faults import Fault
from softphone.load.plan import LoadPlan
from softphone.load.quantiles import Quantiles
from softphone.load.report import Health, LoadReport, Moment
from softphone.load.shares import merged, shares
from softphone.load.spread import by_cluster, by_processes
from tests.load.reports import ECHO, line, report
from tests.support.processes import port_block


@given(
    parties=st.integers(1, 500),
    talkers=st.integers(0, 9),
    pool=st.integers(0, 12),
    rooms=st.integers(1, 3),
    count=st.integers(1, 9),
)
def test_shares_are_the_whole(parties: int, talkers: int, pool: int, rooms: int, count: int) -> None:
    plan = LoadPlan(
        uri=("sip:a@h", "sip:b@h", "sip:c@h")[:rooms], parties=parties, talkers=talkers, pool=pool, rate=50.0
    )
    found = shares(plan, count)
    assert 1 <= len(found) <= count
    numbers = [share.first + bot for share in found for bot in range(share.parties)]
    assert numbers == list(range(parties))
    assert [share.target(bot) for share in found for bot in range(share.parties)] == [
        plan.target(bot) for bot in range(parties)
    ]
    for share in found:
        assert {share.first + bot for bot in share.heard} == set(plan.voices)
        assert (share.whole.parties, share.whole.talking) == (plan.parties, plan.talking)
        talking = [*share.talking, *share.talking_elsewhere]
        assert sorted(share.first + bot for bot in talking) == list(plan.talking)
    assert [share.leads for share in found] == [True] + [False] * (len(found) - 1)
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


@pytest.mark.parametrize(("held_up", "left"), [(0, 1), (3, 0), (2, 1)])
def test_who_was_deaf_while_another_process_was_held_up_is_not_known(held_up: int, left: int) -> None:
    deaf = Fault("partly deaf", 0, 2, 0.4, 4)
    one, other = report(2, bots=[line(0), line(1)], faults=[deaf]), report(1, bots=[line(2)])
    other.health = Health(held_up=held_up)
    both = merged(one.plan, [one, other])
    assert both.faults == [deaf][:left]
    assert any("held up" in note for note in both.notes) == (not left)


def test_the_policy_of_a_service_is_what_were_in_at_once_and_not_who_came_one_after_the_other() -> None:
    refused = {"486 Busy Here": 2}
    one = report(4, at_once=4, policy_limit=4, failures=refused)
    assert merged(one.plan, [one, report(3, at_once=3)]).policy_limit == 7, "all were in together"
    moments = [
        Moment(at_s=float(k), parties=parties, failures=0, loss_percent=0.0) for k, parties in enumerate((3, 2, 4))
    ]
    churned = report(6, at_once=4, policy_limit=4, failures=refused, timeline=moments)
    other = report(5, at_once=3, timeline=[*reversed(moments)])
    both = merged(one.plan, [churned, other])
    assert (both.joined, both.at_once, both.policy_limit) == (11, 7, 7)
    alone = merged(one.plan, [report(6, at_once=4, timeline=[])])
    assert (alone.joined, alone.at_once) == (6, 4)


def test_of_nothing_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="no report"):
        merged(LoadPlan(uri=("sip:a@h",), parties=1), [])


def test_a_process_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softphone.load.spread.warm", lambda codec: None)
    with pytest.raises(MediaError, match="process of the bots has died"):
        by_processes(LoadPlan(uri=("sip:a@h",), parties=4, codec="none such"), 1)


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("softphone.load.spread.CONNECT_S", 0.5)
    with pytest.raises(MediaError, match="does not answer"):
        by_cluster(LoadPlan(uri=("sip:a@h",), parties=1), f"tcp://127.0.0.1:{port_block()}")
