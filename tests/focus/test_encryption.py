"""Whether calls are encrypted is a setting: of the server, of a trunk, and of a conference."""

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from softphone.config import TrunkConfig
from softphone.errors import CallRefused
from softphone.server import Server
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until
from tests.sdp.test_dtls_srtp import BARESIP
from tests.support.raw import RawPhone, header

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
LINE = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
SECURE = offer().replace("RTP/AVP", "RTP/SAVP") + LINE
HOPEFUL = offer() + LINE


async def refused(server: Server, user: object, sdp: str) -> str:
    """The warning of a 488; nothing was opened."""
    with RawPhone(server.focus.node, str(user), "plain") as raw:
        raw.send("INVITE", sdp)
        refusal = await asyncio.to_thread(raw.receive, "488")
        raw.send("ACK", number=raw.number)
    assert not server.focus.context.legs
    return header(refusal, "Warning")


def lines(call: InviteSession) -> list[str]:
    return re.findall(r"^a=crypto:1 (\S+) inline:[\w+/]{40}\r$", call.remote_sdp or "", re.M)


async def test_who_offers_keys_is_encrypted_and_the_leg_has_both(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server)
        async with Phone(server, "101") as phone:
            for text in (SECURE, HOPEFUL):
                call = await phone.call(session.token, text)
                assert lines(call) == ["AES_CM_128_HMAC_SHA1_80"]
                (member,) = server.focus.room(session.id).members.values()
                assert member.media.cipher == "AES_CM_128_HMAC_SHA1_80"
                assert KEY not in repr(member.media.spec) and KEY not in (call.remote_sdp or "")
                await call.bye()
                await until(lambda: not server.focus.room(session.id).members)


@pytest.mark.parametrize("sdp", [SECURE, HOPEFUL, BARESIP])
async def test_what_a_leg_can_answer_is_not_refused_before_a_telephone_rings(tmp_path: Path, sdp: str) -> None:
    """Of an extension that is not there."""
    async with bridge(tmp_path) as server, Phone(server, "101") as phone:
        with pytest.raises(CallRefused) as refused:
            await phone.call("102", sdp)
        assert refused.value.status == 480


@pytest.mark.parametrize(
    ("media", "rules", "sdp", "word"),
    [
        ({"encryption": "required"}, None, offer(), "encryption is required"),
        ({"encryption": "required"}, None, SECURE.replace(KEY, KEY[:20]), "no a=crypto line"),
        ({"encryption": "off"}, None, SECURE, "not encrypted here"),
        ({}, {"encrypted": True}, offer(), "encryption is required"),
    ],
)
async def test_what_may_not_be_is_refused_with_488_before_anything_is_opened(
    tmp_path: Path, media: dict[str, Any], rules: dict[str, Any] | None, sdp: str, word: str
) -> None:
    async with bridge(tmp_path, media=media, conference=rules or {}) as server:
        session = await conference(server)
        async with Phone(server, "101") as phone:
            said = await refused(server, session.token, sdp)
            assert word in said and KEY[:12] not in said
            good = HOPEFUL if media.get("encryption") != "off" else offer()
            call = await phone.call(session.token, good)
            assert bool(lines(call)) == (good is HOPEFUL)
            if good is HOPEFUL:
                with pytest.raises(CallRefused, match="488"):  # nor is it given up within the call
                    await call.reinvite(offer)
            await call.bye()


@pytest.mark.parametrize(("media", "rules"), [({"encryption": "required"}, {}), ({}, {"encrypted": True})])
async def test_who_is_called_in_where_encryption_is_required_is_offered_nothing_else(
    tmp_path: Path, media: dict[str, Any], rules: dict[str, Any]
) -> None:
    calls: list[InviteSession] = []

    async def answer(call: InviteSession) -> None:
        calls.append(call)
        await call.answer(SECURE if len(calls) > 1 else offer())

    async with bridge(tmp_path, media=media, conference=rules) as server, Phone(server, "102") as called:
        session = await conference(server)
        called.behaviour = answer
        await called.register()
        async with Phone(server, "101") as host:
            call = await host.call(session.token, SECURE)
            await server.control.dial(session.id, "102", confirm=False)
            await until(lambda: len(calls) == 1)
            await server.control.dial(session.id, "102", confirm=False)
            await until(lambda: len(calls) == 2)
            assert all("RTP/SAVP " in (each.remote_sdp or "") and lines(each) for each in calls)
            await until(lambda: len(server.focus.room(session.id).members) == 2)
            assert {each.media.cipher for each in server.focus.room(session.id).members.values()} == {
                "AES_CM_128_HMAC_SHA1_80"
            }
            await calls[1].bye()
            await call.bye()


async def test_where_a_code_is_asked_for_plain_calls_are_refused_before_the_question(tmp_path: Path) -> None:
    async with bridge(tmp_path, conference={"encrypted": True}) as server, Phone(server, "101") as phone:
        for number in ("201", "203"):
            with pytest.raises(CallRefused, match="488"):
                await phone.call(number, offer())
        call = await phone.call("201", SECURE)
        assert lines(call)
        await call.bye()


@pytest.mark.parametrize("way", ["moved", "ruled"])
async def test_who_is_in_an_encrypted_conference_cannot_give_it_up_however_it_came_there(
    tmp_path: Path, way: str
) -> None:
    async with bridge(tmp_path) as server, Phone(server, "101") as phone:
        there, before = await conference(server), await conference(server)
        call = await phone.call((before if way == "moved" else there).token, SECURE)
        await server.control.change_rules(there.id, {"encrypted": True})
        if way == "moved":
            (party,) = before.parties
            await server.control.move(before.id, party, there.id)
        for plain in (offer(), offer(direction="sendonly"), offer().replace("IP4 127.0.0.1\r\nt", "IP4 0.0.0.0\r\nt")):
            with pytest.raises(CallRefused, match="488"):
                await call.reinvite(partial(str, plain))
        (member,) = server.focus.room(there.id).members.values()
        assert member.media.spec.srtp is not None
        await call.bye()


@pytest.mark.parametrize(
    ("server_wants", "trunk_wants", "room_wants", "protocol"),
    [
        ("off", "required", False, "RTP/SAVP"),
        ("required", "off", False, "RTP/AVP"),
        ("required", "off", True, "RTP/SAVP"),
    ],
)
async def test_a_trunk_is_offered_what_it_wants_unless_the_conference_wants_more(
    tmp_path: Path, server_wants: str, trunk_wants: Any, room_wants: bool, protocol: str
) -> None:
    rung: asyncio.Queue[InviteSession] = asyncio.Queue()

    async def no(call: InviteSession) -> None:
        call.reject(486)
        rung.put_nowait(call)

    itsp = Stack(StackSettings(), on_invite=no)
    await itsp.start()
    trunk = TrunkConfig(uri=f"sip:127.0.0.1:{itsp.port}", encryption=trunk_wants)
    wanted: dict[str, Any] = {"media": {"encryption": server_wants}, "conference": {"encrypted": room_wants}}
    async with bridge(tmp_path, {"trunk": trunk}, **wanted) as server:
        session = await conference(server)
        await server.control.dial(session.id, "+4930123456", confirm=False)
        offered = await asyncio.wait_for(rung.get(), 30)
        assert re.findall(r"^m=audio \d+ (\S+) ", offered.remote_sdp or "", re.M) == [protocol]
        assert ("a=crypto:" in (offered.remote_sdp or "")) is (protocol == "RTP/SAVP")
    await itsp.stop()


@pytest.mark.parametrize(
    ("server_wants", "trunk_wants", "sdp", "word"),
    [
        ("optional", "required", offer(), "encryption is required"),
        ("required", "off", SECURE, "not encrypted here"),
    ],
)
async def test_a_call_from_a_trunk_that_is_not_as_that_wants_it_is_refused(
    tmp_path: Path, server_wants: str, trunk_wants: Any, sdp: str, word: str
) -> None:
    trunk = TrunkConfig(uri="sip:itsp.example", addresses=("127.0.0.1",), encryption=trunk_wants)
    async with bridge(tmp_path, {"trunk": trunk}, media={"encryption": server_wants}) as server:
        assert word in await refused(server, "102", sdp)
        async with Phone(server) as gateway:
            token = (await conference(server)).token
            call = await gateway.call(token, SECURE if trunk_wants == "required" else offer())
            assert bool(lines(call)) == (trunk_wants == "required")
            await call.bye()
