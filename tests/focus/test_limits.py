"""What time, and who leaves, does to a conference on a running server; and the keys of notices, by ear."""

import time
from functools import partial
from pathlib import Path

import pytest

from mixer.rules.roles import Place
from softphone.focus.session import TelephonySession
from tests.focus.phone import Phone, bridge
from tests.focus.table import CONFNO, Table, expect, only_session, sounding_bridge, stages, until, write_tone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]


async def test_the_keys_of_notices(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        # Longer than anybody listens: what is not heard is not over already.
        write_tone(tmp_path / "pack" / "confbridge-join.wav", CONFNO, 20.0)
        host = await table.call("101", "201", speak=False)
        await host.call.send_keys("9876#")
        await until(lambda: server.control.conferences() and stages(server))
        session = only_session(server)
        for keys, guest, heard in (("*94", "102", set()), ("*95", "103", {CONFNO})):
            await host.call.send_keys(keys)
            await until(partial(told, session, bool(heard)))
            there = len(session.parties)
            await (await table.call(guest, "201", speak=False)).call.send_keys("1234#")
            await until(partial(more, session, there))
            await expect(host.call, heard)


def told(session: TelephonySession, on: bool) -> bool:
    return session.notices is on


def more(session: TelephonySession, than: int) -> bool:
    return len(session.parties) > than


async def test_a_conference_ends_with_its_host_after_the_grace_time(tmp_path: Path) -> None:
    rules = {"end_with_host": "last", "host_grace_s": 1.0}
    async with (
        bridge(tmp_path, conference=rules) as server,
        Phone(server, "101") as host,
        Phone(server, "102") as guest,
    ):
        calls = [await phone.call("201") for phone in (host, guest)]
        await host.keys(calls[0], "9876#")
        await guest.keys(calls[1], "1234#")
        await until(lambda: server.control.conferences() and stages(server) == [Place.JOINED] * 2)
        session = only_session(server)
        began = time.monotonic()
        await calls[0].bye()
        await until(lambda: len(session.parties) == 1)
        assert await guest.hung_up() == "bye"
        assert time.monotonic() >= began + 1.0, "the host may come back until then"
        await until(lambda: not server.control.conferences())


async def test_nobody_stays_longer_than_may_be(tmp_path: Path) -> None:
    async with bridge(tmp_path, conference={"party_limit_s": 1.0}) as server, Phone(server, "102") as phone:
        await phone.call("202")
        session = only_session(server)
        assert await phone.hung_up() == "bye"
        assert (session.parties, server.control.conferences()) == ({}, [session])
