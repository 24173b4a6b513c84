"""Loss, jitter, round trip and the score of a party: while it talks, in the history, and as metrics."""

import asyncio

import httpx
import pytest

from softphone.media.contract.leg import LegStats
from softphone.media.contract.messages import CloseLeg, GetStats
from softphone.server import Server
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEN = LegStats(packets_received=95, packets_sent=100, lost=5, jitter_ms=2.0, rtt_ms=80.0, delay_ms=20.0)


async def test_the_quality_of_a_party(shared: Server, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    conference = await made(ada)
    ask = shared.focus.context.media.ask

    async def seen(request: object) -> object:
        answer = await ask(request)  # type: ignore[arg-type,var-annotated]
        return SEEN if isinstance(request, GetStats | CloseLeg) else answer

    monkeypatch.setattr(shared.focus.context.media, "ask", seen)
    async with Phone(shared, "102") as phone:
        call = await phone.call(conference["token"])
        (party,) = [each["id"] for each in await roster(ada, conference["id"])]
        found = (await ada.get(f"{V1}/{conference['id']}/parties/{party}/quality")).json()
        assert found == {
            "packets_received": 95,
            "packets_sent": 100,
            "loss_percent": 5.0,
            "remote_loss_percent": None,
            "jitter_ms": 2.0,
            "rtt_ms": 80.0,
            "delay_ms": 100.0,
            "mos": found["mos"],
            "remote_mos": None,
        }
        assert 3.5 < found["mos"] < 4.2
        assert (await ada.get(f"{V1}/{conference['id']}/parties/p-nobody/quality")).status_code == 404
        await call.bye()
    path = f"/api/v1/history/calls?session={conference['id']}"
    async with asyncio.timeout(30):
        while (past := (await ada.get(path)).json()["calls"][0])["mos"] is None:
            await asyncio.sleep(0.02)
    assert (past["loss_percent"], past["jitter_ms"], past["rtt_ms"], past["mos"]) == (5.0, 2.0, 80.0, found["mos"])
    numbers = (await ada.get("/metrics")).text
    assert 'softphone_leg_mos_bucket{le="4.3"}' in numbers and "softphone_leg_loss_percent_sum" in numbers
