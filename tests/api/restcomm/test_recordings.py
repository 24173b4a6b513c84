"""Recordings in Restcomm's shape: listed, of a call, shown, and the sound."""

from xml.etree import ElementTree

import httpx
import pytest

from softphone.api.restcomm.sids import recording_sid
from softphone.server import Server
from tests.api.control.test_recordings import ready, recorded
from tests.api.restcomm.conftest import sid_of
from tests.api.restcomm.test_conferences import DATE

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_recordings(
    shared: Server, ada: httpx.AsyncClient, ann: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    _, (first, second) = await recorded(shared, ada, 2)
    for each in (first, second):
        await ready(ada, each)
    page = (await ann.get("/Recordings.json")).json()
    assert [each["sid"] for each in page["recordings"]] == [recording_sid(second), recording_sid(first)]
    shown, account = page["recordings"][0], sid_of(shared, "101")
    uri = f"/2012-04-24/Accounts/{account}/Recordings/{shown['sid']}"
    assert shown == {
        "sid": recording_sid(second),
        "date_created": shown["date_created"],
        "date_updated": shown["date_updated"],
        "account_sid": account,
        "call_sid": shown["call_sid"],
        "duration": shown["duration"],
        "api_version": "2012-04-24",
        "uri": f"{uri}.json",
        "file_uri": f"{uri}.wav",
    }
    assert DATE.fullmatch(shown["date_created"]) and shown["call_sid"].startswith("CA")
    assert (await ann.get(f"/Recordings/{shown['sid']}.json")).json() == shown
    root = ElementTree.fromstring((await ann.get(f"/Recordings/{shown['sid']}")).content)
    assert (root[0].tag, root[0].findtext("Uri")) == ("Recording", uri)
    of_call = (await ann.get(f"/Calls/{shown['call_sid']}/Recordings.json")).json()
    assert of_call["recordings"] == page["recordings"] and of_call["uri"].endswith("/Recordings")
    assert (await ann.get("/Recordings.json", params={"CallSid": shown["call_sid"]})).json()["total"] == 2
    assert (await ann.get("/Recordings.json", params={"CallSid": "CA1"})).json()["recordings"] == []
    assert (await ann.get("/Recordings.json?PageSize=1&Page=1")).json()["recordings"] == page["recordings"][1:]
    sound = await ann.get(shared.http_url + "/restcomm" + shown["file_uri"])
    assert sound.status_code == 200 and sound.content[:4] == b"RIFF"
    assert (await ann.get(shared.http_url + shown["file_uri"], headers={"Range": "bytes=0-3"})).content == b"RIFF"
    for gone in (f"/Recordings/RE{'0' * 32}", f"/Recordings/{shown['sid']}.exe", "/Recordings/x.wav"):
        assert (await ann.get(gone)).status_code == 404
    assert (await ben.get("/Recordings.json")).json()["total"] == 0
    assert (await ben.get(f"/Recordings/{shown['sid']}.wav")).status_code == 404
