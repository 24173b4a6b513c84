"""Stacks on real sockets, with each other and with SIPp."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from softphone import sdp
from softphone.errors import CallRefused, SipNetworkError
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import hash_a1
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.services.auth import Authenticator
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from tests.peers.sipp import SCENARIOS, Sipp

OFFER = str(sdp.offer("127.0.0.1", 9, session_id=1, version=1))

Handler = Callable[[InviteSession], Coroutine[Any, Any, None]]


def answer_to(offer: str | None) -> str:
    if offer is None:
        return OFFER
    return str(sdp.answer(sdp.parse(offer), "127.0.0.1", 9, session_id=2, version=1)[0])


async def answering(call: InviteSession) -> None:
    async def again(offer: str | None) -> str:
        return answer_to(offer)

    call.on_reinvite = again
    await call.ring()
    await call.answer(answer_to(call.remote_sdp))


@asynccontextmanager
async def running(*stacks: Stack) -> AsyncIterator[None]:
    for stack in stacks:
        await stack.start()
    try:
        yield
    finally:
        for stack in stacks:
            await stack.stop()


def node(handler: Handler | None = None, **options: Any) -> Stack:
    return Stack(StackSettings(**options), on_invite=handler)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_on_real_sockets(transport: str) -> None:
    calls: list[InviteSession] = []

    async def handler(call: InviteSession) -> None:
        calls.append(call)
        await answering(call)

    bob, alice = node(handler), node()
    async with running(bob, alice):
        uri = f"sip:bob@127.0.0.1:{bob.port};transport={transport}"
        call = await alice.invite(uri, OFFER, from_uri="sip:alice@127.0.0.1")
        assert calls[0].source.transport == transport
        assert call.remote_sdp is not None and sdp.parse(call.remote_sdp).media
        ended = asyncio.get_running_loop().create_future()
        call.on_ended = ended.set_result
        while calls[0].state.value != "confirmed":
            await asyncio.sleep(0)
        await calls[0].bye()
        assert await ended == "bye"
        assert alice.calls == bob.calls == []


async def test_a_large_invite_goes_over_a_stream() -> None:
    sources: list[Hop] = []

    async def handler(call: InviteSession) -> None:
        sources.append(call.source)
        call.reject(486)

    bob, alice = node(handler), node()
    async with running(bob, alice):
        with pytest.raises(CallRefused, match="486"):
            headers = [("Subject", "x" * 2_000)]
            await alice.invite(f"sip:bob@127.0.0.1:{bob.port}", OFFER, from_uri="sip:a@b", headers=headers)
    assert sources[0].transport == "tcp"


async def test_nobody_listens_there() -> None:
    async with running(alice := node()):
        with pytest.raises(SipNetworkError):
            await alice.invite("sip:bob@127.0.0.1:1;transport=tcp", OFFER, from_uri="sip:a@b")
        with pytest.raises(SipNetworkError):
            await alice.invite("sip:bob@nowhere.invalid", OFFER, from_uri="sip:a@b")


@pytest.mark.parametrize(
    "uri", ["sips:bob@127.0.0.1;transport=udp", "sip:bob@127.0.0.1;transport=sctp", "tel:+15550100"]
)
async def test_nothing_goes_in_clear_that_was_to_be_private(uri: str) -> None:
    async with running(alice := node()):
        with pytest.raises(SipNetworkError, match="only sip: and sips: over UDP, TCP, TLS and WebSocket"):
            await alice.invite(uri, OFFER, from_uri="sip:alice@127.0.0.1")
        assert alice.counters["requests_out"] == 0


async def test_a_port_in_use_is_named() -> None:
    async with running(first := node()):
        second = node(port=first.port)
        with pytest.raises(OSError, match=str(first.port)):
            await second.start()


def outside(stack: Stack, method: str, **options: Any) -> Request:
    uri = f"sip:127.0.0.1:{stack.port}"
    return request(method, uri, from_="<sip:a@b>;tag=1", to=f"<{uri}>", call_id=f"c-{method}", cseq=1, **options)


@pytest.mark.parametrize(
    ("method", "status", "header"),
    [("OPTIONS", 200, "Allow"), ("MESSAGE", 200, "X-Seen"), ("SUBSCRIBE", 405, "Allow"), ("BYE", 481, None)],
)
async def test_requests_outside_dialogs(method: str, status: int, header: str | None) -> None:
    async def on_request(received: Request, source: Hop) -> Response | None:
        return response(received, 200, headers=[("X-Seen", "1")])

    bob, alice = Stack(StackSettings(), on_request={"MESSAGE": on_request}), node()
    async with running(bob, alice):
        answer = await alice.request(outside(bob, method))
        assert answer.status == status
        assert header is None or answer.get(header)
        assert answer.get("Server") == "softphone"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"max_forwards": 0}, 480),  # it has arrived
        ({"headers": [("Require", "precondition, timer")]}, 420),
        ({"content_type": "text/plain", "body": "hello"}, 415),
        ({"headers": [("Content-Encoding", "gzip")], "content_type": "application/sdp", "body": "x"}, 415),
    ],
)
async def test_invites_that_nobody_needs_to_see(options: dict[str, Any], status: int) -> None:
    async def busy(call: InviteSession) -> None:
        call.reject(480)

    bob, alice = node(busy), node()
    async with running(bob, alice):
        assert (await alice.request(outside(bob, "INVITE", **options))).status == status


async def test_a_handler_that_breaks_is_a_500_and_the_next_request_works() -> None:
    broken = True

    async def on_request(received: Request, source: Hop) -> Response | None:
        if broken:
            raise RuntimeError("broken on purpose")
        return None

    bob, alice = Stack(StackSettings(), on_request={"OPTIONS": on_request}), node()
    async with running(bob, alice):
        assert (await alice.request(outside(bob, "OPTIONS"))).status == 500
        broken = False
        assert (await alice.request(outside(bob, "OPTIONS"))).status == 200


async def sipp(folder: Path, handler: Handler, scenario: str, *options: str, **more: Any) -> Stack:
    async with running(stack := node(handler)):
        with Sipp(folder, scenario, *options, remote=("127.0.0.1", stack.port), **more) as peer:
            await asyncio.to_thread(peer.finish)
        async with asyncio.timeout(30):
            while stack.calls:
                await asyncio.sleep(0.02)
    return stack


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("scenario", ["call", "hold"])
async def test_sipp_calls(tmp_path: Path, scenario: str) -> None:
    stack = await sipp(tmp_path, answering, scenario, "-d", "200", rows=[["bob"]], calls=5)
    assert stack.calls == []


@pytest.mark.peer("sipp")
async def test_sipp_cancels(tmp_path: Path) -> None:
    ended: list[str] = []

    async def ringing(call: InviteSession) -> None:
        call.on_ended = ended.append
        await call.ring()

    await sipp(tmp_path, ringing, "cancel", rows=[["bob"]])
    assert ended == ["cancelled"]


@pytest.mark.peer("sipp")
async def test_sipp_knows_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = (SCENARIOS / "digest.xml").read_text()
    spoken = re.sub(r"\[authentication.*\]|\[field3\]", "[authentication username=alice password=secret]", scenario)
    (tmp_path / "digest.xml").write_text(spoken)
    monkeypatch.setattr("tests.peers.sipp.SCENARIOS", tmp_path)
    guard = Authenticator("dev", lambda user, algorithm: hash_a1(algorithm, user, "dev", "secret"))
    seen: list[str | None] = []

    async def guarded(call: InviteSession) -> None:
        now = asyncio.get_running_loop().time()
        seen.append(guard.verify(call.invite, call.source, now, "Proxy-Authorization").username)
        if seen[-1] is None:
            call.reject(407, headers=[("Proxy-Authenticate", value) for value in guard.challenge(call.source, now)])
        else:
            await answering(call)

    await sipp(
        tmp_path, guarded, "digest", "-d", "100", "-key", "extra", "Subject: x", rows=[["bob", "alice", "secret"]]
    )
    # Who is not answered at once asks again, and is refused again: nothing is kept of strangers.
    assert seen[0] is None and [name for name in seen if name] == ["alice"]


@pytest.mark.peer("sipp")
async def test_we_call_sipp(tmp_path: Path) -> None:
    async with running(alice := node()):
        with Sipp(tmp_path, "answer") as phone:
            call = await alice.invite(f"sip:phone@127.0.0.1:{phone.port}", OFFER, from_uri="sip:alice@127.0.0.1")
            assert sdp.accept(sdp.parse(OFFER), sdp.parse(call.remote_sdp or "")).codec == "PCMU"
            await call.bye()
            await asyncio.to_thread(phone.finish)


async def test_a_telephone_whose_connection_is_closed_is_called_at_its_contact() -> None:
    flows: asyncio.Queue[Hop] = asyncio.Queue()

    async def register(asked: Request, source: Hop) -> Response:
        flows.put_nowait(source)
        return response(asked, 200)

    registrar, telephone = Stack(StackSettings(), on_request={"REGISTER": register}), node(answering)
    async with running(registrar, telephone):
        reader, writer = await asyncio.open_connection(registrar.host, registrar.port)
        uri = f"sip:phone@127.0.0.1:{telephone.port};transport=tcp"
        asked = request("REGISTER", "sip:h", from_="<sip:a@h>;tag=1", to="<sip:a@h>", call_id="r", cseq=1, contact=uri)
        asked.set("Via", "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-r")
        writer.write(bytes(asked))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200")
        writer.close()
        flow = await flows.get()
        async with asyncio.timeout(10):
            while registrar.flow(flow) is not None:
                await asyncio.sleep(0.01)
            call = await registrar.invite(uri, OFFER, from_uri="sip:r@h", target=flow)
        await call.bye()


async def test_an_invite_whose_body_has_no_length_is_refused_and_its_connection_closed() -> None:
    async with running(bob := node(answering)):
        reader, writer = await asyncio.open_connection(bob.host, bob.port)
        asked = request("INVITE", "sip:b@h", from_="<sip:a@h>;tag=1", to="<sip:b@h>", call_id="r", cseq=1)
        asked.set("Via", "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-r")
        asked.set("Content-Type", "application/sdp")
        head, _, _ = bytes(asked).partition(b"Content-Length")
        writer.write(head + b"\r\n" + OFFER.encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"SIP/2.0 400 Missing Content-Length")
        assert answer.count(b"SIP/2.0 ") == 1 + answer.count(b"Via: SIP/2.0 ")
        writer.close()
        call = await bob.invite(f"sip:b@{bob.host}:{bob.port}", OFFER, from_uri="sip:b@h")
        await call.bye()


@pytest.mark.parametrize(
    ("method", "before", "after"), [("INVITE", 503, 480), ("REGISTER", 503, 200), ("OPTIONS", 503, 200)]
)
async def test_who_comes_before_the_handlers_is_told_to_come_again(method: str, before: int, after: int) -> None:
    async def register(received: Request, source: Hop) -> Response | None:
        return response(received, 200)

    async with running(late := Stack(StackSettings()), alice := Stack(StackSettings())):
        refused = await alice.request(outside(late, method))
        assert (refused.status, refused.get("Retry-After")) == (before, "5")
        assert late.counters["refused"] == 1
        late.serve(on_request={"REGISTER": register})
        assert (await alice.request(outside(late, method))).status == after


async def test_the_handlers_of_a_stack_are_given_once() -> None:
    async def asked(received: Request, source: Hop) -> Response | None:
        return None

    late = Stack(StackSettings())
    late.serve(answering)
    with pytest.raises(RuntimeError):
        late.serve(on_request={"MESSAGE": asked})
    with pytest.raises(RuntimeError):
        node(answering).serve(answering)
