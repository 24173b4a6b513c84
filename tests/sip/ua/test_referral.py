"""REFER in a call whose phone does not care for NOTIFYs: it is carried out, and the call goes on (RFC 5057)."""

import pytest

from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteState
from softphone.testing.wire import Rule, keep_all
from tests.support.sip_pair import Pair, answering, scene, settle

REFER_TO = [("Refer-To", "<sip:carol@127.0.0.1>")]


def nothing_told(line: str, before: int) -> bool:
    return line.startswith("NOTIFY")


@pytest.mark.parametrize(("lost", "notified"), [(keep_all, 1), (nothing_told, 11)])
def test_a_notify_that_is_not_taken_ends_no_call(lost: Rule, notified: int) -> None:
    asked: list[str] = []

    async def follow(target: Address) -> None:
        asked.append(str(target.uri))

    async def forgotten(request: Request, source: Hop) -> Response:
        return response(request, 481)

    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        pair.alice.on_request = forgotten
        pair.calls[0].on_refer = follow
        assert (await mine.request("REFER", headers=REFER_TO)).status == 202
        await settle()
        assert asked == ["sip:carol@127.0.0.1"]
        assert (mine.state, pair.calls[0].state, pair.ended) == (InviteState.CONFIRMED, InviteState.CONFIRMED, [])

    assert scene(work, answering, lost).ether.methods().count("NOTIFY") == notified
