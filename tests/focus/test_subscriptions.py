"""The roster on a phone: SUBSCRIBE at the real server, NOTIFYs read by their XML."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.etree import ElementTree as xml

import pytest

from softphone import Agent
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.token import VoiceCallToken
from softphone.server import Server
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.services.conference_event import CONTENT_TYPE, NAMESPACE
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference, extension

pytestmark = pytest.mark.asyncio(loop_scope="module")

NS = f"{{{NAMESPACE}}}"


class Watcher:
    """A phone that subscribes; `told` are the documents of its NOTIFYs."""

    def __init__(self, server: Server) -> None:
        self._port = server.stack.port
        self.told: asyncio.Queue[xml.Element] = asyncio.Queue()
        self.states: list[str] = []
        self.asked: list[str] = []
        self.stack = Stack(StackSettings(), on_request={"NOTIFY": self._notified})

    async def _notified(self, received: Request, source: Hop) -> Response:
        self.states.append(received.get("Subscription-State") or "")
        if received.body:
            assert received.content_type == CONTENT_TYPE
            self.told.put_nowait(xml.fromstring(received.body))
        return response(received, 200)

    async def subscribe(self, user: str, credentials: Credentials | None = None) -> Response:
        asked = request(
            "SUBSCRIBE",
            f"sip:{user}@127.0.0.1:{self._port}",
            from_="<sip:watcher@127.0.0.1>;tag=one",
            to=f"<sip:{user}@127.0.0.1>",
            call_id=f"watch-{user[-12:]}-{len(self.asked)}",
            cseq=1,
            contact=self.stack.contact("watcher"),
            headers=[("Event", "conference"), ("Accept", CONTENT_TYPE), ("Expires", "600")],
        )
        self.asked.append(user)
        return await self.stack.request(asked, Hop("udp", "127.0.0.1", self._port), credentials)

    async def until(self, path: str, text: str) -> None:
        """Wait for a document in which an element has this text."""
        async with asyncio.timeout(30):
            while not any(found.text == text for found in (await self.told.get()).iterfind(path)):
                pass


async def test_a_watcher_sees_who_comes_is_muted_and_goes(shared: Server) -> None:
    server = shared
    owner = server.accounts.find("101")
    assert owner is not None
    session = await server.focus.create_conference(owner)
    watcher = Watcher(server)
    await watcher.stack.start()
    try:
        answer = await watcher.subscribe(str(session.token))
        assert answer.status == 200
        assert answer.contact is not None and "isfocus" in answer.contact.params
        await watcher.until(f"{NS}conference-state/{NS}user-count", "0")
        async with Agent("sip:bob@127.0.0.1") as bob:
            call = await bob.invite(f"sip:{session.token}@127.0.0.1:{server.stack.port}")
            await watcher.until(f"{NS}conference-state/{NS}user-count", "1")
            await call.send_keys("*1")
            await watcher.until(f"{NS}users/{NS}user/{NS}endpoint/{NS}status", "muted-via-focus")
            await call.hangup()
        await watcher.until(f"{NS}conference-state/{NS}user-count", "0")
        await server.control.end(session.id)
        async with asyncio.timeout(30):
            while watcher.states[-1] != "terminated;reason=noresource":
                await asyncio.sleep(0.02)
    finally:
        await watcher.stack.stop()


@pytest.mark.parametrize(("allow", "said"), [("INVITE, ACK, BYE, NOTIFY", True), ("INVITE, ACK, BYE", False)])
async def test_a_phone_that_can_be_notified_is_told_that_this_is_a_conference(
    shared: Server, allow: str, said: bool
) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        call = await phone.stack.invite(
            f"sip:{session.token}@127.0.0.1:{shared.stack.port}",
            offer(),
            from_uri="sip:guest@softphone.local",
            headers=[("Allow", allow)],
        )
        assert call.response is not None and call.response.contact is not None
        assert ("isfocus" in call.response.contact.params) is said
        await call.bye()
    await shared.control.end(session.id)


@pytest.mark.parametrize(
    ("user", "status"),
    [("conf_00", 404), ("nobody", 401), ("101", 401), ("202", 401)],
)
async def test_who_may_not_watch(shared: Server, user: str, status: int) -> None:
    watcher = Watcher(shared)
    await watcher.stack.start()
    try:
        assert (await watcher.subscribe(user)).status == status
    finally:
        await watcher.stack.stop()


async def test_a_token_made_of_the_id_of_another_room_shows_nothing(shared: Server) -> None:
    room = await shared.focus.open(extension(shared, "201"))
    watcher = Watcher(shared)
    await watcher.stack.start()
    try:
        forged = VoiceCallToken(room.session.id, *shared.focus.node)
        assert (await watcher.subscribe(str(forged))).status == 404
    finally:
        await watcher.stack.stop()
    await shared.control.end(room.session.id)


async def test_an_extension_may_watch_a_room_that_is_open(shared: Server) -> None:
    server = shared
    room = server.accounts.find("202")
    assert room is not None
    await server.focus.open(room)
    watcher = Watcher(server)
    await watcher.stack.start()
    try:
        answer = await watcher.subscribe("202", Credentials("102", "dev-102"))
        assert answer.status == 200
        document = await watcher.told.get()
        assert document.get("entity") == f"sip:202@127.0.0.1:{server.stack.port}"
    finally:
        await watcher.stack.stop()


@asynccontextmanager
async def in_the_room(
    server: Server, number: str, calls: str, code: str
) -> AsyncIterator[tuple[ConferenceRoom, InviteSession]]:
    """An extension that called a number and typed a code."""
    async with Phone(server, number) as phone:
        call = await phone.call(calls)
        await phone.keys(call, f"{code}#")
        async with asyncio.timeout(30):
            while not any(each.parties for each in server.control.conferences()):
                await asyncio.sleep(0.01)
        (session,) = [each for each in server.control.conferences() if each.parties]
        room = server.focus.room(session.id)
        assert isinstance(room, ConferenceRoom)
        yield room, call
        await call.bye()
        await server.control.end(session.id)


def host_code(server: Server, number: str) -> str:
    codes = server.accounts.codes(extension(server, number).id)
    assert codes is not None
    return codes.host


async def status_of(server: Server, user: str, number: str) -> int:
    watcher = Watcher(server)
    await watcher.stack.start()
    try:
        return (await watcher.subscribe(user, Credentials(number, f"dev-{number}"))).status
    finally:
        await watcher.stack.stop()


async def test_the_contact_of_the_bridge_leads_its_members_to_their_room(shared: Server) -> None:
    bridge = shared.accounts.main_number
    async with in_the_room(shared, "102", bridge, host_code(shared, "103")) as (room, call):
        assert room.session.extension == "103"
        assert call.response is not None and call.response.contact is not None
        user = call.response.contact.uri.user or ""
        watcher = Watcher(shared)
        await watcher.stack.start()
        try:
            assert (await watcher.subscribe(user, Credentials("102", "dev-102"))).status == 200
            document = await watcher.told.get()
            assert document.get("entity") == f"sip:{bridge}@127.0.0.1:{shared.stack.port}"
            assert document.findtext(f"{NS}conference-state/{NS}user-count") == "1"
            assert await status_of(shared, user, "103") == 200, "whose room it is"
            assert await status_of(shared, user, "104") == 404, "who is in no room"
            await call.bye()
            async with asyncio.timeout(30):
                while watcher.states[-1] != "terminated;reason=noresource":
                    await asyncio.sleep(0.02)
        finally:
            await watcher.stack.stop()


async def test_who_is_in_a_room_with_a_code_is_shown_to_those_inside(shared: Server) -> None:
    async with in_the_room(shared, "102", "201", "9876"):
        assert [await status_of(shared, "201", number) for number in ("102", "103", "101")] == [200, 404, 200]


async def test_who_is_called_in_is_told_where(shared: Server) -> None:
    session = await conference(shared)
    rung: asyncio.Queue[InviteSession] = asyncio.Queue()

    async def answering(call: InviteSession) -> None:
        await call.answer(offer())
        rung.put_nowait(call)

    async with Phone(shared, "101") as host, Phone(shared, "103") as bob:
        bob.behaviour = answering
        await bob.register()
        await host.call(session.token)
        await shared.control.dial(session.id, "103", confirm=False)
        contact = (await asyncio.wait_for(rung.get(), 30)).invite.contact
        assert contact is not None and "isfocus" in contact.params
        watcher = Watcher(shared)
        await watcher.stack.start()
        try:
            assert (await watcher.subscribe(contact.uri.user or "")).status == 200
            assert (await watcher.told.get()).get("entity") == f"sip:{session.token}@127.0.0.1:{shared.stack.port}"
        finally:
            await watcher.stack.stop()
        await shared.control.end(session.id)


@pytest.mark.parametrize("let_in", [True, False])
async def test_who_is_still_asked_for_a_code_waits_for_its_roster(shared: Server, let_in: bool) -> None:
    watcher, proof = Watcher(shared), Credentials("102", "dev-102")
    await watcher.stack.start()
    try:
        async with Phone(shared, "102") as phone, asyncio.timeout(30):
            assert (await watcher.subscribe("201", proof)).status == 404
            call = await phone.call("201")
            assert (await watcher.subscribe("201", proof)).status == 200
            while not watcher.states:
                await asyncio.sleep(0.01)
            assert watcher.states[0].startswith("pending;expires=") and watcher.told.empty()
            if let_in:
                await phone.keys(call, "1234#")
                document = await watcher.told.get()
                assert document.findtext(f"{NS}conference-state/{NS}user-count") == "1"
                assert watcher.states[-1].startswith("active;expires=")
            await call.bye()
            while watcher.states[-1] != "terminated;reason=noresource":
                await asyncio.sleep(0.01)
    finally:
        await watcher.stack.stop()
