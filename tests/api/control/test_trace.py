"""The SIP trace over HTTP, and as a file that Wireshark reads."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from softphone.server import Server
from softphone.traced import PCAP
from tests.api.conftest import logged_in
from tests.focus.phone import Phone, bridge
from tests.sip.wire import ALICE, invite_bytes
from tests.support.packet_file import packets

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/trace"


async def test_only_administrators_see_it(shared: Server, http: httpx.AsyncClient) -> None:
    assert (await http.get(PATH)).status_code == 401
    async with logged_in(shared, "102") as ben:
        for path in (PATH, f"{PATH}/x", f"{PATH}?format=pcap"):
            assert (await ben.get(path)).status_code == 403


async def test_a_call_from_the_first_message_to_the_last(shared: Server, ada: httpx.AsyncClient) -> None:
    conference = (await ada.post("/api/v1/conferences")).json()
    async with Phone(shared, "102") as phone:
        call = await phone.call(conference["token"])
        call_id = call.dialog.id.call_id
        running = (await ada.get(f"{PATH}/{quote(call_id, safe='')}")).json()
        assert running["running"] and running["status"] == 200
        await call.bye()
    shown = (await ada.get(f"{PATH}/{running['id']}")).json()
    assert shown["call_id"] == call_id and not shown["running"] and shown["from"].startswith("<sip:102@")
    ways = [(each["direction"], each["line"].split(" sip")[0]) for each in shown["messages"]]
    assert ways[0] == ("in", "INVITE") and ways[-2:] == [("in", "BYE"), ("out", "SIP/2.0 200 OK")]
    assert ("in", "ACK") in ways
    assert shown["messages"][0]["local"] == f"127.0.0.1:{shared.stack.port}"
    assert conference["token"] not in str(shown) and "conf_*" in shown["messages"][0]["line"]
    assert call_id in [each["call_id"] for each in (await ada.get(PATH, params={"limit": 1000})).json()["calls"]]
    by_accept = await ada.get(f"{PATH}/{running['id']}", headers={"Accept": PCAP})
    by_format = await ada.get(f"{PATH}/{running['id']}", params={"format": "pcap"})
    assert by_accept.headers["Content-Type"] == PCAP and by_accept.content == by_format.content
    assert len(packets(by_format.content)) == len(ways)
    assert len(packets((await ada.get(PATH, params={"format": "pcap"})).content)) >= len(ways)
    await ada.delete(f"/api/v1/conferences/{conference['id']}")


async def test_a_wrong_password_is_there_and_its_digest_is_not(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "102", "wrong") as phone:
        with pytest.raises(Exception, match="40[13]"):
            await phone.call("103")
    listed = (await ada.get(PATH, params={"limit": 1000})).json()["calls"]
    (refused,) = [each for each in listed if each["method"] == "INVITE" and each["status"] in (401, 403)]
    text = "".join(each["text"] for each in (await ada.get(f"{PATH}/{refused['id']}")).json()["messages"])
    assert 'response="********************************"' in text


async def test_what_is_not_there_is_404(ada: httpx.AsyncClient) -> None:
    for name in ("x", "c-0000000000000000", "a%2Fb", "%00", "%ff", "x" * 8000):
        assert (await ada.get(f"{PATH}/{name}")).status_code == 404, name
    assert (await ada.get(PATH, params={"format": "exe"})).status_code == 400


@pytest.mark.parametrize("call_id", ["a/b@c", "w'<>{}?#%41", "sp ace", "ü", "c-1", "\udcff"])
async def test_strange_call_ids_can_be_asked_for(shared: Server, ada: httpx.AsyncClient, call_id: str) -> None:
    raw = invite_bytes(method="OPTIONS", CSeq="1 OPTIONS").replace(
        b"c1@example.com", call_id.encode(errors="surrogateescape")
    )
    assert shared.stack.trace is not None
    shared.stack.trace.passed(raw, ALICE, 1.0, sent=False)
    listed = (await ada.get(PATH, params={"limit": 1000})).json()["calls"]
    ids = {
        each["id"]
        for each in listed
        if each["call_id"] == call_id.encode(errors="surrogateescape").decode(errors="replace")
    }
    names = ids if "\udcff" in call_id else ids | {call_id}
    for name in names:
        (only,) = (await ada.get(f"{PATH}/{quote(name, safe='')}")).json()["messages"]
        assert only["line"] == "OPTIONS sip:bob@example.com SIP/2.0"
    assert ids


async def test_without_a_trace_the_list_is_empty(tmp_path: Path) -> None:
    async with bridge(tmp_path, sip={"port": 0, "trace_messages": 0}) as server, logged_in(server, "101") as ada:
        assert (await ada.get(PATH)).json() == {"calls": []}
        assert (await ada.get(f"{PATH}/x")).status_code == 404
        assert packets((await ada.get(PATH, params={"format": "pcap"})).content) == []
