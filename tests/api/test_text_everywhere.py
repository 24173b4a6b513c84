"""Callers that call themselves anything, over the wire; and every face of the server, read by foreign parsers."""

import asyncio
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as etree

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from softphone.server import Server
from tests.api.conftest import PATIENCE_S
from tests.api.events.test_events import watching
from tests.focus.test_subscriptions import NS, Watcher
from tests.support.raw import RawPhone, offer

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Of From: the display name as it stands on the wire, and the user.
CALLERS = [
    (b'"A\xef\xbf\xbeB" ', b"%01%0B42"),
    (b'"\xe2\x80\xaednob\xe2\x80\xac" ', b"%00"),
    (b'"<b>&amp;\\"x\\" ]]>" ', b"%3Cx%3E%26%22'"),
    (b'"[/red][link=http://x]y" ', b"%1B%5D0;t%07"),
    (b'"\xff\xfe\xed\xa0\x80" ', b"%ED%A0%80"),
    (b'"=?utf-8?q?x?=, y; z" ', b"a%0D%0Ab"),
    (b'"' + "Z\u0336\u0337\u0338\u0339".encode() * 40 + b'" ', b"z" * 300),
    (b'"\xe2\x80\x8b\xe3\x85\xa4" ', b"%E2%80%8B"),
    (b"", b"anonymous"),
    (b"", b"anonymous"),
]


def calling(server: Server, token: object, number: int) -> RawPhone:
    display, user = CALLERS[number]
    phone = RawPhone(("127.0.0.1", server.stack.port), str(token), f"text-{number}")

    def raw(text: str) -> None:
        sent = text.encode().replace(
            b"From: <sip:raw@127.0.0.1>", b"From: " + display + b"<sip:" + user + b"@x.example>"
        )
        phone.socket.sendto(sent, phone.address)

    phone.raw = raw  # type: ignore[method-assign]
    return phone


def texts(found: Any) -> Iterator[str]:
    match found:
        case str():
            yield found
        case dict():
            for name, value in found.items():
                yield from (*texts(name), *texts(value))
        case list():
            for each in found:
                yield from texts(each)


def readable(found: Any) -> bool:
    """No text has what people cannot see, or has no end."""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return all(len(text) <= 300 and not {unicodedata.category(each) for each in text} & bad for text in texts(found))


async def test_every_face_holds_whatever_callers_call_themselves(shared: Server, ada: httpx.AsyncClient) -> None:
    made = (await ada.post("/api/v1/conferences", json={"max_members": 20})).json()
    path = f"/api/v1/conferences/{made['id']}"
    watcher = Watcher(shared)
    await watcher.stack.start()
    phones = [calling(shared, made["token"], number) for number in range(len(CALLERS))]
    try:
        assert (await watcher.subscribe(made["token"])).status == 200
        async with watching(ada) as stream:
            for phone in phones:
                await asyncio.to_thread(phone.invite, offer())
            names = [(await stream.until("party.joined"))["data"] for _ in CALLERS]
        assert readable(names)
        parties = (await ada.get(f"{path}/parties")).json()["parties"]
        assert len(parties) == len(CALLERS) and readable(parties)
        assert [each["number"] for each in parties].count("anonymous") >= 2
        assert readable((await ada.get(f"/restapi/v1.0/account/~/telephony/sessions/{made['id']}")).json())
        await whole_roster(watcher, len(CALLERS))
        started = (await ada.post(f"{path}/recording")).json()
        await ada.delete(f"{path}/recording")
        whole: Any = json.loads((Path(started["path"]).parent / "recording.json").read_bytes())
        assert readable(whole["parties"]) and len(whole["parties"]) == len(CALLERS)
        assert await shared.history.flush(PATIENCE_S)
        assert readable((await ada.get(f"/api/v1/history/conferences/{made['id']}/participations")).json())
        assert readable((await ada.get("/api/v1/history/calls")).json())
        assert list(text_string_to_metric_families((await ada.get("/metrics")).text))
    finally:
        await ada.delete(path)
        await watcher.stack.stop()
        for phone in phones:
            phone.socket.close()


async def whole_roster(watcher: Watcher, count: int) -> None:
    """As many users as callers, each with a URI of its own, in documents that a parser takes (it raises else)."""
    known: dict[str, etree.Element] = {}
    async with asyncio.timeout(PATIENCE_S):
        while len(known) < count:
            for user in (await watcher.told.get()).iterfind(f"{NS}users/{NS}user"):
                known[user.get("entity", "")] = user
    assert all(entity.isascii() and entity.startswith("sip:") and entity.count("@") == 1 for entity in known)
    assert readable([user.findtext(f"{NS}display-text") or "" for user in known.values()])
