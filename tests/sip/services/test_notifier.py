"""Subscriptions: with SIPp as the subscriber, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from softphone.sip.dispatcher import OnRequest
from softphone.sip.driver import StackSettings
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, request, response
from softphone.sip.services.notifier import MAX_EXPIRES_S, MAX_OF_HOST, MAX_OF_RESOURCE, MAX_SUBSCRIPTIONS, Notifier
from softphone.sip.stack import Stack
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.allowance import Allowances
from softphone.sip.where.locate import Target
from softphone.testing.clock import run
from softphone.testing.wire import Ether
from tests.peers.sipp import Sipp

KIND = "application/conference-info+xml"


class Numbers:
    """A package whose state is a number; "room" is there as long as `value` is."""

    name, content_type = "conference", KIND

    def __init__(self) -> None:
        self.value: int | None = 1
        self.documents = 0

    def state(self, resource: str) -> int | None:
        return self.value if resource == "room" else None

    def document(self, state: int, previous: int | None, version: int) -> bytes | None:
        if state == previous:
            return None
        self.documents += 1
        word = "full" if previous is None else "partial"
        return f'<x version="{version}" state="{word}">{state}<users state="{word}"/></x>'.encode()


def node(method: str, handler: OnRequest, ether: Ether | None) -> Stack:
    table = {method: handler}
    return ether.stack(on_request=table) if ether else Stack(StackSettings(), on_request=table)


class Phone:
    """A subscriber on our own stack that keeps the NOTIFYs it gets."""

    def __init__(self, answers: int = 200, ether: Ether | None = None) -> None:
        self.got: asyncio.Queue[Request] = asyncio.Queue()
        self.answers = answers
        self.stack = node("NOTIFY", self._notified, ether)

    async def _notified(self, received: Request, source: Hop) -> Response:
        self.got.put_nowait(received)
        return response(received, self.answers)

    def subscribe(self, server: Stack, *, user: str = "room", to_tag: str = "", headers: Headers) -> Request:
        return request(
            "SUBSCRIBE",
            f"sip:{user}@127.0.0.1:{server.port}",
            from_="<sip:phone@127.0.0.1>;tag=mine",
            to=f"<sip:{user}@127.0.0.1>{to_tag and ';tag='}{to_tag}",
            call_id="one-call-id",
            cseq=1,
            contact=self.stack.contact("phone"),
            headers=[("Event", "conference"), *headers],
        )


@asynccontextmanager
async def serving(
    package: Numbers, *phones: Phone, ether: Ether | None = None
) -> AsyncIterator[tuple[Stack, Notifier[int]]]:
    async def subscribed(received: Request, source: Hop) -> Response | None:
        contact = server.contact(received.to.uri.user)
        return notifier.handle(received, source, received.uri.user or "", contact)

    server = node("SUBSCRIBE", subscribed, ether)
    notifier = Notifier(server, package, Allowances(0.0), lambda: 0.0, pace_s=0.05)
    stacks = [server, *(phone.stack for phone in phones)]
    for stack in stacks:
        await stack.start()
    try:
        yield server, notifier
        await notifier.close()
    finally:
        for stack in stacks:
            await stack.stop()


async def forgotten(notifier: Notifier[int]) -> None:
    """The answer to the last NOTIFY has come."""
    async with asyncio.timeout(30):
        while len(notifier):
            await asyncio.sleep(0.01)


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_is_told_all_then_what_changed_then_the_end(tmp_path: Path, transport: str) -> None:
    package = Numbers()
    async with serving(package) as (server, notifier):
        with Sipp(tmp_path, "subscribe", "-t", transport, remote=("127.0.0.1", server.port), rows=[["room"]]) as sipp:
            while not package.documents:  # a change before the first document would be told with it, and not again
                await asyncio.sleep(0.01)
            package.value = 2
            notifier.changed("room")
            await asyncio.to_thread(sipp.finish)
        await forgotten(notifier)


@pytest.mark.parametrize(
    ("headers", "user", "to_tag", "status"),
    [
        ([("Expires", "59")], "room", "", 423),
        ([("Accept", "text/plain")], "room", "", 406),
        ([], "nowhere", "", 404),
        ([], "room", "unknown", 481),
    ],
)
async def test_what_is_refused(headers: Headers, user: str, to_tag: str, status: int) -> None:
    phone = Phone()
    async with serving(Numbers(), phone) as (server, notifier):
        asked = phone.subscribe(server, user=user, to_tag=to_tag, headers=headers)
        answer = await phone.stack.request(asked, Hop("udp", "127.0.0.1", server.port))
        assert answer.status == status
        assert len(notifier) == 0


async def test_another_package_is_a_bad_event() -> None:
    phone = Phone()
    async with serving(Numbers(), phone) as (server, _):
        asked = phone.subscribe(server, headers=[])
        asked.set("Event", "presence")
        answer = await phone.stack.request(asked, Hop("udp", "127.0.0.1", server.port))
        assert (answer.status, answer.get("Allow-Events")) == (489, "conference")


async def test_one_look_is_a_subscription_of_no_length() -> None:
    phone = Phone()
    async with serving(Numbers(), phone) as (server, notifier):
        asked = phone.subscribe(server, headers=[("Expires", "0")])
        await phone.stack.request(asked, Hop("udp", "127.0.0.1", server.port))
        told = await phone.got.get()
        assert told.get("Subscription-State") == "terminated;reason=timeout"
        assert b"full" in told.body
    assert len(notifier) == 0


def test_changes_in_quick_succession_are_told_together() -> None:
    """On a clock that jumps: what is quick does not hang on how fast this machine is."""

    async def work() -> None:
        ether = Ether()
        package, phone = Numbers(), Phone(ether=ether)
        async with serving(package, phone, ether=ether) as (server, notifier):
            answer = await phone.stack.request(
                phone.subscribe(server, headers=[("Expires", "99999")]), Hop("udp", "127.0.0.1", server.port)
            )
            assert answer.expires == MAX_EXPIRES_S
            await phone.got.get()
            for value in range(2, 20):
                package.value = value
                notifier.changed("room")
                await asyncio.sleep(0.001)
            told = await phone.got.get()
            assert b">19<" in told.body
            await asyncio.sleep(10)
            assert phone.got.empty()

    run(work())


async def test_a_conference_that_is_over_ends_the_subscription() -> None:
    package, phone = Numbers(), Phone()
    async with serving(package, phone) as (server, notifier):
        await phone.stack.request(phone.subscribe(server, headers=[]), Hop("udp", "127.0.0.1", server.port))
        await phone.got.get()
        package.value = None
        notifier.changed("room")
        assert (await phone.got.get()).get("Subscription-State") == "terminated;reason=noresource"


async def test_a_phone_that_does_not_know_the_subscription_is_forgotten() -> None:
    package, phone = Numbers(), Phone(answers=481)
    async with serving(package, phone) as (server, notifier):
        await phone.stack.request(phone.subscribe(server, headers=[]), Hop("udp", "127.0.0.1", server.port))
        await phone.got.get()
        await forgotten(notifier)


async def test_who_subscribes_in_the_end_is_told_that_it_is_over() -> None:
    phone = Phone()
    async with serving(Numbers(), phone) as (server, notifier):
        await phone.stack.request(phone.subscribe(server, headers=[]), Hop("udp", "127.0.0.1", server.port))
        await phone.got.get()
        await notifier.close()
        assert (await phone.got.get()).get("Subscription-State") == "terminated;reason=deactivated"


class Deaf:
    """Sends what nobody answers."""

    def flow(self, target: Hop) -> Flow | None:
        return None

    async def request(self, request: Request, target: Target | None = None) -> Response:
        await asyncio.sleep(3600)
        return response(request, 200)


class Everything(Numbers):
    def state(self, resource: str) -> int | None:
        return 1


def asking(notifier: Notifier[int], number: int, resource: str, host: str) -> int:
    asked = request(
        "SUBSCRIBE",
        "sip:room@127.0.0.1",
        from_=f"<sip:{number}@{host}>;tag=t{number}",
        to="<sip:room@127.0.0.1>",
        call_id=f"call-{number}",
        cseq=1,
        contact=Address.parse(f"<sip:{number}@{host}>"),
        headers=[("Event", "conference"), ("Via", f"SIP/2.0/UDP {host}:5060;branch=z9hG4bK{number}")],
    )
    asked.size = 1_000_000  # nobody is refused for what it would be sent
    contact = Address.parse("<sip:us@127.0.0.1>")
    return notifier.handle(asked, Hop("udp", host, 5060), resource, contact).status


def test_nobody_takes_all_subscriptions() -> None:
    """Not by one conference from many addresses, not by one address to many; and others still come in."""

    async def work() -> None:
        notifier = Notifier(Deaf(), Everything(), Allowances(0.0), lambda: 0.0)
        for number in range(MAX_SUBSCRIPTIONS):
            asking(notifier, number, f"s-1/{number}", f"10.0.{number // 250}.{number % 250}")
        assert len(notifier) == MAX_OF_RESOURCE
        assert asking(notifier, 5000, "s-1", "10.9.9.9") == 503
        for number in range(1000, 1000 + MAX_SUBSCRIPTIONS):
            asking(notifier, number, f"s-{number}", "10.1.0.1")
        assert len(notifier) == MAX_OF_RESOURCE + MAX_OF_HOST
        assert asking(notifier, 5001, "s-2", "10.1.0.1") == 503
        assert asking(notifier, 5002, "s-2", "10.9.9.9") == 200
        await notifier.close()

    run(work())


def test_a_stranger_gives_way_to_somebody_known_and_never_the_other_way_round() -> None:
    async def work() -> None:
        notifier = Notifier(Deaf(), Everything(), Allowances(0.0), lambda: 0.0)
        for number in range(MAX_SUBSCRIPTIONS):
            asking(notifier, number, f"s-{number // 200}", f"10.0.{number // 100}.1")
        assert len(notifier) == MAX_SUBSCRIPTIONS
        assert asking(notifier, 5000, "s-77", "10.9.9.9") == 503
        assert asking(notifier, 5001, "s-77/101", "10.9.9.9") == 200
        assert len(notifier) == MAX_SUBSCRIPTIONS
        await notifier.close()

    run(work())
