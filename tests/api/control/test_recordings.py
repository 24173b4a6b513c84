"""Recordings, sounds, properties and history over HTTP."""

import asyncio
import io
from collections.abc import Iterable
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from softphone.server import Server
from softphone.store.archive import Archive
from tests.api.conftest import PATIENCE_S, logged_in
from tests.focus.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"


async def opened(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post(f"{V1}/conferences", json=wish)
    assert answer.status_code == 201, answer.text
    conference: dict[str, Any] = answer.json()
    return conference


async def recorded(server: Server, client: httpx.AsyncClient, times: int) -> tuple[str, list[str]]:
    """A conference that was recorded so many times, one guest being there, and its recordings."""
    conference = await opened(client)
    recorder = f"{V1}/conferences/{conference['id']}/recording"
    made = []
    async with Phone(server) as phone:
        call = await phone.call(conference["token"])
        for _ in range(times):
            made.append((await client.post(recorder)).json()["id"])
            await client.delete(recorder)
        await call.bye()
    return conference["id"], made


async def ready(client: httpx.AsyncClient, recording: str) -> dict[str, Any]:
    """Wait until nothing is made of a recording any more."""
    async with asyncio.timeout(PATIENCE_S):
        while (entry := (await client.get(f"{V1}/recordings/{recording}")).json())["state"] != "ready":
            await asyncio.sleep(0.02)
    details: dict[str, Any] = entry
    return details


async def test_a_recording_from_start_to_deletion(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await opened(ada)
    recorder = f"{V1}/conferences/{conference['id']}/recording"
    assert (await ada.post(recorder)).status_code == 409, "nobody is there"
    async with Phone(shared, "102") as phone, logged_in(shared, "102") as ben:
        await phone.call(conference["token"])
        assert (await ada.get(recorder)).status_code == 404
        started = (await ada.post(recorder)).json()
        assert (started["active"], started["paused"]) == (True, False)
        assert (await ada.patch(recorder, json={"paused": True})).json()["paused"] is True
        shown, seen = (await ada.get(recorder)).json(), (await ben.get(recorder)).json()
        assert shown == started | {"paused": True, "seconds": shown["seconds"]}
        assert (seen["id"], seen["path"]) == (started["id"], "")
        (running,) = (await ada.get(f"{V1}/recordings", params={"conference": conference["id"]})).json()["recordings"]
        assert (running["state"], [party["number"] for party in running["parties"]]) == ("paused", ["102"])
        assert len(running["pauses"]) == 1
        assert (await ada.patch(recorder, json={"paused": False})).json()["paused"] is False
        one = f"{V1}/recordings/{started['id']}"
        refused = await ada.delete(one)
        assert (refused.status_code, "still being made" in refused.json()["message"]) == (409, True)
        assert (await ada.get(f"{one}/audio")).status_code == 409
        assert (await ada.delete(recorder)).json()["active"] is False
        assert (await ada.delete(recorder)).status_code == 409
        details = await ready(ada, started["id"])
        assert details["conference"] == conference["id"]
        assert [party["number"] for party in details["parties"]] == ["102"]
        assert len(details["pauses"]) == 1
        listed = (await ada.get(f"{V1}/recordings", params={"conference": conference["id"]})).json()
        assert [each["id"] for each in listed["recordings"]] == [started["id"]]
        assert (await ben.get(one)).status_code == 404
        assert (await ben.get(f"{V1}/recordings")).json() == {"recordings": [], "next": None}
        whole = await ada.get(f"{one}/files/{details['mix']}")
        assert whole.headers["content-type"] == "audio/wav"
        assert soundfile.info(io.BytesIO(whole.content)).samplerate == 8000
        assert (await ada.get(f"{one}/files/recording.json")).status_code == 404
        assert (await ada.delete(one)).status_code == 204
        assert (await ada.get(one)).status_code == 404


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=4-", 206, slice(4, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=999999999-,888888888-", 416, None),
        ("bytes=0-3,999999999-", 200, slice(None)),
        ("bytes=5-2", 200, slice(None)),
        ("bytes=", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        ("bytes=a-b", 200, slice(None)),
        ("bytes=" + ",".join(["0-3"] * 99), 200, slice(None)),
    ],
)
async def test_parts_of_a_file(
    shared: Server, ada: httpx.AsyncClient, header: str, status: int, part: slice | None
) -> None:
    _, (recording,) = await recorded(shared, ada, 1)
    await ready(ada, recording)
    path = f"{V1}/recordings/{recording}/audio"
    whole = (await ada.get(path)).content
    answer = await ada.get(path, headers={"Range": header})
    assert answer.status_code == status
    if part is None:
        assert answer.json()["errors"][0]["errorCode"] == "CMN-101"
    else:
        assert answer.content == whole[part]
    head = await ada.head(path, headers={"Range": header})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole)))
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"


async def test_own_recordings_are_listed_when_the_conference_is_over(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def owned(owner: str, conferences: Iterable[str]) -> set[str]:
        asked.append(owner)
        return await Archive.owned(shared.store.archive, owner, conferences)

    async with logged_in(shared, "102") as ben, logged_in(shared, "103") as cai:
        made = []
        for _ in range(2):
            conference, (recording,) = await recorded(shared, ben, 1)
            made.append(recording)
            await ben.delete(f"{V1}/conferences/{conference}")
        for recording in made:
            await ready(ben, recording)
        assert await shared.history.flush(5.0)
        monkeypatch.setattr(shared.store.archive, "owned", owned)
        listed = (await ben.get(f"{V1}/recordings")).json()["recordings"]
        assert [each["id"] for each in listed] == made[::-1]
        assert len(asked) == 1, "one query for all"
        assert (await cai.get(f"{V1}/recordings")).json()["recordings"] == []


async def test_whose_a_conference_was_is_known_though_it_is_not_yet_written(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [set[str]()]

    async def owned(owner: str, conferences: Iterable[str]) -> set[str]:
        written = await Archive.owned(shared.store.archive, owner, conferences)
        return answers.pop() if answers else written

    async with logged_in(shared, "102") as ben:
        conference, (recording,) = await recorded(shared, ben, 1)
        await ben.delete(f"{V1}/conferences/{conference}")
        monkeypatch.setattr(shared.store.archive, "owned", owned)
        assert (await ben.get(f"{V1}/recordings/{recording}")).status_code == 200
        assert not answers


async def test_the_list_in_parts(shared: Server, ada: httpx.AsyncClient) -> None:
    conference, made = await recorded(shared, ada, 3)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        answer = await ada.get(f"{V1}/recordings", params={"conference": conference, "limit": 2, **after})
        seen += [each["id"] for each in answer.json()["recordings"]]
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert sorted(seen) == sorted(made)


def tone(seconds: float = 0.2) -> bytes:
    content = io.BytesIO()
    samples = (8000 * np.sin(np.arange(int(8000 * seconds)) * 0.3)).astype(np.int16)
    soundfile.write(content, samples, 8000, format="WAV")
    return content.getvalue()


async def test_a_sound_from_upload_to_deletion(shared: Server, ada: httpx.AsyncClient) -> None:
    answer = await ada.post(f"{V1}/sounds", files={"file": ("gong.wav", tone())}, data={"name": "Gong"})
    assert answer.status_code == 201, answer.text
    sound = answer.json()
    assert (sound["name"], sound["seconds"]) == ("Gong", pytest.approx(0.2, abs=0.001))
    assert sound in (await ada.get(f"{V1}/sounds")).json()["sounds"]
    conference = await opened(ada)
    played = await ada.post(
        f"{V1}/conferences/{conference['id']}/playbacks", json={"sounds": [{"sound": sound["id"]}], "loop": True}
    )
    assert played.status_code == 201, played.text
    one = f"{V1}/sounds/{sound['id']}"
    room = f"{V1}/extensions/202/properties"
    assert (await ada.put(room, json={"enter_sound": sound["id"]})).json()["enter_sound"] == sound["id"]
    assert (await ada.delete(one)).status_code == 409
    await ada.put(room, json={"enter_sound": None})
    async with logged_in(shared, "102") as ben:
        assert (await ben.delete(one)).status_code == 403
        assert (await ben.post(f"{V1}/sounds", files={"file": ("x.wav", tone())})).status_code == 403
    assert (await ada.delete(one)).status_code == 204
    assert (await ada.delete(one)).status_code == 404


async def test_what_is_no_sound(ada: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    assert (await ada.post(f"{V1}/sounds", files={"file": ("x.wav", b"nonsense")})).status_code == 400
    assert (await ada.post(f"{V1}/sounds", data={"name": "x"})).status_code == 400
    long = tone(3.0)
    assert len(long) > 2000
    assert (await http.post(f"{V1}/sounds", files={"file": ("x.wav", long)})).status_code == 413
    assert (await ada.post(f"{V1}/sounds", files={"file": ("x.wav", long)})).status_code == 201


async def test_properties_of_a_room(shared: Server, ada: httpx.AsyncClient) -> None:
    path = f"{V1}/extensions/203/properties"
    before = (await ada.get(path)).json()
    assert before["pin"] == "1234"
    assert (await ada.put(path, json={"record_enabled": True})).json() == before | {"record_enabled": True}
    assert (await ada.put(path, json={"pin": None})).status_code == 400
    assert (await ada.get(f"{V1}/extensions/102/properties")).status_code == 404
    async with logged_in(shared, "102") as ben:
        assert (await ben.get(path)).status_code == 403


async def test_history(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = await opened(ada)
    path = f"{V1}/history/conferences/{conference['id']}"
    async with Phone(shared, "102") as phone:
        await phone.call(conference["token"])
        party = (await ada.get(f"{V1}/conferences/{conference['id']}/parties")).json()["parties"][0]["id"]
        await ada.patch(f"{V1}/conferences/{conference['id']}/parties/{party}", json={"muted": True})
        await ada.delete(f"{V1}/conferences/{conference['id']}")
        await phone.hung_up()
    async with asyncio.timeout(PATIENCE_S):
        while (past := await ada.get(path)).status_code == 404 or past.json()["ended"] is None:
            await asyncio.sleep(0.02)
    assert past.json()["reason"]
    (participation,) = (await ada.get(f"{path}/participations")).json()["participations"]
    assert (participation["party_id"], participation["number"], participation["role"]) == (party, "102", "participant")
    assert len(participation["mutes"]) == 1
    calls = (await ada.get(f"{V1}/history/calls", params={"session": conference["id"]})).json()["calls"]
    assert [(each["id"], each["direction"], each["caller"], each["callee"]) for each in calls] == [
        (party, "inbound", "102", "conference")
    ]
    assert calls[0]["answered"] <= calls[0]["ended"] and calls[0]["reason"] == participation["reason"]
    listed = (await ada.get(f"{V1}/history/conferences", params={"live": False, "limit": 1000})).json()
    assert conference["id"] in {each["id"] for each in listed["conferences"]}
    async with logged_in(shared, "102") as ben:
        assert (await ben.get(path)).status_code == 404
        assert conference["id"] not in (await ben.get(f"{V1}/history/conferences")).text
        assert (await ben.get(f"{V1}/history/calls")).json()["calls"][0]["extension_id"] == "100102"
        assert (await ben.get(f"{V1}/extensions")).status_code == 403
    known = (await ada.get(f"{V1}/extensions")).json()["extensions"]
    assert [(each["number"], each["kind"]) for each in known][-2:] == [("202", "conference"), ("203", "conference")]
    assert (await ada.get(f"{V1}/history/conferences", params={"since": "2026-01-01"})).status_code == 400
