"""The room of a user, called by its number behind a prefix: a conference of its own whenever it wants one."""

import pytest

from softphone.errors import CallRefused
from softphone.focus.session import ConferenceRole, RoomKind
from softphone.server import Server
from tests.focus.phone import Phone, extension
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The third wrong code is the last.
TRIES = 3


async def test_its_user_is_the_host_and_others_come_by_a_code(shared: Server) -> None:
    codes = shared.accounts.codes(extension(shared, "102").id)
    assert codes is not None
    async with Phone(shared, "102") as host, Phone(shared, "103") as guest:
        first = await guest.call("*8102")
        await guest.keys(first, f"{codes.participant}#")
        await until(lambda: shared.focus.conferences)
        (room,) = shared.focus.conferences.values()
        call = await host.call("*8102")
        await until(lambda: len(room.session.parties) == 2)
        assert (room.session.kind, room.session.extension) == (RoomKind.BRIDGE, "102")
        roles = {party.extension_id: party.role for party in room.session.parties.values()}
        assert roles == {"100102": ConferenceRole.HOST, "100103": ConferenceRole.PARTICIPANT}
        assert room is shared.focus.bridge_of(extension(shared, "102"))
        await shared.control.end(room.session.id)
        assert [await host.hung_up(), await guest.hung_up()] == ["bye", "bye"]
        await until(lambda: not shared.focus.conferences)
        assert call is not first


@pytest.mark.parametrize("number", ["*8102", "%2A8102", "*816505550100*102"])
async def test_it_opens_with_its_user(shared: Server, number: str) -> None:
    async with Phone(shared, "102") as host:
        await host.call(number)
        (room,) = shared.focus.conferences.values()
        assert [party.role for party in room.session.parties.values()] == [ConferenceRole.HOST]
        await shared.control.end(room.session.id)
        assert await host.hung_up() == "bye"
        await until(lambda: not shared.focus.conferences)


async def test_no_code_of_another_opens_it(shared: Server) -> None:
    other = shared.accounts.codes(extension(shared, "101").id)
    assert other is not None
    async with Phone(shared, "103") as guest:
        call = await guest.call("*8102")
        for _ in range(TRIES):
            await guest.keys(call, f"{other.host}#")
        assert await guest.hung_up() == "bye"
        assert not shared.focus.conferences


@pytest.mark.parametrize(("who", "number", "status"), [
    ("guest", "*8102", 407),
    ("guest", "*8999", 407),
    ("105", "*8105", 403),
    ("102", "*8999", 404),
    ("102", "*8202", 404),
    ("102", "*8", 404),
])  # fmt: skip
async def test_where_there_is_none(shared: Server, who: str, number: str, status: int) -> None:
    async with Phone(shared, who) as phone:
        with pytest.raises(CallRefused) as refused:
            await phone.call(number)
    assert refused.value.status == status and not shared.focus.conferences
