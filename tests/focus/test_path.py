"""Calls to telephones that registered through a proxy (RFC 3327)."""

import time
from pathlib import Path

from softphone.sip.transport.hop import Hop
from tests.focus.switchboard import Switchboard, answers, play
from tests.sip.services.test_registrar import handle, register


def test_a_telephone_behind_a_proxy_is_called_through_it(tmp_path: Path) -> None:
    async def call(board: Switchboard) -> None:
        proxy = await board.telephone("103", answers, register=False)
        caller = await board.telephone("101")
        by_proxy = register("<sip:103@10.0.0.5:5060>")
        by_proxy.set("To", "<sip:103@conference.test>")
        by_proxy.set("From", "<sip:103@conference.test>;tag=1")
        by_proxy.set("Path", f"<sip:127.0.0.1:{proxy.stack.port};lr>")
        assert (
            handle(board.registrar, by_proxy, Hop("udp", "127.0.0.1", proxy.stack.port), time.monotonic()).status == 200
        )
        answered = await caller.call("103")
        (invite,) = (each.invite for each in proxy.calls)
        assert str(invite.uri) == "sip:103@10.0.0.5:5060"
        assert invite.get_all("Route") == [f"<sip:127.0.0.1:{proxy.stack.port};lr>"]
        await answered.bye()

    play(tmp_path, call)
