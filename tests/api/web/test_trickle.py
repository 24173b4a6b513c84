"""WHIP clients that trickle candidates and restart ICE (RFC 9725 section 4.3): aiortc, and what is no such request."""

import re

import httpx
import pytest

from softphone.api.http.errors import ApiError
from softphone.api.web.fragments import FRAGMENT, credentials_of, fragment_of, restarted
from softphone.server import Server
from tests.api.web.test_whip_peer import hears, http, until, web, whip
from tests.focus.phone import conference
from tests.support.browsers import CHROME
from tests.support.webrtc_peer import WebPeer

__all__ = ["http", "web"]

pytestmark = pytest.mark.realtime

CANDIDATE = (
    "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 1 192.0.2.7 9 typ host\r\n"
)


class Patched:
    """A session of WHIP that has begun, and what is patched there."""

    def __init__(self, http: httpx.AsyncClient, begun: httpx.Response) -> None:
        assert begun.status_code == 201 and begun.headers["accept-patch"] == FRAGMENT
        self.where, self.tag, self.answer = begun.headers["location"], begun.headers["etag"], begun.text
        self._http = http

    async def __call__(self, fragment: str, match: str | None, kind: str = FRAGMENT) -> httpx.Response:
        headers = {"Content-Type": kind} | ({} if match is None else {"If-Match": match})
        return await self._http.patch(self.where, content=fragment, headers=headers)


async def begun(http: httpx.AsyncClient, to: object, offer: str) -> Patched:
    return Patched(http, await http.post(f"/whip/{to}", content=offer, headers={"Content-Type": "application/sdp"}))


async def test_candidates_are_taken_and_ice_is_restarted_while_sound_goes_on(
    web: Server, http: httpx.AsyncClient
) -> None:
    token = (await conference(web)).token
    one, two = WebPeer(440.0), WebPeer(700.0)
    try:
        patch = await begun(http, token, await one.offer())
        await one.take(patch.answer)
        await whip(http, token, two)
        await until(lambda: hears(one, 700.0) and hears(two, 440.0))
        offered = credentials_of(one.pc.localDescription.sdp)
        assert offered is not None
        more = CANDIDATE.format(offered.ufrag, offered.password)
        assert (await patch(more, patch.tag)).status_code == 204
        # The checks of before go on, and so does sound, till those with the new credentials come.
        again = await patch(CANDIDATE.format("newufrag", "n" * 24), '"*"')
        assert again.status_code == 200 and again.headers["content-type"].startswith(FRAGMENT)
        ours = credentials_of(again.text)
        assert ours is not None and again.headers["etag"] == ours.tag != patch.tag
        assert "a=ice-lite\r\n" in again.text and "a=candidate:" in again.text and "fingerprint" not in again.text
        assert (await patch(more, patch.tag)).status_code == 412 and (await patch(more, ours.tag)).status_code == 204
        sides = [each.media.spec.ice for each in web.focus.context.legs.values()]
        assert [each.ufrag for each in sides if each and each.peer == "newufrag"] == [ours.ufrag]
        one.heard.clear()
        await until(lambda: len(one.heard) > 30 and hears(one, 700.0))
        assert (await http.delete(patch.where)).status_code == 200
        assert (await patch(more, ours.tag)).status_code == 404
    finally:
        await one.close()
        await two.close()


async def test_what_is_no_patch_of_a_session_is_refused(web: Server, http: httpx.AsyncClient) -> None:
    patch = await begun(http, (await conference(web)).token, CHROME)
    more = CANDIDATE.format("abcd", "p" * 22)
    assert (await patch(more, None)).status_code == 428
    assert (await patch(more, '"other"')).status_code == 412
    assert (await patch(more, patch.tag, "application/sdp")).status_code == 415
    assert (await patch("a=mid:0\r\n", "*")).status_code == 400
    assert (await patch(more, f'"other", {patch.tag}')).status_code == 204


def test_an_offer_begins_anew_with_the_credentials_of_a_fragment() -> None:
    side = "a=ice-ufrag:abcd\r\na=ice-pwd:{}\r\n".format("p" * 22)
    offer = f"v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 X 0\r\n{side}a=candidate:1\r\nm=video 9 X 0\r\n{side}"
    text = restarted(offer, CANDIDATE.format("efgh", "q" * 22))
    assert re.findall("ufrag:(.*)\r", text) == ["efgh"] * 2 and re.findall("pwd:(.*)\r", text) == ["q" * 22] * 2
    assert "candidate" not in text and text.count("\r\n") == offer.count("\r\n") - 1
    assert fragment_of(offer) == offer.removeprefix("v=0\r\n")


def test_a_restart_changes_no_other_line_and_takes_no_credentials_but_those_of_rfc_8839() -> None:
    offer = "v=0\r\ns=a\u2028b\x0bc\r\na=ice-ufrag:abcd\na=ice-pwd:{}\n"
    text = restarted(offer.format("p" * 22), CANDIDATE.format("ef+/", "q" * 22))
    assert text == "v=0\r\ns=a\u2028b\x0bc\r\na=ice-ufrag:ef+/\r\na=ice-pwd:{}\r\n".format("q" * 22)
    for ufrag, password in (("éééé", "q" * 22), ("ab_d", "q" * 22), ("efgh", "_" * 22), ("abc", "q" * 22)):
        with pytest.raises(ApiError):
            restarted(offer, CANDIDATE.format(ufrag, password))
