"""Host names in the place of media addresses: looked up for whom we know, and for nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from softphone.errors import CallRefused
from softphone.focus.session import TelephonySession
from softphone.resolver import Resolver
from softphone.server import Server
from softphone.sip.message.body import sdp_of
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until
from tests.support.nameserver import NameServer, name_server
from tests.support.raw import RawPhone, header

pytestmark = pytest.mark.asyncio(loop_scope="module")


def named(host: str, **settings: str) -> str:
    return offer(**settings).replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {host}")


@asynccontextmanager
async def names(server: Server, **zone: list[str]) -> AsyncIterator[NameServer]:
    """A name server that is asked for names in descriptions; it has no patience with the tarpit."""
    before = server.focus.context.hosts
    async with name_server(**zone) as asked:
        hosts = Resolver(["127.0.0.1"], asked.port, hosts=Path("/dev/null"), timeout_s=1.0)
        object.__setattr__(server.focus.context, "hosts", hosts)
        yield asked
        await hosts.close()
    object.__setattr__(server.focus.context, "hosts", before)


def media_of(server: Server, session: TelephonySession) -> list[str]:
    members = server.focus.room(session.id).members.values()
    return [str(member.media.spec.remote.host) for member in members if member.media.spec.remote is not None]


async def test_a_telephone_that_we_know_may_name_its_host(shared: Server) -> None:
    session = await conference(shared)
    async with (
        names(shared, phone=["127.0.0.9"], other=["127.0.0.8", "127.0.0.7"]) as asked,
        Phone(shared, "103") as one,
    ):
        call = await one.call(session.token, named("Phone.example."))
        assert media_of(shared, session) == ["127.0.0.9"]
        await call.reinvite(named("other.example"))
        assert media_of(shared, session) in (["127.0.0.8"], ["127.0.0.7"])
        await call.reinvite(named("127.0.0.6"))
        assert media_of(shared, session) == ["127.0.0.6"]
        assert asked.asked == ["phone.example A", "other.example A"]
        with pytest.raises(CallRefused, match="488"):
            await call.reinvite(named("nowhere.example"))
        assert media_of(shared, session) == ["127.0.0.6"]
        await call.bye()


async def test_nobody_looks_up_what_a_stranger_names(shared: Server) -> None:
    session = await conference(shared)
    async with names(shared, phone=["127.0.0.9"]) as asked, Phone(shared) as stranger:
        with RawPhone(shared.focus.node, str(session.token), "named") as raw:
            raw.send("INVITE", named("phone.example"))
            refusal = await asyncio.to_thread(raw.receive, "488")
            assert "phone.example" in header(refusal, "Warning")
            raw.send("ACK", number=raw.number)
        call = await stranger.call(session.token, named("localhost"))
        with pytest.raises(CallRefused, match="488"):
            await call.reinvite(named("phone.example"))
        assert media_of(shared, session) == ["127.0.0.1"]
        await call.bye()
        assert asked.asked == []


@pytest.mark.parametrize("host", ["nowhere.example", "six.example", "a.tarpit.example", "999.1.2.3", "-x.example"])
async def test_a_name_without_an_address_is_refused_and_the_next_call_comes_in(shared: Server, host: str) -> None:
    session = await conference(shared)
    async with names(shared, phone=["127.0.0.9"], six=["2001:db8::1"]) as asked, Phone(shared, "103") as one:
        with pytest.raises(CallRefused, match="488"):
            await one.call(session.token, named(host))
        assert not session.parties
        assert {name.split()[0] for name in asked.asked} == ({host} if host[0].isalpha() else set())
        await (await one.call(session.token, named("phone.example"))).bye()


async def test_nobody_else_waits_for_a_name(shared: Server) -> None:
    session = await conference(shared)
    async with names(shared), Phone(shared, "103") as slow, Phone(shared, "102") as quick:
        waiting = asyncio.create_task(slow.call(session.token, named("a.tarpit.example")))
        await (await quick.call(session.token)).bye()
        assert not waiting.done()
        with pytest.raises(CallRefused, match="488"):
            await waiting


async def test_whom_we_call_may_have_a_name(shared: Server) -> None:
    session = await conference(shared)
    async with names(shared, phone=["127.0.0.9"]), Phone(shared, "102") as called, Phone(shared, "101") as host:
        calls: list[InviteSession] = []

        async def answer(call: InviteSession) -> None:
            calls.append(call)
            await call.answer(named("phone.example", codec="0"))

        called.behaviour = answer
        await called.register()
        call = await host.call(session.token)
        await shared.control.dial(session.id, "102", confirm=False)
        await until(lambda: "127.0.0.9" in media_of(shared, session))
        await calls[0].bye()
        await call.bye()


async def test_a_proxy_of_ours_may_name_hosts_and_its_way_is_followed(tmp_path: Path) -> None:
    async with bridge(tmp_path, sip={"trusted_peers": ["127.0.0.0/8"]}) as server:
        session = await conference(server)
        async with names(server, phone=["127.0.0.9"], late=["127.0.0.8"]), Phone(server) as outside:
            call = await outside.call(session.token, named("phone.example"))
            assert media_of(server, session) == ["127.0.0.9"]
            (member,) = server.focus.room(session.id).members.values()
            assert member.call is not None
            assert member.call.way.trusted
            await call.bye()
            with RawPhone(server.focus.node, str(session.token), "late") as raw:
                await asyncio.to_thread(raw.invite, ack=named("late.example", codec="0"))
                await until(lambda: media_of(server, session) == ["127.0.0.8"])
                raw.send("BYE")
                await asyncio.to_thread(raw.receive, "200", "2 BYE")


async def test_a_stranger_names_no_way(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as stranger:
        call = await stranger.call(session.token)
        (member,) = shared.focus.room(session.id).members.values()
        assert member.call is not None
        assert (member.call.known, member.call.way.trusted) == (False, False)
        await call.bye()


async def test_a_name_of_ours_is_no_place_for_media(shared: Server) -> None:
    session = await conference(shared)
    async with names(shared, us=["127.0.0.1"]), Phone(shared, "103") as one:
        call = await one.call(session.token)
        found = sdp_of(call.response) if call.response is not None else None
        assert found is not None
        port = found.split("m=audio ")[1].split()[0]
        with pytest.raises(CallRefused, match="488"):
            await one.call(session.token, named("us.example").replace("audio 9 ", f"audio {port} "))
        await call.bye()
