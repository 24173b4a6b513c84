"""REFER from inside a conference: somebody is called in, and the phone that asked hears how that went."""

import asyncio
import secrets
from collections.abc import Sequence

import pytest

from softphone.server import Server
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference
from tests.focus.table import until
from tests.focus.test_two_party import answer, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Told:
    """Keeps the NOTIFYs of a phone."""

    def __init__(self, phone: Phone) -> None:
        self.got: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        phone.told = self._notified

    async def _notified(self, received: Request, source: Hop) -> Response:
        self.got.put_nowait((received.body.decode().strip(), received.get("Subscription-State") or ""))
        return response(received, 200)

    async def next(self) -> str:
        return (await asyncio.wait_for(self.got.get(), 30))[0]


def refer_to(server: Server, asked: str) -> list[tuple[str, str]]:
    """Of a user, with parameters of the URI behind a semicolon."""
    user, semicolon, params = asked.partition(";")
    return [("Refer-To", f"<sip:{user}@127.0.0.1:{server.stack.port}{semicolon}{params}>")]


async def test_an_extension_is_called_in(shared: Server) -> None:
    session = await conference(shared)
    rung: asyncio.Queue[InviteSession] = asyncio.Queue()

    async def answering(call: InviteSession) -> None:
        await call.answer(offer())
        rung.put_nowait(call)

    async with Phone(shared, "101") as host, Phone(shared, "103") as bob:
        bob.behaviour = answering
        await bob.register()
        told = Told(host)
        call = await host.call(session.token)
        assert "REFER" in (call.response.get("Allow") or "" if call.response else "")
        assert (await call.request("REFER", headers=refer_to(shared, "103"))).status == 202
        assert await told.next() == "SIP/2.0 100 Trying"
        joined = await asyncio.wait_for(rung.get(), 30)
        assert await told.next() == "SIP/2.0 200 OK"
        assert told.got.empty()
        await joined.info("application/dtmf-relay", "Signal=1\r\nDuration=100\r\n")
        async with asyncio.timeout(30):
            while len(shared.control.conference(session.id).parties) < 2:
                await asyncio.sleep(0.02)
        await shared.control.end(session.id)


@pytest.mark.parametrize(
    ("number", "asks", "ends"),
    [("101", "104", "SIP/2.0 480"), ("101", "nobody", "SIP/2.0 404"), ("guest", "103", "SIP/2.0 403")],
)
async def test_how_it_fails_is_told(shared: Server, number: str, asks: str, ends: str) -> None:
    session = await conference(shared)
    async with Phone(shared, number) as phone:
        told = Told(phone)
        call = await phone.call(session.token)
        assert (await call.request("REFER", headers=refer_to(shared, asks))).status == 202
        assert await told.next() == "SIP/2.0 100 Trying"
        assert (await told.next()).startswith(ends)
        await call.bye()
    await shared.control.end(session.id)


async def test_a_moderator_sends_somebody_away(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared) as guest:
        chair, call = await host.call(session.token), await guest.call(session.token)
        party = list(session.parties)[1]
        told = Told(guest)
        assert (await call.request("REFER", headers=refer_to(shared, f"{party};method=BYE"))).status == 202
        assert [await told.next(), await told.next()] == ["SIP/2.0 100 Trying", "SIP/2.0 403 Forbidden"]
        told = Told(host)
        for asks, ends in (
            ("nobody;method=BYE", "404 Not Found"),
            ("103;method=INFO", "501 Not Implemented"),
            (f"{party};method=BYE", "200 OK"),
        ):
            answer = await chair.request("REFER", headers=refer_to(shared, asks))
            assert answer.status == 202 and answer.contact is not None
            assert [await told.next(), await told.next()] == ["SIP/2.0 100 Trying", f"SIP/2.0 {ends}"]
        assert await guest.hung_up() == "bye"
        await chair.bye()
    await shared.control.end(session.id)


async def test_a_refer_to_nobody_is_bad(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as phone:
        call = await phone.call(session.token)
        assert (await call.request("REFER")).status == 400
        await call.bye()
    await shared.control.end(session.id)


async def test_a_refer_outside_of_the_call(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared, "103") as bob:
        rung: asyncio.Queue[InviteSession] = asyncio.Queue()

        async def answering(call: InviteSession) -> None:
            await call.answer(offer())
            rung.put_nowait(call)

        bob.behaviour = answering
        await bob.register()
        told = Told(host)
        assert (await referring(shared, host, str(session.token), "103")).status == 404, "it is not in the room yet"
        call = await host.call(session.token)
        assert (await referring(shared, host, str(session.token), "103")).status == 202
        assert await told.next() == "SIP/2.0 100 Trying"
        await asyncio.wait_for(rung.get(), 30)
        assert await told.next() == "SIP/2.0 200 OK"
        assert (await referring(shared, host, "201", "103")).status == 404, "it is in another room"
        await call.bye()
    await shared.control.end(session.id)


async def test_a_stranger_may_refer_nobody(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as guest:
        await guest.call(session.token)
        assert (await referring(shared, guest, str(session.token), "103")).status == 401
    await shared.control.end(session.id)


def naming(call: InviteSession, turned: bool = False) -> list[tuple[str, str]]:
    """That a request is about a call, whose tags are told from either end."""
    tags = (call.dialog.remote.tag, call.dialog.local.tag)[:: -1 if turned else 1]
    value = "{};local-tag={};remote-tag={}".format(call.dialog.call_id, *tags)
    return [("Require", "tdialog"), ("Target-Dialog", value)]


@pytest.mark.parametrize("turned", [False, True])
async def test_a_call_of_two_is_handed_over_from_outside_of_it(shared: Server, turned: bool) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, Phone(shared, "103") as cid:
        for phone in (bob, cid):
            await reachable(phone, answer)
        told = Told(ann)
        call = await ann.call("102")
        user = str(call.dialog.remote_target.user)
        assert (await referring(shared, cid, user, "103", naming(call, turned))).status == 404, "it is not its call"
        assert (await referring(shared, ann, user, "103")).status == 404, "it does not say which"
        wrong = [("Require", "tdialog"), ("Target-Dialog", "nobody;local-tag=a;remote-tag=b")]
        assert (await referring(shared, ann, user, "103", wrong)).status == 404
        assert (await referring(shared, ann, user, "103", naming(call, turned))).status == 202
        said = [await told.next()]
        while said[-1] < "SIP/2.0 200":
            said.append(await told.next())
        assert (said[0], said[-1]) == ("SIP/2.0 100 Trying", "SIP/2.0 200 OK")
        assert await ann.hung_up() == "bye"
        (room,) = shared.focus.calls.values()
        assert [each.address.number for each in room.session.parties.values()] == ["103", "102"]
        await shared.control.end(room.session.id)
        await until(lambda: shared.focus.parties == 0)


async def test_somebody_is_called_into_the_conference_whose_call_is_named(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared, "103") as bob:
        await reachable(bob, answer)
        told = Told(host)
        call = await host.call(session.token)
        assert (await referring(shared, host, "anything", "103", naming(call))).status == 202
        assert [await told.next(), await told.next()] == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
    await shared.control.end(session.id)
    await until(lambda: shared.focus.parties == 0)


async def referring(
    server: Server, phone: Phone, user: str, target: str, more: Sequence[tuple[str, str]] = ()
) -> Response:
    """A REFER of a phone to the URI of a conference, outside of any dialog."""
    asked = request(
        "REFER",
        f"sip:{user}@127.0.0.1:{server.stack.port}",
        from_=f"<sip:{phone.number}@127.0.0.1>;tag=one",
        to=f"<sip:{user}@127.0.0.1>",
        call_id=f"refer-{secrets.token_hex(8)}",
        cseq=1,
        contact=phone.stack.contact(phone.number),
        headers=[*refer_to(server, target), *more],
    )
    return await phone.stack.request(asked, Hop("udp", "127.0.0.1", server.stack.port), phone.credentials)


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ("sip:104@elsewhere.example", "403 Forbidden"),
        ("sip:5550100@their-pbx.example;transport=tcp", "403 Forbidden"),
        ("sip:104@127.0.0.1:9", "403 Forbidden"),
        ("sips:104@elsewhere.example", "416 Unsupported URI Scheme"),
        ("tel:104", "480 Temporarily Unavailable"),
        ("sip:104@softphone.local", "480 Temporarily Unavailable"),
        ("sip:104@localhost", "480 Temporarily Unavailable"),  # as its telephone calls us
        ("sip:202@127.0.0.1", "482 Loop Detected"),
        ("sip:+16505550100@127.0.0.1", "482 Loop Detected"),
        ("sip:104@softphone.local?Replaces=1%40h%3Bto-tag%3D1%3Bfrom-tag%3D2", "480 Temporarily Unavailable"),
        ("sip:104@softphone.local?replaces=x", "400 Bad Request"),
        ("sip:104@softphone.local?Subject=x&From=%3Csip%3Aceo%40us%3E", "480 Temporarily Unavailable"),
        ("sip:104@softphone.local?Subject", "400 Bad Request"),
        ("sip:softphone.local", "404 Not Found"),
    ],
)
async def test_host_and_headers_are_carried_or_refused(shared: Server, target: str, ends: str) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host:
        told = Told(host)
        call = await host.call(session.token, known_as="localhost")
        assert (await call.request("REFER", headers=[("Refer-To", f"<{target}>")])).status == 202
        assert [await told.next(), await told.next()] == ["SIP/2.0 100 Trying", f"SIP/2.0 {ends}"]
        await call.bye()
    await shared.control.end(session.id)


@pytest.mark.parametrize("target", ["<cid:list@x>", "<http://x/>", "<sip:104@x>, <sip:104@x>", "<sip:>"])
async def test_a_refer_to_what_is_nobody_is_bad(shared: Server, target: str) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host:
        call = await host.call(session.token)
        assert (await call.request("REFER", headers=[("Refer-To", target)])).status == 400
        await call.bye()
    await shared.control.end(session.id)


async def test_a_dial_over_the_control_face_keeps_the_host(shared: Server) -> None:
    session = await conference(shared)
    for called, word in (
        ("sip:104@elsewhere.example", "not allowed"),
        (f"sip:104@127.0.0.1:{shared.stack.port}", "not registered"),
        ("sip:bad uri@x y", "unknown"),
    ):
        invitation = await shared.control.dial(session.id, called)
        await asyncio.wait_for(asyncio.shield(invitation.outcome), 30)
        assert invitation.reason == word
    await shared.control.end(session.id)
