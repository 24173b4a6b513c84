"""Administrators see which telephones are registered, and take one away."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import httpx
import pytest

from softphone import Agent, Call, CallRefused
from softphone.server import Server
from softphone.sip.message.fields import Address
from softphone.sip.transport.hop import Hop
from tests.api.conftest import logged_in
from tests.focus.phone import Phone
from tests.sip.services.test_registrar import NAT, PHONE, STREAM, register

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/registrations"
CONTACT = "<sip:101@192.0.2.1>"


@pytest.fixture(autouse=True)
def nobody_left(shared: Server) -> Iterator[None]:
    """The next test finds nobody registered."""
    yield
    for user in {each.user for each in shared.registrar.bindings(time.monotonic())}:
        shared.registrar.restore(user, [], 0.0)


def registered(server: Server, contact: str, source: Hop = PHONE, to: str = "<sip:101@example.com>") -> None:
    """Register a telephone, whose password has been seen."""
    request = register(contact)
    request.set("To", to)
    answer = server.registrar.handle(request, source, time.monotonic())
    assert answer.status == 200, answer.reason


async def shown(client: httpx.AsyncClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["registrations"]
    return found


async def test_only_administrators_see_and_remove_them(
    shared: Server, http: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    async with Phone(shared, "102") as phone, logged_in(shared, "102") as ben:
        await phone.register()
        (own,) = await shown(ada)
        for client, status in ((http, 401), (ben, 403)):
            for name in (own["id"], "x"):
                assert (await client.get(PATH)).status_code == status
                assert (await client.delete(f"{PATH}/{name}")).status_code == status
        assert [each["id"] for each in await shown(ada)] == [own["id"]]


async def test_a_telephone_that_is_removed_rings_no_more_until_it_registers_again(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    came: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        came.put_nowait(call)

    def telephone() -> Agent:
        uri = f"sip:127.0.0.1:{shared.stack.port}"
        return Agent("sip:102@127.0.0.1", password="dev-102", registrar=uri, on_call=answer)

    async with Phone(shared, "101") as caller, telephone():
        await (await caller.call("102")).bye()
        await asyncio.wait_for(came.get(), 30)
        (own,) = await shown(ada)
        assert (await ada.delete(f"{PATH}/{own['id']}")).status_code == 204
        assert await shown(ada) == [] and shared.registrar.count(time.monotonic()) == 0
        with pytest.raises(CallRefused, match="480"):
            await caller.call("102")
        assert (await ada.delete(f"{PATH}/{own['id']}")).status_code == 404
        async with telephone():
            await (await caller.call("102")).bye()
            await asyncio.wait_for(came.get(), 30)


@pytest.mark.parametrize(
    ("contact", "source", "seen"),
    [
        (CONTACT, PHONE, {"address": "192.0.2.1:5060", "transport": "udp", "behind_nat": False}),
        (CONTACT, NAT, {"address": "203.0.113.7:40000", "transport": "udp", "behind_nat": True}),
        ("<sip:101@10.0.0.1;transport=tcp>", STREAM, {"transport": "tcp", "behind_nat": False}),
        ("<sip:101@[2001:db8::1]>", Hop("udp", "2001:db8::1", 5060), {"address": "[2001:db8::1]:5060"}),
    ],
)
async def test_what_is_shown(
    shared: Server, ada: httpx.AsyncClient, contact: str, source: Hop, seen: dict[str, Any]
) -> None:
    registered(shared, contact, source)
    (own,) = await shown(ada)
    uri = str(Address.parse(contact).uri)
    whole = {"id": ANY, "number": "101", "contact": uri, "refreshed": ANY, "expires": ANY}
    assert own == {"address": ANY, "transport": ANY, "behind_nat": ANY} | whole | seen
    assert own["refreshed"] < own["expires"]


async def test_the_list_in_parts_and_one_telephone_of_several(shared: Server, ada: httpx.AsyncClient) -> None:
    for number in ("102", "101"):
        for port in (5060, 5062, 5064):
            request = register(f"<sip:{number}@192.0.2.1:{port}>", call_id=f"r{port}")
            request.set("To", f"<sip:{number}@example.com>")
            assert shared.registrar.handle(request, PHONE, time.monotonic()).status == 200
    whole = await shown(ada)
    assert [each["number"] for each in whole] == ["101"] * 3 + ["102"] * 3
    assert len({each["id"] for each in whole}) == 6
    first = (await ada.get(PATH, params={"limit": 4})).json()
    gone = whole[3]["id"]
    assert (await ada.delete(f"{PATH}/{gone}")).status_code == 204
    last = (await ada.get(PATH, params={"limit": 4, "after": first["next"]})).json()
    assert "next" not in last
    ids = [each["id"] for each in whole]
    assert [each["id"] for each in first["registrations"] + last["registrations"]] == ids
    assert [each["id"] for each in await shown(ada)] == [each for each in ids if each != gone]


async def test_a_telephone_keeps_its_id_when_it_moves(shared: Server, ada: httpx.AsyncClient) -> None:
    instance = '+sip.instance="<urn:uuid:1>"'
    ids = []
    for cseq, port in enumerate((5060, 5062), 1):
        request = register(f"<sip:101@192.0.2.1:{port}>;{instance}", cseq=cseq)
        assert shared.registrar.handle(request, PHONE, time.monotonic()).status == 200
        (own,) = await shown(ada)
        ids.append(own["id"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("to", "contact"),
    [
        ("<sip:1-0-1@example.com>", CONTACT),
        ("<sip:(101)@example.com;user=phone>", CONTACT),
        ("<tel:+1-650-555-0100>", CONTACT),
        ("<sip:%2B1(650)5550100@example.com>", CONTACT),
        ("<sip:101@example.com>", '<sip:101@192.0.2.1>;+sip.instance="<\udcff>"'),
        ("<sip:101@example.com>", "<sip:\udcff@192.0.2.1;x=\udcff>"),
        ("<sip:101@example.com>", "<sip:%FF%00@192.0.2.1>"),
    ],
)
async def test_however_it_writes_its_number_and_itself(
    shared: Server, ada: httpx.AsyncClient, to: str, contact: str
) -> None:
    registered(shared, contact, to=to)
    (own,) = await shown(ada)
    assert own["number"] in ("101", "+16505550100")
    assert (await ada.delete(f"{PATH}/{own['id']}")).status_code == 204
    assert await shown(ada) == [] and shared.registrar.count(time.monotonic()) == 0


async def test_what_is_not_there_is_404(shared: Server, ada: httpx.AsyncClient) -> None:
    registered(shared, CONTACT)
    for name in ("x", "0000000000000000", "%00", "%ff", "101", "a%2Fb"):
        assert (await ada.delete(f"{PATH}/{name}")).status_code == 404, name
    assert len(await shown(ada)) == 1
