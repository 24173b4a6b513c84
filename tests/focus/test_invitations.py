"""Calling people in: *8 and the control face, to extensions and through a trunk; and the lobby."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mixer.rules.roles import Place
from softphone.agent import Agent, Call
from softphone.focus.errors import NoSuchInvitation, WrongState
from softphone.focus.party.invitations import DialOutStatus, InvitationState
from softphone.server import Server
from tests.focus.phone import Phone, extension
from tests.focus.table import INVITED, MUSIC, TONES, Table, expect, only_session, sounding_bridge, stages, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]


@asynccontextmanager
async def answering(server: Server, number: str) -> AsyncIterator[asyncio.Queue[Call]]:
    """The registered telephone of an extension; the test answers its calls."""
    ringing: asyncio.Queue[Call] = asyncio.Queue()
    address = f"127.0.0.1:{server.stack.port}"
    async with Agent(
        f"sip:{number}@{address}", password=f"dev-{number}", registrar=f"sip:{address}", on_call=ringing.put
    ):
        yield ringing


@asynccontextmanager
async def trunk() -> AsyncIterator[tuple[int, asyncio.Queue[Call]]]:
    """Somebody outside, and the port of the way there."""
    ringing: asyncio.Queue[Call] = asyncio.Queue()
    async with Agent("sip:trunk@127.0.0.1", on_call=ringing.put) as agent:
        yield int(agent.contact.rpartition(":")[2]), ringing


def invitations(server: Server) -> list[DialOutStatus]:
    return server.control.invitations(only_session(server).id)


async def test_star_eight_rings_an_extension_that_joins_by_pressing_one(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table, answering(server, "103") as ringing:
        host = await table.call("101", "202")
        await host.call.send_keys("*8103#")
        invited = await asyncio.wait_for(ringing.get(), 30)
        assert invited.remote_uri.startswith("sip:101@")
        await invited.accept()
        await expect(invited, {INVITED})
        await table.expect([{MUSIC}])
        assert stages(server) == [Place.JOINED, Place.INVITED]
        await invited.send_keys("1")
        await until(lambda: stages(server) == [Place.JOINED] * 2)
        await expect(invited, {TONES[0]})
        (invitation,) = invitations(server)
        assert (invitation.state, invitation.number) == (InvitationState.ANSWERED, "103")
        assert invitation.party in only_session(server).parties
        await host.call.send_keys("##")
        assert await invited.wait_ended() == "bye"
        assert await server.history.flush(30.0)
        calls = {call.direction: (call.caller, call.callee) for call in (await server.store.archive.calls()).items}
        assert calls == {"inbound": ("101", "202"), "outbound": ("202", "103")}


async def test_an_invitation_is_dropped_while_it_rings(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table, answering(server, "103") as ringing:
        host = await table.call("101", "202", speak=False)
        for keys in ("##", ""):
            await host.call.send_keys("*8103#")
            invited = await asyncio.wait_for(ringing.get(), 30)
            if keys:
                await host.call.send_keys(keys)
            else:
                await server.control.cancel_dial(only_session(server).id, 2)
            assert await invited.wait_ended() == "cancelled"
        assert [each.state for each in invitations(server)] == [InvitationState.DROPPED] * 2
        with pytest.raises(NoSuchInvitation):
            await server.control.cancel_dial(only_session(server).id, 2)


async def test_who_is_not_there_or_does_not_want_to(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Phone(server, "101") as host, answering(server, "103") as ringing:
        await host.call("202")
        session = only_session(server).id
        for number in ("104", "15550002222"):
            await server.control.dial(session, number)
        await server.control.dial(session, "103")
        await (await asyncio.wait_for(ringing.get(), 30)).reject(603)
        await until(lambda: all(each.state is InvitationState.FAILED for each in invitations(server)))
        assert [each.reason for each in invitations(server)] == ["not registered", "no trunk", "declined"]
        await server.control.lock(session, True)
        with pytest.raises(WrongState):
            await server.control.dial(session, "103")


async def test_a_number_outside_is_called_through_the_trunk(tmp_path: Path) -> None:
    async with trunk() as (port, ringing):
        way: dict[str, object] = {"uri": f"sip:127.0.0.1:{port}", "caller": "16505550100"}
        async with sounding_bridge(tmp_path, trunk=way) as server, Table(server) as table:
            await table.call("101", "202")
            invitation = await server.control.dial(only_session(server).id, "15550002222", confirm=False)
            invited = await asyncio.wait_for(ringing.get(), 30)
            assert invited.remote_uri.startswith("sip:16505550100@")
            await invited.accept()
            await until(lambda: invitation.state is InvitationState.ANSWERED)
            await expect(invited, {TONES[0]})
            await invited.hangup()
            await until(lambda: len(only_session(server).parties) == 1)


async def test_who_waits_in_the_lobby_is_admitted_or_rejected(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path, conference={"lobby": True}) as server, Table(server) as table:
        for who, code in (("101", "9876#"), ("102", "1234#")):
            await (await table.call(who, "201")).call.send_keys(code)
            await until(lambda: server.control.conferences())
            await until(lambda: len(only_session(server).parties) == len(table.parties))
        assert stages(server) == [Place.JOINED, Place.LOBBY]
        await table.expect([{MUSIC}, {MUSIC}])
        session = only_session(server)
        waiting = list(session.parties)[1]
        await server.control.admit(session.id, waiting)
        await table.expect([{TONES[1]}, {TONES[0]}])
        async with Phone(server, "103") as phone:
            call = await phone.call("201")
            await phone.keys(call, "1234#")
            await until(lambda: len(session.parties) == 3)
            await server.control.reject(session.id, list(session.parties)[2])
            assert await phone.hung_up() == "bye"


async def test_a_moved_party_changes_its_worker(tmp_path: Path) -> None:
    sections: dict[str, dict[str, object]] = {"media": {"workers": 2}, "conference": {"join_before_host": True}}
    async with sounding_bridge(tmp_path, **sections) as server, Table(server) as table:
        rooms = [await server.focus.open(extension(server, number)) for number in ("202", "101")]
        workers = {id(server.media._worker("room", room.room)) for room in rooms}
        assert len(workers) == 2
        await table.call("102", "202")
        await table.call("103", "202")
        for name in list(rooms[0].session.parties):
            await server.control.move(rooms[0].session.id, name, rooms[1].session.id)
        await until(lambda: len(rooms[1].members) == 2)
        await table.expect([{TONES[1]}, {TONES[0]}])
