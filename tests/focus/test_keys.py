"""Each row of the table of keys, over real SIP and RTP: who hears whom before, during and after."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from softphone.agent.call import KeyMethod
from softphone.errors import CallRefused
from softphone.focus.session import TelephonySession
from softphone.server import Server
from tests.focus.phone import Phone
from tests.focus.table import TONES, Table, only_session, sounding_bridge, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]

HOST, FIRST, SECOND = range(3)
HOST_HZ, FIRST_HZ, SECOND_HZ = TONES[:3]
ALL = [{FIRST_HZ, SECOND_HZ}, {HOST_HZ, SECOND_HZ}, {HOST_HZ, FIRST_HZ}]

Heard = list[set[float]]


def without(*silent: float) -> Heard:
    """What is heard when these cannot be."""
    return [heard - set(silent) for heard in ALL]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with sounding_bridge(tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def table(server: Server) -> AsyncIterator[Table]:
    """A host and two participants in the room of extension 201, all of them talking."""
    async with Table(server) as table:
        for who, code in (("101", "9876#"), ("102", "1234#"), ("103", "1234#")):
            party = await table.call(who, "201")
            await party.call.send_keys(code)
            await until(
                lambda: server.control.conferences() and len(only_session(server).parties) == len(table.parties)
            )
        yield table


def muted(session: TelephonySession) -> list[bool]:
    return [party.muted for party in session.parties.values()]


@dataclass(frozen=True)
class Row:
    who: int
    keys: str
    muted: list[bool]
    heard: Heard
    "While the keys are in force."
    back: str
    "Keys that undo it."


ROWS = {
    "own microphone of a participant": Row(FIRST, "*1", [False, True, False], without(FIRST_HZ), "*1"),
    "own microphone of the host": Row(HOST, "*1", [True, False, False], without(HOST_HZ), "*1"),
    "all but the moderators": Row(HOST, "*91", [False, True, True], without(FIRST_HZ, SECOND_HZ), "*90"),
    "not for a participant": Row(FIRST, "*91", [False, False, False], ALL, "*90"),
}
METHODS: list[KeyMethod] = ["rfc4733", "info"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_microphones(table: Table, row: Row, method: KeyMethod) -> None:
    session = only_session(table.server)
    call = table.parties[row.who].call
    await table.expect(ALL)
    await call.send_keys(row.keys, method=method)
    if any(row.muted):
        await until(lambda: muted(session) == row.muted)
    await table.expect(row.heard)
    assert muted(session) == row.muted
    await call.send_keys(row.back, method=method)
    await until(lambda: muted(session) == [False] * 3)
    await table.expect(ALL)


async def test_lock_and_unlock(table: Table) -> None:
    server, host = table.server, table.parties[HOST].call
    await host.send_keys("*92")
    await until(lambda: only_session(server).locked)
    async with Phone(server, "104") as late:
        with pytest.raises(CallRefused, match="403"):
            await late.call("201")
    await table.expect(ALL)
    await host.send_keys("*93")
    await until(lambda: not only_session(server).locked)
    async with Phone(server, "104") as late:
        call = await late.call("201")
        await late.keys(call, "9876#")
        await until(lambda: len(only_session(server).parties) == 4)
        await call.bye()
        await until(lambda: len(only_session(server).parties) == 3)


async def test_notices_off_and_on(table: Table) -> None:
    server, host = table.server, table.parties[HOST].call
    for keys, on in (("*94", False), ("*95", True)):
        await host.send_keys(keys)
        await until(lambda on=on: only_session(server).notices is on)  # type: ignore[misc]


async def test_keys_of_a_participant_do_not_lock(table: Table) -> None:
    await table.parties[FIRST].call.send_keys("*92")
    await table.expect(ALL)
    assert not only_session(table.server).locked
