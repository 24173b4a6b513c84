"""Who is let in, who is not, and with which answer; over real SIP."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone import sdp
from softphone.errors import CallRefused
from softphone.focus.session import ConferenceRole, PartyStatus
from softphone.focus.token import VoiceCallToken
from softphone.server import Server
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import request
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference, extension

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(phone: Phone, user: object, sdp_text: str | None = None) -> int:
    with pytest.raises(CallRefused) as caught:
        await phone.call(user, sdp_text)
    return caught.value.status


async def test_unknown_and_foreign_tokens(shared: Server) -> None:
    session = await conference(shared)
    host, port = shared.focus.node
    unknown = VoiceCallToken("s-" + "00" * 16, host, port)
    foreign = VoiceCallToken(session.id, host, port ^ 1)
    async with Phone(shared) as phone:
        for user in (unknown, foreign, "conf_00", "conf_", str(session.token)[:-2]):
            assert await refusal(phone, user) == 404, user
        assert not session.parties


async def test_a_token_made_of_the_id_of_another_room_opens_nothing(shared: Server) -> None:
    for number in ("201", "102"):
        room = await shared.focus.open(extension(shared, number))
        forged = VoiceCallToken(room.session.id, *shared.focus.node)
        async with Phone(shared) as stranger, Phone(shared, "103") as known:
            assert [await refusal(phone, forged) for phone in (stranger, known)] == [404, 404]
            assert not room.session.parties
            await shared.control.end(room.session.id)
            assert await refusal(stranger, forged) == 404


async def test_an_ended_conference_is_gone(shared: Server) -> None:
    session = await conference(shared)
    await shared.control.end(session.id)
    async with Phone(shared) as phone:
        assert await refusal(phone, session.token) == 410


async def test_what_is_served_is_said(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "102") as phone:
        call = await phone.call(session.token)
        uri = f"sip:127.0.0.1:{shared.stack.port}"
        asked = request("OPTIONS", uri, from_="<sip:a@b>;tag=1", to=f"<{uri}>", call_id="options", cseq=1)
        for answer, served in (
            (call.response, {"INVITE", "SUBSCRIBE", "REFER"}),
            (await phone.stack.request(asked), {"INVITE", "REGISTER", "SUBSCRIBE", "REFER"}),
        ):
            assert answer is not None and served <= set(answer.tokens("Allow"))
            assert answer.tokens("Allow-Events") == ["conference"]
        await call.bye()
    await shared.control.end(session.id)


async def test_strangers_get_nowhere_else(shared: Server) -> None:
    async with Phone(shared) as phone:
        assert [await refusal(phone, user) for user in ("101", "201", "999", "bob")] == [407] * 4


async def test_extensions_that_are_not_there(shared: Server) -> None:
    async with Phone(shared, "101") as phone:
        answers = {user: await refusal(phone, user) for user in ("999", "104")}
        assert answers == {"999": 404, "104": 480}


async def test_a_stranger_joins_by_the_token_alone(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        call = await phone.call(session.token)
        (party,) = session.parties.values()
        assert party.role is ConferenceRole.PARTICIPANT
        assert party.status is PartyStatus.ANSWERED
        assert party.caller.number == "guest"
        assert party.extension_id is None
        assert party.id.endswith("-2")
        await call.bye()


async def test_progress_with_description_and_ids_comes_before_the_answer(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "102") as phone:
        call = await phone.call(session.token)
        early, *again = [each for each in phone.progress if each.status > 100]
        assert {bytes(each) for each in again} <= {bytes(early)}, "the INVITE was repeated, if anything"
        (party,) = session.parties
        assert early.status == 183
        assert call.response is not None
        assert early.body == call.response.body
        for answer in (early, call.response):
            assert f"\r\np-rc-api-ids: party-id={party};session-id={session.id}\r\n".encode() in bytes(answer)
        await call.bye()


async def test_the_owner_is_the_host_and_number_one(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "102") as guest, Phone(shared, "101") as host:
        calls = [await guest.call(session.token), await host.call(session.token)]
        second, first = session.parties.values()
        assert (first.role, second.role) == (ConferenceRole.HOST, ConferenceRole.PARTICIPANT)
        assert (first.id[-2:], second.id[-2:]) == ("-1", "-2")
        assert first.extension_id == extension(shared, "101").id
        assert second.caller.name == "Ben User"
        for call in calls:
            await call.bye()


@pytest.mark.parametrize(
    ("number", "credentials"),
    [
        ("101", Credentials("101", "wrong")),
        ("101", Credentials("102", "dev-102")),
        ("101", Credentials("nobody", "x")),
        ("guest", Credentials("101", "wrong")),
    ],
)
async def test_who_cannot_prove_it_is_refused(shared: Server, number: str, credentials: Credentials) -> None:
    session = await conference(shared)
    async with Phone(shared, number) as phone:
        phone.credentials = credentials
        # A guest is asked for nothing, so it has nothing wrong to say.
        if number == "guest":
            await (await phone.call(session.token)).bye()
        else:
            assert await refusal(phone, session.token) == 403
            assert not session.parties


async def test_who_guesses_passwords_has_to_wait(tmp_path: Path) -> None:
    async with bridge(tmp_path, sip={"login_failures": 3}) as server, Phone(server, "103") as right:
        session = await conference(server)
        async with Phone(server, "101", "wrong") as wrong:
            with capture_logs() as logged:
                answers = [await refusal(wrong, session.token) for _ in range(4)]
        assert answers == [403, 403, 403, 503]
        assert [(line["user"], line["host"]) for line in logged if line["event"] == "wrong_password"] == [
            ("101", "127.0.0.1")
        ]
        with pytest.raises(CallRefused, match="503"):
            await right.register()
        async with Phone(server) as stranger:
            await (await stranger.call(session.token)).bye()


async def test_an_answer_for_another_realm_is_none_of_ours(shared: Server) -> None:
    session = await conference(shared)

    def proof(realm: str) -> list[tuple[str, str]]:
        return [("Proxy-Authorization", f'Digest username="x", realm="{realm}", nonce="n", uri="sip:a", response="0"')]

    async with Phone(shared) as stranger:
        uri = f"sip:{session.token}@127.0.0.1:{shared.stack.port}"
        call = await stranger.stack.invite(uri, offer(), from_uri="sip:x@example.com", headers=proof("example.com"))
        await call.bye()
        with pytest.raises(CallRefused, match="407"):
            await stranger.stack.invite(uri, offer(), from_uri="sip:x@example.com", headers=proof("softphone.local"))
    await shared.control.end(session.id)


async def test_without_credentials_one_of_ours_is_challenged(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as phone:
        phone.credentials = None
        assert await refusal(phone, session.token) == 407


async def test_a_full_room(shared: Server) -> None:
    session = await conference(shared, max_members=2)
    async with Phone(shared) as phone:
        calls = [await phone.call(session.token) for _ in range(2)]
        assert await refusal(phone, session.token) == 486
        await calls[0].bye()
        await asyncio.wait_for(phone.ended.get(), 30)
        calls.append(await phone.call(session.token))
        assert len(session.parties) == 2
        for call in calls[1:]:
            await call.bye()


async def test_ten_parties_and_no_more_by_default(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        calls = await asyncio.gather(*(phone.call(session.token) for _ in range(11)), return_exceptions=True)
        refused = [call for call in calls if isinstance(call, BaseException)]
        assert [getattr(error, "status", error) for error in refused] == [486]
        assert len(session.parties) == 10
        await shared.control.end(session.id)


@pytest.mark.parametrize(
    ("description", "status"),
    [(offer("3 18"), 488), ("nonsense\r\n", 400), (offer().replace("m=audio", "m=video"), 488)],
)
async def test_descriptions_that_will_not_do(shared: Server, description: str, status: int) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        assert await refusal(phone, session.token, description) == status
        assert not session.parties
        assert shared.focus.parties == 0


async def test_hold_and_unhold(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        call = await phone.call(session.token)
        (party,) = session.parties.values()
        for ours, theirs, status in (
            ("sendonly", "recvonly", PartyStatus.HOLD),
            ("inactive", "inactive", PartyStatus.HOLD),
            ("sendrecv", "sendrecv", PartyStatus.ANSWERED),
        ):
            reply = await call.reinvite(offer(direction=ours))
            media = sdp.parse(reply).media[0]
            assert media.attribute(theirs) is not None, reply
            assert party.status is status
        with pytest.raises(CallRefused) as caught:
            await call.reinvite(offer("18"))
        assert caught.value.status == 488
        assert party.status is PartyStatus.ANSWERED
        await call.bye()


async def test_credentials_may_be_required(tmp_path: Path) -> None:
    async with bridge(tmp_path, sip={"require_credentials_for_conferences": True}) as server:
        session = await conference(server)
        async with Phone(server) as stranger, Phone(server, "103") as known:
            assert await refusal(stranger, session.token) == 407
            await (await known.call(session.token)).bye()


async def test_overload_is_answered_with_when_to_come_again(tmp_path: Path) -> None:
    async with bridge(tmp_path, sip={"max_calls": 1, "retry_after_s": 7}) as server:
        session = await conference(server)
        async with Phone(server) as phone:
            call = await phone.call(session.token)
            assert await refusal(phone, session.token) == 503
            assert b"Retry-After: 7" in await raw_answer(server, str(session.token))
            await call.bye()
            assert server.door.refused == 2


async def test_an_invite_without_offer_gets_ours(shared: Server) -> None:
    session = await conference(shared)
    async with raw(shared) as (send, receive):
        send("INVITE", str(session.token), "")
        answer = await receive()
        ours = sdp.parse(answer.partition(b"\r\n\r\n")[2].decode())
        assert ours.media[0].port > 0
        (member,) = shared.focus.room(session.id).members.values()
        assert member.media.spec.remote is None
        tag = answer.partition(b"To: ")[2].partition(b";tag=")[2].split(b"\r\n")[0].decode()
        send("ACK", str(session.token), offer(), tag)
        async with asyncio.timeout(30):
            while member.media.spec.remote is None:
                await asyncio.sleep(0.01)
        assert member.media.spec.remote.port == 9
        await shared.control.end(session.id)


async def raw_answer(server: Server, user: str) -> bytes:
    """The final response to one INVITE datagram, as bytes."""
    async with raw(server) as (send, receive):
        send("INVITE", user, offer())
        return await receive()


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[tuple[Callable[..., None], Callable[[], Awaitable[bytes]]]]:
    """A UDP socket with a way to send requests of one dialog, and to wait for a final response."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    branch = secrets.token_hex(8)

    class Socket(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            answers.put_nowait(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Socket, remote_addr=("127.0.0.1", server.stack.port))

    def send(method: str, user: str, body: str, tag: str = "") -> None:
        lines = [
            f"{method} sip:{user}@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK{branch}{method}",
            "From: <sip:raw@example.com>;tag=1",
            f"To: <sip:{user}@127.0.0.1>" + (f";tag={tag}" if tag else ""),
            f"Call-ID: {branch}",
            f"CSeq: 1 {method}",
            "Contact: <sip:raw@127.0.0.1:9>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        transport.sendto("\r\n".join(lines).encode())

    async def receive() -> bytes:
        answer = b"SIP/2.0 1"
        while answer.startswith(b"SIP/2.0 1"):
            answer = await asyncio.wait_for(answers.get(), 30)
        return answer

    try:
        yield send, receive
    finally:
        transport.close()
