"""Telephones that read SIP to the letter (`softphone.sip.ua.edge_profile`), and ordinary ones beside them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, answers, play, refuses, rings
from tests.support.maker_phone import SECURE, STREAM, WEB, MakerCall, MakerPhone, faults

KINDS = [WEB, STREAM, "SIP.js/0.20.1 RCWEBPHONE/0.9.2"]
IDS = re.compile(r"party-id=(p-[0-9a-f]{32}-\d);session-id=(s-[0-9a-f]{32})")

FOREIGN = SECURE.replace("OPUS/16000", "SPEEX/16000")
"""A description in a codec that we do not speak."""

Scene = Callable[[Switchboard], Awaitable[None]]


async def token(board: Switchboard, owner: str = "101") -> str:
    session = await board.focus.create_conference(board.paper.accounts.extensions[owner])
    return str(session.token)


async def joined(board: Switchboard, agent: str = WEB) -> MakerCall:
    phone = MakerPhone(board, agent=agent)
    call = await phone.call(await token(board))
    await call.answered()
    await asyncio.sleep(1)
    return call


def sound(board: Switchboard) -> None:
    """All that any of these telephones was sent can be read by it."""
    for phone in board.ether.carriers.values():
        if isinstance(phone, MakerPhone):
            assert [(read.first, fault) for _, read in phone.came for fault in faults(read)] == []


@pytest.mark.parametrize("agent", KINDS)
def test_a_call_to_a_conference_is_challenged_and_has_its_description_and_ids_before_it_is_answered(
    tmp_path: Path, agent: str
) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, agent=agent)
        call = await phone.call(await token(board))
        ok = await call.answered()
        asked = phone.all("SIP/2.0 407")[0].get("Proxy-Authenticate")
        assert re.fullmatch(r'Digest algorithm=MD5, realm="softphone.local", nonce="[0-9a-f]+", qop="auth"', asked)
        progress = call.progress
        assert progress.first == "SIP/2.0 183 Session Progress"
        assert "m=audio" in progress.body and progress.body == ok.body
        lines = [line for line in ok.lines if line[0] == "p-rc-api-ids"]
        assert progress.get("p-rc-api-ids") == lines[0][1]
        found = IDS.fullmatch(lines[0][1])
        assert found is not None and found[1].endswith("-1")
        assert phone.when(ok) - phone.when(progress) > 0.0499
        assert progress.get("To") == ok.get("To")
        await asyncio.sleep(40)  # the ACK was taken: nothing is sent again, and nobody hangs up
        assert len(phone.responses("INVITE", call.number)) <= 3 and not phone.all("BYE")
        assert (await call.request("BYE")).status == 200
        await asyncio.sleep(1)
        assert not board.focus.context.legs
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
def test_keys_begin_for_each_kind_as_it_tells_them(tmp_path: Path, agent: str) -> None:
    async def scene(board: Switchboard) -> None:
        await joined(board, agent)
        (member,) = board.focus.context.legs.values()
        assert member.media.spec.key_prelude is (agent is STREAM)

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
@pytest.mark.parametrize(
    ("wanted", "sdp", "status"),
    [
        ("conf_00ff", "", 486),
        ("999", "", 486),
        ("105", "", 486),
        ("conf_", FOREIGN, 488),
        ("conf_", "v=0\r\n", 488),
        ("conf_", "nothing", 486),
    ],
)
def test_a_refusal_comes_after_a_description(tmp_path: Path, agent: str, wanted: str, sdp: str, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, agent=agent)
        user = wanted if wanted != "conf_" else await token(board)
        call = await phone.call(user, **({"sdp": sdp} if sdp else {}))
        final = await call.final()
        assert (call.progress.status, final.status) == (183, status)
        assert "c=IN IP4 127.0.0.1" in call.progress.body
        assert phone.when(final) - phone.when(call.progress) > 0.0499
        if sdp == FOREIGN:
            assert re.search(r"m=audio 0 RTP/SAVP 109 101\r\n", call.progress.body)
            key = re.search(r"AES_CM_128_HMAC_SHA1_80 inline:([\w+/]+)\r\n", call.progress.body)
            assert key is not None and len(key[1]) == 40 and key[0] not in SECURE
            assert final.get("Warning")
        assert final.get("Reason") == "" if status == 488 else "cause=" in final.get("Reason") or wanted == "105"
        await asyncio.sleep(1)
        assert not board.focus.context.legs
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize("early", [[(180, False)], [(180, False), (183, True)], [(183, True), (180, False)], []])
def test_of_all_that_a_callee_says_one_183_with_a_description_is_passed_on(
    tmp_path: Path, early: list[tuple[int, bool]]
) -> None:
    async def callee(call: InviteSession) -> None:
        for status, media in early:
            await call.ring(status, offer() if media else None)
            await asyncio.sleep(1)
        await call.answer(offer())

    async def scene(board: Switchboard) -> None:
        await board.telephone("102", callee)
        phone = MakerPhone(board, agent=WEB)
        call = await phone.call("102")
        assert call.progress.status == 183 and "m=audio" in call.progress.body
        assert IDS.fullmatch(call.progress.get("p-rc-api-ids"))
        ok = await call.answered()
        assert ok.body == call.progress.body
        assert (await call.request("BYE")).status == 200
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize(("behaviour", "cause"), [(refuses(603), 603), (refuses(480), 480), (refuses(486), 0)])
def test_what_a_callee_refuses_with_is_busy_with_the_cause(
    tmp_path: Path, behaviour: Callable[..., Awaitable[None]], cause: int
) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", behaviour)
        phone = MakerPhone(board)
        call = await phone.call("102")
        final = await call.final()
        assert (call.progress.status, final.first) == (183, "SIP/2.0 486 Busy Here")
        assert (f"cause={cause};" in final.get("Reason")) is bool(cause)
        sound(board)

    play(tmp_path, scene)


def test_who_cancels_has_two_answers(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", rings)
        phone = MakerPhone(board, agent=STREAM)
        call = await phone.call("102")
        call.cancel()
        final = await call.final()
        assert final.status == 487 and phone.responses("CANCEL", call.number)[0].status == 200
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
def test_hold_is_answered_by_recvonly_though_the_version_is_the_same(tmp_path: Path, agent: str) -> None:
    async def scene(board: Switchboard) -> None:
        call = await joined(board, agent)
        held = await call.hold()
        assert held.status == 200 and "a=recvonly" in held.body
        await asyncio.sleep(3_000)  # asked by nobody whether it is there, and refreshed by nobody
        assert not call.phone.all("OPTIONS") and not call.phone.all("UPDATE") and not call.phone.all("BYE")
        assert not call.phone.all("INVITE")
        back = await call.hold(False)
        assert back.status == 200 and "a=sendrecv" in back.body
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
def test_without_a_connection_it_is_asked_as_any_other_whatever_it_calls_itself(tmp_path: Path, agent: str) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, agent=agent)
        phone.kind, phone.hop = "UDP", Hop("udp", "127.0.0.1", phone.port)
        call = await phone.call(await token(board))
        ok = await call.answered()
        assert ok.get("Session-Expires")
        await asyncio.sleep(1)
        assert len(board.focus.context.legs) == 1
        await asyncio.sleep(3_000)
        assert not board.focus.context.legs

    play(tmp_path, scene)


def test_no_session_timer_is_agreed_on(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        call = await joined(board, STREAM)
        ok = call.phone.responses("INVITE", call.number)[-1]
        assert ok.get("Session-Expires") == "" and ok.get("Require") == ""

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "refer_to",
    [
        "sip:103@sip.ringcentral.com",
        "<sip:103@sip.ringcentral.com;transport=wss>",
        '"103@sip.ringcentral.com" <sip:103@sip.ringcentral.com:5090>',
        "sip:103@softphone.local",
    ],
)
def test_whom_it_refers_to_is_told_by_the_user_part(tmp_path: Path, refer_to: str) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", answers)
        heir = await board.telephone("103", answers)
        phone = MakerPhone(board, agent=STREAM)
        call = await phone.call("102")
        await call.answered()
        await asyncio.sleep(1)
        uri = "sip:101@127.0.0.1:5090;transport=tls"
        answer = await call.request("REFER", uri, Refer_To=refer_to, Event="refer", Expires="600")
        assert answer.status == 202
        bye = await phone.some("BYE")
        assert len(heir.calls) == 1
        assert phone.all("NOTIFY")[-1].body.strip() == "SIP/2.0 200 OK"
        assert phone.when(bye) - phone.when(answer) < 10
        sound(board)

    play(tmp_path, scene)


def test_an_attended_transfer_names_the_other_call_within_the_uri(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", answers)
        await board.telephone("103", answers)
        phone = MakerPhone(board)
        first, second = await phone.call("102"), await phone.call("103")
        await first.answered()
        await second.answered()
        await asyncio.sleep(1)
        tags = [each.partition(";tag=")[2] for each in (second.named["To"], second.named["From"])]
        replaces = f"{second.named['Call-Id']}%3Bto-tag%3D{tags[0]}%3Bfrom-tag%3D{tags[1]}"
        where = "103@sip.ringcentral.com"
        refer_to = f'"{where}" <sip:{where};transport=wss?Replaces={replaces}>'
        assert (await first.request("REFER", first.callee, Refer_To=refer_to)).status == 202
        await asyncio.sleep(5)
        assert len(phone.all("BYE")) == 2
        (room,) = board.focus.calls.values()
        assert sorted(party.address.number for party in room.session.parties.values()) == ["102", "103"]

    play(tmp_path, scene)


@pytest.mark.parametrize("returns", [True, False])
def test_one_whose_connection_is_gone_has_half_a_minute_to_come_back(tmp_path: Path, returns: bool) -> None:
    async def scene(board: Switchboard) -> None:
        call = await joined(board, STREAM)
        await call.hold()
        call.phone.flow.closed()
        await asyncio.sleep(20)
        assert len(board.focus.context.legs) == 1
        if returns:
            board.ether.flows[board.stack.port, call.phone.port] = Flow(call.phone.hop, lambda: None)
            assert (await call.request("INFO")).status == 200
        await asyncio.sleep(60)
        assert len(board.focus.context.legs) == int(returns)

    play(tmp_path, scene)
