"""REFER in a call whose phone does not care for NOTIFYs: it is carried out, and the call goes on (RFC 5057)."""

import pytest

from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteState
from softphone.sip.ua.referral import Progressed
from softphone.testing.wire import Rule, keep_all
from tests.support.sip_pair import Pair, answering, scene, settle

REFER_TO = [("Refer-To", "<sip:carol@127.0.0.1>")]


def nothing_told(line: str, before: int) -> bool:
    return line.startswith("NOTIFY")


@pytest.mark.parametrize(("lost", "notified"), [(keep_all, 1), (nothing_told, 11)])
def test_a_notify_that_is_not_taken_ends_no_call(lost: Rule, notified: int) -> None:
    asked: list[str] = []

    async def follow(target: Address, progressed: Progressed) -> None:
        asked.append(str(target.uri))

    async def forgotten(request: Request, source: Hop) -> Response:
        return response(request, 481)

    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        pair.alice.serve(on_request={"NOTIFY": forgotten})
        pair.calls[0].on_refer = follow
        assert (await mine.request("REFER", headers=REFER_TO)).status == 202
        await settle()
        assert asked == ["sip:carol@127.0.0.1"]
        assert (mine.state, pair.calls[0].state, pair.ended) == (InviteState.CONFIRMED, InviteState.CONFIRMED, [])

    assert scene(work, answering, lost).ether.methods().count("NOTIFY") == notified


def test_how_far_it_is_is_told_in_order_and_each_status_once() -> None:
    told: list[tuple[str, str]] = []

    async def follow(target: Address, progressed: Progressed) -> None:
        for status in (100, 180, 183, 180, 181, 182, 199, 198, 200, 486):
            progressed(status)

    async def heard(request: Request, source: Hop) -> Response:
        told.append((request.body.decode().split()[1], (request.get("Subscription-State") or "").partition(";")[0]))
        return response(request, 200)

    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        pair.alice.serve(on_request={"NOTIFY": heard})
        pair.calls[0].on_refer = follow
        await mine.request("REFER", headers=REFER_TO)
        await settle()

    scene(work, answering)
    active = [(status, "active") for status in ("100", "180", "183", "181", "182")]
    assert told == [*active, ("200", "terminated")]
