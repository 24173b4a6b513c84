"""Limits of requests, and what answers tell of them."""

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.ringcentral.rates import MOST, Rates, group_of
from softphone.config import RatesConfig
from tests.api.conftest import logged_in
from tests.focus.phone import bridge

ACCOUNT = "/restapi/v1.0/account/~"


@pytest.mark.parametrize(
    ("method", "path", "group"),
    [
        ("POST", "/restapi/oauth/token", "auth"),
        ("POST", "/restapi/oauth/wstoken", "auth"),
        ("POST", f"{ACCOUNT}/telephony/conference", "heavy"),
        ("POST", f"{ACCOUNT}/telephony/call-out", "heavy"),
        ("POST", "/restapi/v1.0/client-info/sip-provision", "heavy"),
        ("GET", f"{ACCOUNT}/presence", "heavy"),
        ("GET", f"{ACCOUNT}/active-calls", "heavy"),
        ("GET", f"{ACCOUNT}/extension/~/active-calls", "heavy"),
        ("POST", "/restapi/v1.0/subscription/", "medium"),
        ("PUT", "/restapi/v1.0/subscription/9b6f", "medium"),
        ("DELETE", "/restapi/v1.0/subscription/9b6f", "medium"),
        ("GET", "/restapi/v1.0/subscription", "light"),
        ("GET", f"{ACCOUNT}/extension/~/presence", "light"),
        ("GET", f"{ACCOUNT}/telephony/sessions/s-0", "light"),
        ("GET", f"{ACCOUNT}/extension/~/conferencing", "light"),
        ("GET", "/restapi/nonsense", "light"),
    ],
)
def test_the_group_of_a_request(method: str, path: str, group: str) -> None:
    assert group_of(method, path) == group


def test_who_asks_too_much_has_to_be_quiet() -> None:
    rates = Rates(RatesConfig(light=2, window_s=60, penalty_s=30))
    spent = [rates.spend("light", "ann", now) for now in (0.0, 1.0, 2.0, 3.0)]
    assert [(each.remaining, each.wait_s) for each in spent if each] == [(1, 0), (0, 0), (0, 30), (0, 30)]
    # Each further request begins the wait anew; after it, all is forgotten once the window is over, too.
    late = rates.spend("light", "ann", 32.9)
    assert late is not None and late.wait_s == 30
    free = rates.spend("light", "ann", 62.9)
    assert free is not None and (free.remaining, free.wait_s) == (1, 0)


def test_groups_and_users_are_counted_apart() -> None:
    rates = Rates(RatesConfig(light=1, heavy=1, medium=0))
    for group, who in (("light", "ann"), ("heavy", "ann"), ("light", "bob")):
        spent = rates.spend(group, who, 0.0)
        assert spent is not None and spent.wait_s == 0
    refused = rates.spend("light", "ann", 0.0)
    assert refused is not None and refused.wait_s == 60
    assert rates.spend("medium", "ann", 0.0) is None


@given(st.integers(1, 5), st.lists(st.floats(0, 20), max_size=40))
def test_no_window_lets_more_pass_than_its_limit(limit: int, pauses: list[float]) -> None:
    rates, now, passed = Rates(RatesConfig(light=limit, window_s=60, penalty_s=60)), 0.0, []
    for pause in pauses:
        now += pause
        spent = rates.spend("light", "ann", now)
        if spent is not None and not spent.wait_s:
            passed.append(now)
    # Of fixed windows at most two touch any stretch of one window's length.
    assert all(sum(at <= each < at + 60 for each in passed) <= 2 * limit for at in passed)


def test_strangers_take_no_more_than_so_much_memory() -> None:
    rates = Rates(RatesConfig(light=1))
    for number in range(MOST + 10):
        rates.spend("light", str(number), 0.0)
    assert len(rates._usages) == MOST


@pytest.mark.asyncio
async def test_answers_tell_the_limit(tmp_path: Path) -> None:
    async with bridge(tmp_path, rates={"light": 3, "heavy": 0}) as server, logged_in(server, "101") as ada:
        first = await ada.get(f"{ACCOUNT}/telephony/sessions/s-0")
        assert (first.status_code, first.headers["x-rate-limit-remaining"]) == (404, "2")
        assert first.headers["x-rate-limit-group"] == "light" and first.headers["x-rate-limit-limit"] == "3"
        assert first.headers["x-rate-limit-window"] == "60"
        others = [await ada.get(f"{ACCOUNT}/service-info") for _ in range(3)]
        assert [each.status_code for each in others] == [200, 200, 429]
        refused = others[-1]
        assert (refused.json()["errorCode"], refused.json()["message"]) == ("CMN-301", "Request rate exceeded")
        assert refused.headers["retry-after"] == "60" and refused.headers["x-rate-limit-remaining"] == "0"
        # Neither another user of the program nor another group is told to wait.
        async with logged_in(server, "102") as ben:
            assert (await ben.get(f"{ACCOUNT}/service-info")).status_code == 200
        made = await ada.post(f"{ACCOUNT}/telephony/conference")
        assert made.status_code == 200 and "x-rate-limit-group" not in made.headers
        ids = {each.headers["rcrequestid"] for each in (first, *others, made)}
        assert len(ids) == 5
        # Other faces of the server are counted by nobody.
        async with httpx.AsyncClient(base_url=server.http_url) as http:
            assert "rcrequestid" not in (await http.get("/healthz")).headers


@pytest.mark.asyncio
async def test_names_that_are_no_programs_are_one_stranger(tmp_path: Path) -> None:
    async with bridge(tmp_path, rates={"auth": 3}) as server, httpx.AsyncClient(base_url=server.http_url) as http:
        statuses = []
        for name in ("a", "b", "c" * 5000, "d"):
            answer = await http.post("/restapi/oauth/token", auth=(name, ""))
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 401, 429]
        # The program beside them is counted by itself.
        known = await http.post("/restapi/oauth/token", auth=("dev-client", "dev-secret"))
        assert known.headers["x-rate-limit-remaining"] == "2"
