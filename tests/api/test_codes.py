"""Codes of rooms over HTTP."""

import httpx
import pytest

from mixer.entrance import Code, Verdict
from softphone.focus.admission import Admission
from softphone.server import Server
from tests.api.conftest import logged_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_administrator_opens_what_wrong_codes_have_closed(shared: Server, ada: httpx.AsyncClient) -> None:
    room, codes = shared.accounts.extensions["201"], shared.door.codes
    caller = Admission("102", "", shared.accounts.extensions["102"])
    while codes.judge(room, Code("0"), caller)[0] is not Verdict.CLOSED:
        pass
    async with logged_in(shared, "102") as ben:
        assert (await ben.delete("/api/v1/wrong-codes")).status_code == 403
    assert codes.judge(room, Code("9876"), caller)[0] is Verdict.CLOSED
    assert (await ada.delete("/api/v1/wrong-codes")).status_code == 204
    assert codes.judge(room, Code("9876"), caller)[0] is Verdict.RIGHT
