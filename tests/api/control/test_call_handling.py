"""What becomes of calls to a user, set over HTTP, and kept."""

from pathlib import Path

import httpx
import pytest

from softphone.server import Server
from tests.api.conftest import logged_in
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = {
    "do_not_disturb": False,
    "call_waiting": True,
    "forward_always": "",
    "forward_busy": "",
    "forward_no_answer": "",
    "no_answer_s": 20,
}


def path(number: str) -> str:
    return f"/api/v1/extensions/{number}/call-handling"


async def test_a_user_sets_what_becomes_of_its_calls(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server, logged_in(server, "102") as bob:
        assert (await bob.get(path("~"))).json() == DEFAULT
        changes = {"forward_busy": "+16505550177", "no_answer_s": 5}
        changed = await bob.put(path("102"), json=changes)
        assert changed.json() == DEFAULT | changes
        for wrong in ({"forward_busy": "sip:x@y"}, {"no_answer_s": 0}, {"unknown": 1}, {"do_not_disturb": "yes"}):
            refused = await bob.put(path("~"), json=wrong)
            assert (refused.status_code, refused.json()["parameterName"]) == (400, next(iter(wrong)))
    async with bridge(tmp_path) as server:
        assert server.accounts.handling(server.accounts.extensions["102"].id).no_answer_s == 5


async def test_whose_calls_they_are(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "102") as bob:
        assert (await bob.get(path("103"))).status_code == (await bob.put(path("103"), json={})).status_code == 403
    assert (await ada.put(path("103"), json={"do_not_disturb": True})).json()["do_not_disturb"]
    assert (await ada.put(path("103"), json={"do_not_disturb": False})).json() == DEFAULT
    for nobody in ("999", "201"):
        assert (await ada.get(path(nobody))).status_code == 404
