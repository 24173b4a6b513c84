"""New calls are refused while a process has no time left; the time is an argument."""

import os
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import CallRefused
from softphone.focus.guard import LoadGuard
from tests.api.conftest import logged_in
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until


def judged(most: float, *shares: float) -> list[bool]:
    """What a guard thinks after each second in which a process used such a share of a core."""
    guard, used, found = LoadGuard(most), 5.0, []
    guard.note({1: used, 2: 0.0}, 100.0)
    for second, share in enumerate(shares, 101):
        used += share
        guard.note({1: used, 2: 0.0}, float(second))
        found.append(guard.busy)
    return found


def test_two_seconds_without_time_decide_and_relief_ends_it() -> None:
    assert judged(0.9, 1.0, 0.2, 1.0, 1.0, 0.85, 0.85, 0.7, 1.0) == [
        False, False, False, True, True, True, False, False,
    ]  # fmt: skip
    assert not any(judged(0.0, 1.0, 1.0, 1.0))


def test_a_process_that_is_new_or_gone_is_no_load() -> None:
    guard = LoadGuard(0.5)
    guard.note({1: 0.0}, 0.0)
    for second in range(1, 5):
        guard.note({second: 1000.0}, float(second))
        assert not guard.busy


@given(st.lists(st.floats(0.0, 0.89), max_size=30))
def test_with_time_left_nobody_is_refused(shares: list[float]) -> None:
    assert not any(judged(0.9, *shares))


@pytest.mark.asyncio
async def test_new_calls_are_told_to_come_again_and_running_ones_go_on(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server, Phone(server, "101") as phone:
        session = await conference(server)
        call = await phone.call(session.token)
        server.focus.guard.busy = True
        with pytest.raises(CallRefused) as refused:
            await phone.call(session.token)
        assert refused.value.status == 503
        async with logged_in(server, "101") as ada:
            answers: list[httpx.Response] = [
                await ada.post("/restapi/v1.0/account/~/telephony/conference"),
                await ada.post("/web/join", json={"to": str(session.token), "offer": call.local_sdp}),
            ]
        assert [(each.status_code, "retry-after" in each.headers) for each in answers] == [(503, True)] * 2
        assert [each.status.value for each in session.parties.values()] == ["Answered"]
        server.focus.guard.busy = False
        await phone.call(session.token)


@pytest.mark.asyncio
async def test_all_processes_are_looked_at(tmp_path: Path) -> None:
    async with bridge(tmp_path, server={"max_cpu": 1.0}) as server:
        await until(lambda: server.focus.guard._before.keys() == {os.getpid(), *server.worker_pids})
