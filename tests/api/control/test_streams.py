"""Streams of real conferences: opened by HTTP, heard and spoken by WebSocket, ruled as any party."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from softphone.focus.feed import EventType, FeedEvent, Subscription
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.control.test_control import V1, made, roster
from tests.focus.phone import Phone, bridge
from tests.focus.table import until
from tests.media.codecs.lines import Peer
from tests.test_examples import example

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that has streams."""
    streams = {"enabled": True, "port": 0, "max_streams": 3}
    async with bridge(tmp_path_factory.mktemp("data"), streams=streams) as server:
        yield server


async def opened(ada: httpx.AsyncClient, conference: dict[str, Any], **wish: Any) -> dict[str, Any]:
    answer = await ada.post(f"{V1}/{conference['id']}/streams", json=wish)
    assert answer.status_code == 201, answer.text
    stream: dict[str, Any] = answer.json()
    return stream


@asynccontextmanager
async def client(stream: dict[str, Any]) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {stream['key']}"}
    async with connect(stream["url"], additional_headers=headers, open_timeout=PATIENCE_S) as connection:
        yield connection


async def heard(connection: ClientConnection, hz: float, rate_hz: int) -> None:
    """Wait until a tone is heard."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            frames = [np.frombuffer(await connection.recv(decode=False), "<i2") for _ in range(5)]
            sound = np.concatenate(frames).astype(float)
            if np.argmax(np.abs(np.fft.rfft(sound))) == hz / 10 and sound.std() > 1000:
                assert len(sound) == rate_hz // 10
                return


def tone(hz: float, rate_hz: int, seconds: float) -> bytes:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(seconds * rate_hz) / rate_hz)).astype("<i2").tobytes()


async def next_of(feed: Subscription, type: EventType) -> FeedEvent:
    async with asyncio.timeout(PATIENCE_S):
        async for event in feed:
            if event.type is type:
                return event
    raise AssertionError("the feed ended")


async def test_a_stream_is_opus_for_who_asks_for_it(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        stream = await opened(ada, conference, encoding="opus")
        assert stream["encoding"] == "opus"
        async with client(stream) as ear:
            start = json.loads(await ear.recv())["start"]
            assert start["mediaFormat"] == {"encoding": "audio/opus", "sampleRate": 16000, "channels": 1}
            async with asyncio.timeout(PATIENCE_S):
                packets = [await ear.recv(decode=False) for _ in range(25)]
        assert len(Peer("opus", 48_000, sample="fltp").decode(packets)) >= 24_000
    refused = await ada.post(f"{V1}/{conference['id']}/streams", json={"encoding": "mp3"})
    assert refused.status_code == 400


async def test_who_speaks_is_a_party_and_who_listens_is_none(shared: Server, ada: httpx.AsyncClient) -> None:
    conference, feed = await made(ada), shared.focus.feed.subscribe()
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        ear = await opened(ada, conference, rate_hz=24000)
        mouth = await opened(ada, conference, says=True, rate_hz=8000, name="Agent")
        assert (ear["speaker"], ear["started"]) == (None, False)
        parties = await roster(ada, conference["id"])
        assert [(each["number"], each["name"]) for each in parties[1:]] == [("stream", "Agent")]
        assert parties[1]["id"] == mouth["speaker"]
        async with client(ear) as listening, client(mouth) as speaking:
            start = json.loads(await listening.recv())
            assert start["event"] == "start" and start["start"]["mediaFormat"]["sampleRate"] == 24000
            assert json.loads(await speaking.recv())["start"]["says"] is True
            begun = [await next_of(feed, EventType.STREAM_STARTED) for _ in range(2)]
            assert {(each.data["stream"], each.party) for each in begun} == {
                (ear["id"], None),
                (mouth["id"], mouth["speaker"]),
            }
            await speaking.send(tone(700, 8000, 30.0))
            await heard(listening, 700, 24000)
            listed = (await ada.get(f"{V1}/{conference['id']}/streams")).json()["streams"]
            assert listed == [
                {n: v for n, v in each.items() if n != "key"} | {"started": True} for each in (ear, mouth)
            ]
            party = f"{V1}/{conference['id']}/parties/{mouth['speaker']}"
            assert (await ada.patch(party, json={"muted": True})).json()["muted"] is True
            assert (await ada.delete(party)).status_code == 204
            ended = await next_of(feed, EventType.STREAM_ENDED)
            assert (ended.data["stream"], ended.data["reason"]) == (mouth["id"], "closed")
            with pytest.raises(ConnectionClosed):
                while True:
                    await speaking.recv()
            assert speaking.close_code == 1000
        assert (await next_of(feed, EventType.STREAM_ENDED)).data["reason"] == "disconnected"
        await until(lambda: shared.control.streams.of(conference["id"]) == [])
        assert len(await roster(ada, conference["id"])) == 1


async def test_a_stream_of_one_party_hears_it_and_is_heard_by_it_alone(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        (party,) = await roster(ada, conference["id"])
        coach = await opened(ada, conference, says=True, party=party["id"])
        whispering = next(each for each in await roster(ada, conference["id"]) if each["id"] == coach["speaker"])
        assert whispering["whispers_to"] == [party["id"]]
        assert (await ada.delete(f"{V1}/{conference['id']}/streams/{coach['id']}")).status_code == 204
        await until(lambda: len(shared.control.conference(conference["id"]).parties) == 1)
        assert (await ada.delete(f"{V1}/{conference['id']}/streams/{coach['id']}")).status_code == 404


async def test_the_example_says_back_what_it_hears(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        echo, mouth = [await opened(ada, conference, says=True) for _ in range(2)]
        running = asyncio.create_task(example("stream_client").talk(echo["url"], echo["key"]))
        async with client(mouth) as speaking:
            await speaking.recv()
            await speaking.send(tone(700, 16000, 1.0))
            await heard(speaking, 700, 16000)
        await ada.delete(f"{V1}/{conference['id']}")
        assert await running == "closed"


async def test_what_cannot_be_is_refused(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await made(ada)
    path = f"{V1}/{conference['id']}/streams"
    for wish, status in (
        ({"rate_hz": 11025}, 400),
        ({"says": "yes"}, 400),
        ({"party": "p-0"}, 404),
        ({"codec": "opus"}, 400),
    ):
        assert (await ada.post(path, json=wish)).status_code == status, wish
    async with logged_in(shared, "103") as eve:
        assert (await eve.post(path, json={})).status_code == 404
    assert (await ada.patch(f"{V1}/{conference['id']}", json={"locked": True})).status_code == 200
    refused = await ada.post(path, json={"says": True})
    assert (refused.status_code, refused.json()["message"]) == (409, "It is not let in: locked")
    for _ in range(3):
        await opened(ada, conference)
    full = await ada.post(path, json={})
    assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
    await ada.delete(f"{V1}/{conference['id']}")
    await until(lambda: shared.control.streams.of(conference["id"]) == [])
    config = shared.api.config
    rules = msgspec.structs.replace(config.conference, encrypted=True)
    shared.focus.reconfigure(msgspec.structs.replace(config, conference=rules))
    secret = await made(ada)
    assert (await ada.post(f"{V1}/{secret['id']}/streams", json={})).status_code == 409
    shared.focus.reconfigure(config)


async def test_streams_are_had_over_ipv6_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    data, streams = tmp_path_factory.mktemp("six"), {"enabled": True, "port": 0}
    async with bridge(data, server={"host": "::1"}, streams=streams) as server, logged_in(server, "101") as ada:
        stream = await opened(ada, await made(ada))
        assert stream["url"].startswith("ws://[::1]:")
        async with client(stream) as listening:
            assert json.loads(await listening.recv())["event"] == "start"


async def test_without_streams_there_are_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with bridge(tmp_path_factory.mktemp("none")) as server, logged_in(server, "101") as ada:
        conference = await made(ada)
        refused = await ada.post(f"{V1}/{conference['id']}/streams", json={})
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "CMN-109")
