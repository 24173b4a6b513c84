"""Two servers, one of which is the other's trunk: registered there, called by it, and calling through it."""

from pathlib import Path

import pytest

from softphone.config import DialRule, TrunkConfig
from softphone.errors import CallRefused
from softphone.server import Server
from tests.focus.phone import Phone, bridge
from tests.focus.table import until
from tests.focus.test_two_party import answer, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")


def trunk_to(itsp: Server) -> TrunkConfig:
    """The trunk of somebody who is extension 102 of another server."""
    return TrunkConfig(
        name="itsp",
        uri=itsp.sip_uri,
        register=True,
        username="102",
        password="dev-102",
        from_user="102",
        from_domain="softphone.local",
        default="103",
    )


async def test_calls_go_both_ways(tmp_path: Path) -> None:
    async with bridge(tmp_path / "itsp") as itsp:
        whole = {"trunk": trunk_to(itsp), "dial": (DialRule("9", 1, trunks=("itsp",)),)}
        async with bridge(tmp_path / "ours", whole) as ours:
            await until(lambda: itsp.registrar.contacts("102", 0.0))
            async with Phone(itsp, "101") as theirs, Phone(itsp, "104") as far, Phone(ours, "103") as near:
                calls, far_calls = await reachable(near, answer), await reachable(far, answer)
                call = await theirs.call("102")
                assert calls.get_nowait().invite.from_.uri.user == "101"
                (room,) = ours.focus.calls.values()
                assert [each.extension_id for each in room.session.parties.values()] == [None, "100103"]
                await call.bye()
                assert await near.hung_up() == "bye"
                call = await near.call("9104")
                assert far_calls.get_nowait().invite.from_.uri.user == "102"
                await call.bye()
                assert await far.hung_up() == "bye"
                with pytest.raises(CallRefused, match="404"):
                    await near.call("9999")
                await until(lambda: not any(server.focus.rooms or server.focus.parties for server in (ours, itsp)))
        # Who goes takes its registration back.
        assert not itsp.registrar.contacts("102", 0.0)
