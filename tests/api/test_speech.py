"""Texts that are said in conferences, by every face that can ask for it, with real telephones."""

import sys
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from softphone.api.http.errors import from_softphone
from softphone.errors import SoftphoneError
from softphone.focus.errors import NotOffered, SpeechFailed
from softphone.focus.feed import EventType
from softphone.server import Server
from tests.api.restcomm.conftest import client_of
from tests.api.restcomm.rcml_server import documents
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until
from tests.focus.test_speech import SPEAKER
from tests.focus.test_two_party import answer, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that speaks."""
    data = tmp_path_factory.mktemp("data")
    command = (sys.executable, "-c", SPEAKER, str(data / "log"), "{language}", "{voice}")
    speech: dict[str, object] = {"command": command, "voice": "usual", "voices": {"ann": "a"}, "max_chars": 40}
    async with bridge(data, speech=speech) as server:
        yield server


async def test_a_text_is_played_to_all_or_to_one(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await conference(shared)
    path = f"{V1}/conferences/{session.id}/playbacks"
    feed = shared.focus.feed.subscribe()
    async with Phone(shared, "102") as phone:
        await phone.call(session.token)
        for party in (None, next(iter(session.parties))):
            wish = {"sounds": [{"text": "Hello", "voice": "ann"}, "beep"], "party": party}
            playing = await ada.post(path, json=wish)
            assert playing.status_code == 201, playing.text
            async for event in feed:
                if event.type is EventType.PLAYBACK_ENDED:
                    assert event.data == {"playback": playing.json()["id"], "reason": "finished"}
                    break


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ({"text": ""}, 400, "CMN-101"),
        ({"text": "x" * 41}, 400, "CMN-101"),
        ({"text": "hi", "voice": "eve"}, 400, "CMN-101"),
        ({"text": "hi", "language": "--help"}, 400, "CMN-101"),
        ({"text": "hi", "speed": 2}, 400, "CMN-101"),
    ],
)
async def test_what_cannot_be_said_is_refused(
    shared: Server, ada: httpx.AsyncClient, text: dict[str, object], status: int, code: str
) -> None:
    session = await conference(shared)
    for path, wish in ((f"conferences/{session.id}/playbacks", {"sounds": [text]}), ("sounds/speech", text)):
        refused = await ada.post(f"{V1}/{path}", json=wish)
        assert (refused.status_code, refused.json()["errorCode"]) == (status, code), refused.text


async def test_a_text_becomes_a_sound_for_rooms(shared: Server, ada: httpx.AsyncClient) -> None:
    made = await ada.post(f"{V1}/sounds/speech", json={"text": "Welcome to us"})
    assert made.status_code == 201, made.text
    sound = made.json()
    assert (sound["name"], sound["seconds"]) == ("Welcome to us", pytest.approx(0.26))
    path = f"{V1}/extensions/201/properties"
    changed = await ada.put(path, json={"enter_sound": sound["id"]})
    assert changed.json()["enter_sound"] == sound["id"], changed.text
    assert (await ada.put(path, json={"enter_sound": None})).status_code == 200
    assert (await ada.delete(f"{V1}/sounds/{sound['id']}")).status_code == 204


async def test_a_document_of_rcml_says_it(shared: Server) -> None:
    async with client_of(shared, "102") as ben, documents() as web, Phone(shared, "103") as phone:
        await reachable(phone, answer)
        inside = '<Say voice="man" language="de" loop="2">Guten\n Tag</Say><Say voice="ann">Bye</Say>'
        feed = shared.focus.feed.subscribe()
        made = await ben.post("/Calls.json", data={"From": "1", "To": "103", "Url": web.put("say", inside)})
        assert await phone.hung_up() == "bye"
        ended = 0
        async for event in feed:
            ended += event.type is EventType.PLAYBACK_ENDED and event.data["reason"] == "finished"
            if ended == 3:
                break
        assert (await ben.get(f"/Calls/{made.json()['sid']}.json")).json()["status"] == "completed"
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize(
    ("error", "status", "code"), [(NotOffered("none"), 403, "CMN-109"), (SpeechFailed("broken"), 502, "CMN-211")]
)
async def test_where_nothing_speaks_is_told(error: SoftphoneError, status: int, code: str) -> None:
    told = from_softphone(error)
    assert (told.status, told.code, told.message) == (status, code, str(error))
