"""How calls go out: transport, proxy, redirections, and what a hostile host gets."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, AuthenticationFailed, Call, CallRefused, SdpError
from softphone.demo.bridge import running_bridge
from softphone.resolver import Resolver
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import hash_a1
from softphone.sip.message.message import Request, Response, response
from softphone.sip.services.auth import Authenticator
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.watch import Watch
from tests.support.callee import Callee
from tests.support.nameserver import name_server
from tests.support.raw import header, offer

EVIL = 'WWW-Authenticate: Digest realm="{}", nonce="chosen", algorithm=MD5\r\n'


class Pbx:
    """A server that registers anybody who knows the password, and takes calls; notes by what each came."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []
        self.stack = Stack(StackSettings(), on_invite=self._invited, on_request={"REGISTER": self._asked})
        self._authenticator = Authenticator("pbx", lambda user, algorithm: hash_a1(algorithm, user, "pbx", "secret"))

    async def __aenter__(self) -> "Pbx":
        await self.stack.start()
        return self

    async def __aexit__(self, *unused: object) -> None:
        await self.stack.stop()

    async def _asked(self, request: Request, source: Hop) -> Response:
        self.came.append((request.method, source.transport))
        if request.get("Authorization") is None:
            return response(request, 401, headers=[("WWW-Authenticate", 'Digest realm="pbx", nonce="n"')])
        return response(request, 200, contact=request.contact, headers=[("Expires", "300")])

    async def _invited(self, call: InviteSession) -> None:
        self.came.append((f"INVITE {call.invite.uri}", call.source.transport))
        await call.answer(offer())


async def test_a_domain_names_the_servers_of_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's name has no address at all: only SRV records, one server gone, the other one by TCP."""
    async with Pbx() as gone:
        pass
    async with Pbx() as pbx, name_server(here=["127.0.0.1"]) as names:
        names.zone["_sip._tcp.pbx.example", "SRV"] = [
            f"{priority} 0 {port} here.example." for priority, port in enumerate((gone.stack.port, pbx.stack.port))
        ]
        monkeypatch.setattr("softphone.agent.agent.Resolver", lambda **_: Resolver(["127.0.0.1"], names.port))
        async with Agent("sip:101@pbx.example", password="secret", registrar="sip:pbx.example") as agent:
            await agent.invite("102")
    assert [what for what, _ in pbx.came][:3] == ["REGISTER", "REGISTER", "INVITE sip:102@pbx.example"]
    assert {transport for _, transport in pbx.came} == {"tcp"}


async def test_a_call_goes_by_the_transport_of_the_registrar() -> None:
    async with Pbx() as pbx:
        registrar = f"sip:127.0.0.1:{pbx.stack.port};transport=tcp"
        async with Agent("sip:101@127.0.0.1", password="secret", registrar=registrar) as agent:
            await agent.invite("102")
            await agent.invite(f"sip:103@127.0.0.1:{pbx.stack.port}")
    assert {transport for _, transport in pbx.came} == {"tcp"}
    assert [what for what, _ in pbx.came if what.startswith("INVITE")] == [
        f"INVITE sip:102@127.0.0.1:{pbx.stack.port};transport=tcp",
        f"INVITE sip:103@127.0.0.1:{pbx.stack.port};transport=tcp",
    ]


async def test_everything_goes_through_the_outbound_proxy() -> None:
    async with Callee() as proxy, Agent(outbound_proxy=f"sip:127.0.0.1:{proxy.port}") as agent:
        calling = asyncio.create_task(agent.invite("sip:somebody@192.0.2.1"))
        invite = await proxy.take()
        assert invite.startswith("INVITE sip:somebody@192.0.2.1 ")
        assert header(invite, "Route") == f"<sip:127.0.0.1:{proxy.port};lr>"
        call = await calling
        ending = asyncio.create_task(call.hangup())
        proxy.answer(await proxy.receive("BYE"), "200 OK")
        await ending


async def test_the_registration_goes_through_the_outbound_proxy_too() -> None:
    async with Callee() as proxy:

        async def answer() -> list[str]:
            asked = []
            for expires in ("300", "0"):
                asked.append(await proxy.receive("REGISTER"))
                contact = f"Contact: {header(asked[-1], 'Contact')};expires={expires}\r\n"
                proxy.answer(asked[-1], "200 OK", headers=contact)
            return asked

        answering = asyncio.create_task(answer())
        through = f"sip:127.0.0.1:{proxy.port}"
        async with Agent("sip:101@pbx.example", registrar="sip:192.0.2.7", outbound_proxy=through):
            pass
        for request in await answering:
            assert request.startswith("REGISTER sip:192.0.2.7 ")
            assert header(request, "Route") == f"<sip:127.0.0.1:{proxy.port};lr>"
            assert "+sip.instance=" in header(request, "Contact")


async def test_a_peer_that_is_held_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet: list[bool] = []
    monkeypatch.setattr(Watch, "quiet", lambda watch, on: quiet.append(on) if watch._call.direction == "out" else None)

    async def answer(call: Call) -> None:
        await call.accept()

    async with Agent(on_call=answer, host="127.0.0.1") as peer, Agent(host="127.0.0.1") as agent:
        call = await agent.invite(peer.contact)
        before = quiet[-1:]
        await call.hold()
        held = quiet[-1:]
        await call.unhold()
    assert (before, held, quiet[-1:]) == ([False], [True], [False])


@pytest.mark.parametrize("realm", ["evil", "pbx", "127.0.0.1"])
async def test_a_hostile_host_gets_no_digest_whatever_realm_it_claims(realm: str) -> None:
    async with Pbx() as pbx, Callee() as evil:
        registrar = f"sip:127.0.0.1:{pbx.stack.port}"
        async with Agent("sip:101@pbx.example", password="secret", registrar=registrar, host="127.0.0.1") as agent:
            uri = f"sip:victim@localhost:{evil.port}"
            calling = asyncio.create_task(agent.invite(uri))
            evil.answer(await evil.receive("INVITE"), "401 Unauthorized", headers=EVIL.format(realm))
            with pytest.raises(AuthenticationFailed, match="was not given away") as told:
                await calling
    assert uri in str(told.value) and "secret" not in str(told.value)
    assert not any("Authorization: " in message for message in evil.seen)


async def test_whoever_is_behind_our_own_server_gets_no_digest_for_another_realm() -> None:
    async with Callee() as pbx:

        async def register() -> None:
            pbx.answer(await pbx.receive("REGISTER"), "401 Unauthorized", headers=EVIL.format("pbx"), tag="r")
            granted = await pbx.receive("REGISTER")
            contact = f"Contact: {header(granted, 'Contact')}\r\nExpires: 300\r\n"
            pbx.answer(granted, "200 OK", headers=contact, tag="r")

        serving = asyncio.create_task(register())
        registrar = f"sip:127.0.0.1:{pbx.port}"
        agent = Agent("sip:101@127.0.0.1", password="secret", registrar=registrar)
        await agent.__aenter__()
        await serving
        calling = asyncio.create_task(agent.invite("102"))
        pbx.answer(await pbx.receive("INVITE"), "401 Unauthorized", headers=EVIL.format("evil"))
        with pytest.raises(AuthenticationFailed, match="ours is for 'pbx'"):
            await calling
        assert sum("Authorization: " in message for message in pbx.seen) == 1
        leaving = asyncio.create_task(agent.__aexit__(None, None, None))
        goodbye = await pbx.receive("REGISTER")
        pbx.answer(goodbye, "200 OK", tag="r")
        await leaving


async def test_a_redirection_says_where_to() -> None:
    async with Callee() as phone, Agent() as agent:
        calling = asyncio.create_task(agent.invite(phone.uri))
        moved = "Contact: <sip:b@192.0.2.2>;q=0.2, <sip:a@192.0.2.1>;q=0.9\r\n"
        phone.answer(await phone.receive("INVITE"), "302 Moved Temporarily", headers=moved)
        with pytest.raises(CallRefused, match="302 Moved Temporarily, to sip:a@192.0.2.1, sip:b@192.0.2.2") as told:
            await calling
        assert told.value.contacts == ("sip:a@192.0.2.1", "sip:b@192.0.2.2")


async def test_a_redirection_is_followed_best_first_and_never_in_a_circle() -> None:
    async with Callee() as first, Callee() as second, Callee() as third, Agent() as agent:
        calling = asyncio.create_task(agent.invite(first.uri, follow_redirects=True))
        both = f"Contact: <{third.uri}>;q=0.1, <{second.uri}>, <tel:+1>\r\n"
        first.answer(await first.receive("INVITE"), "302 Moved Temporarily", headers=both)
        back = f"Contact: <{first.uri}>, <{second.uri}>\r\n"
        second.answer(await second.receive("INVITE"), "301 Moved Permanently", headers=back)
        await third.take()
        call = await calling
        ending = asyncio.create_task(call.hangup())
        third.answer(await third.receive("BYE"), "200 OK")
        await ending
        assert sum(each.startswith("INVITE") for each in first.seen + second.seen) == 2


async def test_no_more_than_five_redirections() -> None:
    async with Callee() as phone, Agent() as agent:
        calling = asyncio.create_task(agent.invite(phone.uri, follow_redirects=True))
        for number in range(6):
            moved = f"Contact: <sip:{number}@127.0.0.1:{phone.port}>\r\n"
            phone.answer(await phone.receive("INVITE"), "302 Moved Temporarily", headers=moved)
        with pytest.raises(CallRefused, match="302"):
            await calling
        assert sum(each.startswith("INVITE") for each in phone.seen) == 6


async def test_an_agent_says_what_is_wrong_with_its_password(tmp_path: Path) -> None:
    async with running_bridge(tmp_path) as bridge:
        with pytest.raises(AuthenticationFailed, match="does not accept our user name or password .40[13]"):
            async with Agent("sip:102@127.0.0.1", password="wrong", registrar=bridge.sip):
                pass


def test_nothing_is_looked_up_in_the_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket", refuse)
    Agent("sip:bot@name.invalid", registrar="sip:pbx.invalid")


@pytest.mark.parametrize(
    "body", ["", "nonsense\r\n", offer().replace("AVP 0", "AVP 9"), offer().replace("IN IP4 127", "IN IP4 no such")]
)
async def test_who_answers_with_what_is_of_no_use_is_told_why_it_is_hung_up_on(body: str) -> None:
    async with Callee() as callee, Agent(host="127.0.0.1") as agent:
        calling = asyncio.create_task(agent.invite(callee.uri))
        callee.answer(await callee.receive("INVITE"), "200 OK", body=body)
        bye = await callee.receive("BYE")
        assert header(bye, "Reason").startswith("SIP;cause=488;text=")
        callee.answer(bye, "200 OK")
        with pytest.raises(SdpError):
            await calling


@pytest.mark.parametrize("name", ["From", "call-id", "i", "Contact", "m", "Via", "CSeq", "Content-Type", "l", " To"])
async def test_headers_that_say_which_call_it_is_are_the_agents(name: str) -> None:
    async with Callee() as callee, Agent(host="127.0.0.1") as agent:
        with pytest.raises(ValueError, match=name):
            await agent.invite(callee.uri, headers=[("X-Room", "1"), (name, "x")])
        calling = asyncio.create_task(agent.invite(callee.uri, headers=[("X-Room", "1"), ("Subject", "tea")]))
        invite = await callee.receive("INVITE")
        calling.cancel()
    assert (header(invite, "X-Room"), header(invite, "Subject")) == ("1", "tea")
