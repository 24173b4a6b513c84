"""WHIP clients that trickle candidates and restart ICE (RFC 9725 section 4.3): aiortc, and what is no such request."""

import re

import httpx
import pytest

from softphone.api.web.fragments import FRAGMENT, credentials_of, fragment_of, restarted
from softphone.server import Server
from tests.api.web.test_whip_peer import hears, http, until, web, whip
from tests.focus.phone import conference
from tests.support.webrtc_peer import WebPeer

__all__ = ["http", "web"]

pytestmark = pytest.mark.realtime

CANDIDATE = (
    "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\n"
)


async def test_candidates_are_taken_and_ice_is_restarted_while_sound_goes_on(
    web: Server, http: httpx.AsyncClient
) -> None:
    token = (await conference(web)).token
    one, two = WebPeer(440.0), WebPeer(700.0)
    try:
        begun = await http.post(
            f"/whip/{token}", content=await one.offer(), headers={"Content-Type": "application/sdp"}
        )
        assert begun.status_code == 201 and begun.headers["accept-patch"] == FRAGMENT
        await one.take(begun.text)
        await whip(http, token, two)
        await until(lambda: hears(one, 700.0) and hears(two, 440.0))
        where, tag, offered = (
            begun.headers["location"],
            begun.headers["etag"],
            credentials_of(one.pc.localDescription.sdp),
        )
        assert offered is not None

        async def patched(fragment: str, match: str | None, kind: str = FRAGMENT) -> httpx.Response:
            headers = {"Content-Type": kind} | ({} if match is None else {"If-Match": match})
            return await http.patch(where, content=fragment, headers=headers)

        more = CANDIDATE.format(offered.ufrag, offered.password)
        assert (await patched(more, tag)).status_code == 204
        assert (await patched(more, None)).status_code == 428
        assert (await patched(more, '"other"')).status_code == 412
        assert (await patched(more, tag, "application/sdp")).status_code == 415
        assert (await patched("a=mid:0\r\n", "*")).status_code == 400
        # The checks of before go on, and so does sound, till those with the new credentials come.
        again = await patched(CANDIDATE.format("newufrag", "n" * 24), '"*"')
        assert again.status_code == 200 and again.headers["content-type"].startswith(FRAGMENT)
        ours, before = credentials_of(again.text), credentials_of(begun.text)
        assert ours is not None and before is not None and ours != before
        assert again.headers["etag"] == ours.tag != tag
        assert "a=ice-lite\r\n" in again.text and "a=candidate:" in again.text and "fingerprint" not in again.text
        assert (await patched(more, tag)).status_code == 412 and (await patched(more, ours.tag)).status_code == 204
        (member,) = (
            each
            for each in web.focus.context.legs.values()
            if each.media.spec.ice and each.media.spec.ice.peer == "newufrag"
        )
        assert member.media.spec.ice is not None and member.media.spec.ice.ufrag == ours.ufrag
        one.heard.clear()
        await until(lambda: len(one.heard) > 30 and hears(one, 700.0))
        assert (await http.delete(where)).status_code == 200
        assert (await patched(more, ours.tag)).status_code == 404
    finally:
        await one.close()
        await two.close()


def test_an_offer_begins_anew_with_the_credentials_of_a_fragment() -> None:
    side = "a=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n".format("p" * 22)
    offer = f"v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 X 0\r\n{side}a=candidate:1\r\nm=video 9 X 0\r\n{side}"
    text = restarted(offer, CANDIDATE.format("efgh", "q" * 22))
    assert re.findall("ufrag:(.*)\r", text) == ["efgh"] * 2 and re.findall("pwd:(.*)\r", text) == ["q" * 22] * 2
    assert "candidate" not in text and text.count("\r\n") == offer.count("\r\n") - 1
    assert fragment_of(offer) == offer.removeprefix("v=0\r\n")
