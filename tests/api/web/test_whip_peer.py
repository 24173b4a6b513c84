"""A WHIP client nobody here wrote (aiortc) in a conference of the real server, beside one in plain RTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from softphone.server import Server
from softphone.store.values import Codes
from tests.api.conftest import PATIENCE_S
from tests.focus.phone import bridge, conference
from tests.support.handsets import Handsets, amplitude
from tests.support.tones import mostly
from tests.support.web import GUEST, HOST
from tests.support.webrtc_peer import WebPeer, on_loopback

pytestmark = pytest.mark.realtime

SDP = {"Content-Type": "application/sdp"}
# Of a tone that is heard, and of one that is not, as an amplitude.
HEARD, SILENT = 0.02, 0.005


@pytest_asyncio.fixture
async def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    on_loopback(monkeypatch)
    async with bridge(tmp_path / "data") as server:
        server.accounts.put_codes(server.accounts.extensions["101"].id, Codes(HOST, GUEST))
        yield server


@pytest_asyncio.fixture
async def http(web: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=web.http_url, timeout=PATIENCE_S) as client:
        yield client


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to be seen; the test's own limit says how long at most."""
    while not true():
        await asyncio.sleep(0.05)


async def whip(http: httpx.AsyncClient, to: object, peer: WebPeer, **headers: str) -> str:
    answer = await http.post(f"/whip/{to}", content=await peer.offer(), headers=SDP | headers)
    assert answer.status_code == 201, answer.text
    await peer.take(answer.text)
    return answer.headers["location"]


def hears(peer: WebPeer, *tones: float) -> bool:
    """Whether each of these tones was in the last half second."""
    pcm = np.concatenate([np.zeros(4000, np.int16), *peer.heard[-25:]])[-4000:]
    return all(mostly(pcm, hz) > HEARD for hz in tones)


async def test_whip_clients_and_a_plain_one_hear_each_other(
    web: Server, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    session = await conference(web)
    async with AsyncExitStack() as stack:
        one, two = WebPeer(500.0), WebPeer(900.0)
        for peer in (one, two):
            stack.push_async_callback(peer.close)
        sounds = stack.enter_context(Handsets(tmp_path))
        plain = sounds.add(1300.0, amplitude(-20.0))
        where = [await whip(http, session.token, peer) for peer in (one, two)]
        joined: Any = (await http.post("/web/join", json={"to": str(session.token), "offer": plain.offer})).json()
        plain.connect(joined["answer"])
        await until(lambda: hears(one, 900.0, 1300.0) and hears(two, 500.0, 1300.0))
        (heard,) = await asyncio.to_thread(sounds.heard, [plain], 1.0)
        assert mostly(heard, 500.0) > HEARD and mostly(heard, 900.0) > HEARD
        assert mostly(heard, 1300.0) < SILENT, "nobody hears itself"
        party = list(session.parties)[0]
        await web.control.mute(session.id, party, True)
        await until(lambda: not hears(two, 500.0) and hears(two, 1300.0))
        await web.control.mute(session.id, party, False)
        await until(lambda: hears(two, 500.0, 1300.0))
        assert (await http.delete(where[0])).status_code == 200
        await until(lambda: party not in session.parties)
        await until(lambda: not hears(two, 500.0) and hears(two, 1300.0))
        await web.control.end(session.id)
        assert (await http.delete(where[1])).status_code in (200, 404)


async def test_who_waits_hears_music_and_then_the_host(web: Server, http: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        guest, host = WebPeer(500.0), WebPeer(900.0)
        for peer in (guest, host):
            stack.push_async_callback(peer.close)
        await whip(http, GUEST, guest)
        room = web.focus.find(web.accounts.extensions["101"])
        assert room is not None
        await until(lambda: any(np.abs(frame.astype(int)).max(initial=0) > 300 for frame in guest.heard))
        await whip(http, GUEST, host, Authorization=f"Bearer {HOST}")
        await until(lambda: hears(guest, 900.0) and hears(host, 500.0))
        assert [party.role.word for party in room.session.parties.values() if party.role] == ["participant", "host"]


async def test_a_peer_that_vanishes_is_gone_when_its_consent_is(web: Server, http: httpx.AsyncClient) -> None:
    session = await conference(web)
    peer = WebPeer(500.0)
    await whip(http, session.token, peer)
    await until(lambda: any(party.talking for party in session.parties.values()))
    await peer.close()
    await until(lambda: not session.parties)
    assert web.focus.parties == 0 and len(web.api.door.parties) == 0
