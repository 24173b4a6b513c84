"""Event streams: in order, resumed, told what was missed, and only of what the watcher may know."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from softphone.api.events.watching import MOST_STREAMS, EventView, Missed, StreamEnded, Watching, event_view
from softphone.api.http.serving import MAX_MESSAGE_BYTES
from softphone.focus.feed import EventType, Feed, FeedEvent
from softphone.focus.focus import Focus
from softphone.focus.session import SessionOrigin, TelephonySession
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.focus.phone import Phone, bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = "/api/v1/events"


class Stream:
    """The blocks of a stream of server-sent events, as (field -> value); comments are left out."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.aiter_lines()

    async def next(self) -> dict[str, str]:
        block: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_S):
            while (line := await anext(self.lines)) or not block:
                name, _, value = line.partition(": ")
                block |= {name: value} if name else {}
        return block

    async def until_block(self, type: str) -> dict[str, str]:
        while (block := await self.next()).get("event") != type:
            pass
        return block

    async def until(self, type: str) -> dict[str, Any]:
        block = await self.until_block(type)
        data: dict[str, Any] = json.loads(block["data"])
        assert block["id"] == str(data["id"])
        return data


@asynccontextmanager
async def watching(client: httpx.AsyncClient, **options: Any) -> AsyncIterator[Stream]:
    async with client.stream("GET", EVENTS, **options) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer)
        assert await anext(stream.lines) == ": events"
        yield stream


async def test_a_conference_is_told_and_resumed(shared: Server, ada: httpx.AsyncClient) -> None:
    async with watching(ada) as stream:
        session = (await ada.post("/api/v1/conferences")).json()
        created = await stream.until("conference.created")
        assert created["session"] == session["id"]
        async with Phone(shared, "102") as phone:
            call = await phone.call(session["token"])
            joined = await stream.until("party.joined")
            assert (joined["data"]["number"], joined["data"]["role"]) == ("102", "participant")
            path = f"/api/v1/conferences/{session['id']}/parties"
            assert (await ada.get(path)).json()["parties"][0]["role"] == "participant"
            for word in ("participant", "host"):
                await ada.patch(f"{path}/{joined['party']}", json={"role": word})
            assert (await stream.until("party.changed"))["data"] == {"role": "host"}
            await call.bye()
            left = await stream.until("party.left")
            assert left["party"] == joined["party"]
    await ada.delete(f"/api/v1/conferences/{session['id']}")
    async with watching(ada, headers={"Last-Event-ID": str(left["id"])}) as stream:
        assert (await stream.until("conference.ended"))["id"] > left["id"]
    async with watching(ada, params={"last_id": created["id"] - 1}) as stream:
        assert (await stream.until("conference.created")) == created
        assert (await stream.until("party.joined")) == joined


async def test_what_changes_in_a_room_is_told_though_nobody_is_in_it(shared: Server, ada: httpx.AsyncClient) -> None:
    async with watching(ada) as stream:
        session = (await ada.post("/api/v1/conferences", json={"extension": "203"})).json()
        assert session["muted_all"] is True
        created = await stream.until("conference.created")
        assert created["data"] == {"kind": "extension", "extension": "203"}
        path = f"/api/v1/conferences/{session['id']}"
        for change in ({"muted_all": False}, {"muted_all": True}, {"locked": True}, {"notices": False}):
            await ada.patch(path, json=change)
            await ada.patch(path, json=change)
            assert (await stream.until("conference.changed"))["data"] == change
        await ada.delete(path)


async def test_one_conference_of_many(ada: httpx.AsyncClient) -> None:
    one = (await ada.post("/api/v1/conferences")).json()["id"]
    async with watching(ada, params={"session": one}) as stream:
        await ada.post("/api/v1/conferences")
        await ada.delete(f"/api/v1/conferences/{one}")
        assert json.loads((await stream.next())["data"])["session"] == one


async def test_what_others_do_is_not_told(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "102") as ben, watching(ben) as stream:
        await ada.post("/api/v1/conferences")
        mine = (await ben.post("/api/v1/conferences")).json()["id"]
        assert (await stream.until("conference.created"))["session"] == mine
        await ben.delete(f"/api/v1/conferences/{mine}")
        assert (await stream.until("conference.ended"))["session"] == mine


async def test_who_was_sent_away_is_told_no_more(shared: Server, ada: httpx.AsyncClient) -> None:
    session = (await ada.post("/api/v1/conferences")).json()
    path = f"/api/v1/conferences/{session['id']}"
    async with AsyncExitStack() as those:
        streams = []
        for number in ("102", "103"):
            client = await those.enter_async_context(logged_in(shared, number))
            streams.append(await those.enter_async_context(watching(client)))
            phone = await those.enter_async_context(Phone(shared, number))
            await phone.call(session["token"])
        ben, cai = streams
        party = (await ben.until("party.joined"))["party"]
        assert (await ada.delete(f"{path}/parties/{party}", params={"ban": True})).status_code == 204
        left = await cai.until("party.left")
        assert left["party"] == party
        await ada.patch(path, json={"locked": True})
        assert (await cai.until("conference.changed"))["session"] == session["id"]
        await ada.delete(path)
        assert (await cai.until("conference.ended"))["session"] == session["id"]
        # Of what came after the ban nothing: a conference of its own is what Ben is told of next.
        client = await those.enter_async_context(logged_in(shared, "102"))
        made = (await client.post("/api/v1/conferences")).json()["id"]
        while (told := json.loads((await ben.next())["data"]))["session"] != made:
            assert told["id"] < left["id"]
        await client.delete(f"/api/v1/conferences/{made}")


async def test_where_files_are_is_for_administrators(shared: Server, ada: httpx.AsyncClient) -> None:
    session = (await ada.post("/api/v1/conferences")).json()
    path = f"/api/v1/conferences/{session['id']}"
    async with (
        logged_in(shared, "102") as ben,
        watching(ben) as his,
        watching(ada) as hers,
        Phone(shared, "102") as phone,
    ):
        await phone.call(session["token"])
        assert (await ada.post(f"{path}/recording")).status_code == 200
        assert (await his.until("recording.started"))["data"].keys() == {"recording"}
        assert (await hers.until("recording.started"))["data"].keys() == {"recording", "path"}
        await ada.delete(path)


async def test_keys_are_for_who_decides_about_the_conference(shared: Server) -> None:
    async with AsyncExitStack() as those:
        ben, cai = [await those.enter_async_context(logged_in(shared, number)) for number in ("102", "103")]
        his, hers = [await those.enter_async_context(watching(each)) for each in (ben, cai)]
        session = (await ben.post("/api/v1/conferences", json={"rules": {"tell_keys": "unknown"}})).json()
        phone = await those.enter_async_context(Phone(shared, "103"))
        await phone.keys(await phone.call(session["token"]), "*14711")
        told = [await his.until("party.keys") for _ in "4711"]
        assert [(each["data"], each["party"]) for each in told] == [({"keys": key}, told[0]["party"]) for key in "4711"]
        await ben.delete(f"/api/v1/conferences/{session['id']}")
        kinds = []
        while "conference.ended" not in kinds:
            kinds.append((await hers.next())["event"])
        assert "party.changed" in kinds and "party.keys" not in kinds


async def test_strangers_are_told_nothing(shared: Server, http: httpx.AsyncClient) -> None:
    assert (await http.get(EVENTS)).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        await connect(shared.http_url.replace("http", "ws") + EVENTS)
    assert refused.value.response.status_code == 401


async def test_by_websocket(shared: Server, ada: httpx.AsyncClient) -> None:
    url = shared.http_url.replace("http", "ws") + EVENTS
    token = ada.headers["authorization"].split()[1]
    async with connect(url, additional_headers={"Authorization": ada.headers["authorization"]}) as socket:
        session = (await ada.post("/api/v1/conferences")).json()["id"]
        created: dict[str, Any] = {}
        while created.get("session") != session:  # what came before it may still be telling of its end
            created = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
        assert created["type"] == "conference.created"
    async with connect(f"{url}?access_token={token}&last_id={created['id'] - 1}&session={session}") as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)) == created
        await ada.delete(f"/api/v1/conferences/{session}")
        assert json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))["type"] == "conference.ended"


async def test_who_was_there_before_a_restart_is_told_at_once_that_nobody_knows_what_it_missed(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    async with watching(ada, headers={"Last-Event-ID": "1"}) as stream:
        assert await stream.next() == {"event": "missed", "data": '{"missed":null}'}
        assert "id" in await stream.next()
    url = shared.http_url.replace("http", "ws") + EVENTS
    header = {"Authorization": ada.headers["authorization"]}
    # What is not read here must not keep the goodbye from being read.
    async with connect(url + "?last_id=1", additional_headers=header, max_queue=None) as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)) == {"type": "missed", "missed": None}


async def test_who_reads_too_slowly_is_told_how_much_it_missed(shared: Server) -> None:
    feed = Feed(kept=2)
    focus = cast(Focus, SimpleNamespace(feed=feed))
    items = Watching(focus).follow(shared.accounts.extensions["101"], None, feed.last_id)
    ids = [feed.publish(EventType.CONFERENCE_ENDED, "s-0", reason="test").id for _ in range(5)]
    assert await anext(items) == Missed(3)
    event = await anext(items)
    assert isinstance(event, FeedEvent) and event.id == ids[3]


async def test_a_quiet_stream_says_that_it_lives(shared: Server) -> None:
    feed = Feed()
    quiet = Watching(cast(Focus, SimpleNamespace(feed=feed)), keep_alive_s=0.01)
    items = quiet.follow(shared.accounts.extensions["101"], None, None)
    assert await anext(items) is None
    feed.publish(EventType.CONFERENCE_ENDED, "s-0", reason="test")
    assert await anext(items) is not None


async def test_streams_end_when_the_server_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with AsyncExitStack() as clients:
        async with bridge(tmp_path_factory.mktemp("stops")) as server:
            client = await clients.enter_async_context(logged_in(server, "101"))
            header = {"Authorization": client.headers["authorization"]}
            socket = await connect(server.http_url.replace("http", "ws") + EVENTS, additional_headers=header)
            stream = await clients.enter_async_context(watching(client))
        assert [line async for line in stream.lines if line] == []
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_stream_ends_with_its_token(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever way that is lost, and both kinds of stream; the client is told why."""
    monkeypatch.setattr(shared.api.watching, "keep_alive_s", 0.05)
    url = shared.http_url.replace("http", "ws") + EVENTS
    for lose, says in LOST.items():
        async with logged_in(shared, "102") as ben, watching(ben) as stream:
            header = ben.headers["authorization"]
            async with connect(url, additional_headers={"Authorization": header}) as socket:
                await lose(shared, ben, header.split()[1])
                ended = json.loads((await stream.until_block("ended"))["data"])
                assert ended["code"] == 4401 and says in ended["reason"]
                assert [line async for line in stream.lines if line] == []
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await asyncio.wait_for(socket.recv(), PATIENCE_S)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4401 and says in closed.value.rcvd.reason


async def _revoke(_server: Server, client: httpx.AsyncClient, token: str) -> None:
    answer = await client.post("/restapi/oauth/revoke", data={"token": token}, auth=("dev-client", "dev-secret"))
    assert answer.status_code == 200


async def _expire(server: Server, _client: httpx.AsyncClient, token: str) -> None:
    grant = server.api.grants.find(token)
    assert grant is not None
    grant.access_until = 0.0


async def _forget_account(server: Server, _client: httpx.AsyncClient, token: str) -> None:
    grant = server.api.grants.find(token)
    assert grant is not None
    grant.extension_id = "gone"


LOST = {_revoke: "", _expire: "expired", _forget_account: ""}


async def test_who_says_anything_into_a_stream_still_hears(shared: Server, ada: httpx.AsyncClient) -> None:
    url = shared.http_url.replace("http", "ws") + EVENTS
    async with connect(url, additional_headers={"Authorization": ada.headers["authorization"]}) as socket:
        for said in ("", "hello", "x" * 500_000, b"", b"\0\xff" * 100_000, ["a", "b", ""], [b"a", b"b"]):
            await socket.send(said)
        await (await socket.ping())
        session = (await ada.post("/api/v1/conferences")).json()["id"]
        told: dict[str, Any] = {}
        while told.get("session") != session:
            told = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    assert socket.close_code == 1000
    await ada.delete(f"/api/v1/conferences/{session}")


async def test_what_is_too_large_is_told_so(shared: Server, ada: httpx.AsyncClient) -> None:
    url = shared.http_url.replace("http", "ws") + EVENTS
    async with connect(url, additional_headers={"Authorization": ada.headers["authorization"]}) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.send("x" * (MAX_MESSAGE_BYTES + 1))
            while True:
                await asyncio.wait_for(socket.recv(), PATIENCE_S)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


async def test_one_user_has_so_many_streams_and_the_oldest_gives_way(shared: Server) -> None:
    feed = Feed()
    watched = Watching(cast(Focus, SimpleNamespace(feed=feed)), keep_alive_s=0.01)
    ada, ben = shared.accounts.extensions["101"], shared.accounts.extensions["102"]
    other = watched.follow(ben, None, None)
    streams = [watched.follow(ada, None, None) for _ in range(MOST_STREAMS + 1)]
    for each in (other, *streams):
        assert await anext(each) is None
    ended = await anext(streams[0])
    assert isinstance(ended, StreamEnded) and ended.code == 4429
    assert [each async for each in streams[0]] == []
    assert [await anext(each) for each in (other, *streams[1:])] == [None] * (MOST_STREAMS + 1)


async def test_an_event_is_written_once_for_all_its_streams(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def view(event: FeedEvent) -> EventView:
        written.append(event.id)
        return event_view(event)

    monkeypatch.setattr("softphone.api.events.watching.event_view", view)
    feed = Feed()
    watched = Watching(cast(Focus, SimpleNamespace(feed=feed)))
    events = [feed.publish(EventType.CONFERENCE_ENDED, "s-0", reason=str(n)) for n in range(3)]
    texts = {watched.json(event) for _ in range(50) for event in events}
    assert len(texts) == 3 and written == [event.id for event in events]


async def test_a_stream_of_a_conference_ends_when_it_is_no_longer_its_watchers(shared: Server) -> None:
    feed = Feed()
    session = TelephonySession("s-0", SessionOrigin.CONFERENCE, "102-id")
    focus = cast(Focus, SimpleNamespace(feed=feed, session=lambda _id: session))
    ben = replace(shared.accounts.extensions["102"], id="102-id", admin=False)
    items = Watching(focus, keep_alive_s=0.01).follow(ben, "s-0", None)
    assert await anext(items) is None
    session.owner_id = "another"
    ended = await anext(items)
    assert isinstance(ended, StreamEnded) and ended.code == 4403


async def test_who_administers_no_more_is_told_less(shared: Server) -> None:
    feed = Feed()
    session = TelephonySession("s-0", SessionOrigin.CONFERENCE, "another")
    focus = cast(Focus, SimpleNamespace(feed=feed, session=lambda _id: session))
    ada = replace(shared.accounts.extensions["101"], admin=True)
    now = [ada]
    items = Watching(focus, keep_alive_s=0.01).follow(ada, None, None, lambda: now[0])
    assert await anext(items) is None
    first = feed.publish(EventType.RECORDING_STARTED, "s-0", recording="r", path="/x")
    assert await anext(items) is first
    now[0] = replace(ada, admin=False)
    feed.publish(EventType.RECORDING_STARTED, "s-0", recording="r", path="/x")
    assert await anext(items) is None, "it is another's conference now"
    session.owner_id = ada.id
    feed.publish(EventType.RECORDING_STARTED, "s-0", recording="r", path="/x")
    told = await anext(items)
    assert isinstance(told, FeedEvent) and "path" not in told.data
