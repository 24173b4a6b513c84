"""Whether calls are encrypted is a setting: of the server, of a trunk, and of a conference."""

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from softphone.errors import CallRefused
from softphone.server import Server
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
