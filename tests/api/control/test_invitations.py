"""Invitations to conferences, written and mailed through a real mail server."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_string
from email.policy import SMTP as SMTP_POLICY
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session

from softphone.api.web import commands
from softphone.errors import SoftphoneError
from softphone.focus.entrance.web_door import WebWish
from softphone.focus.entrance.web_parties import WebParty
from softphone.server import Server
from softphone.store.values import Codes
from softphone.testing.bridge import offer
from tests.api.conftest import logged_in
from tests.focus.phone import bridge
from tests.support.processes import LOOPBACK
from tests.support.web import GUEST, HOST

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1/conferences"


class Inbox:
    """Takes all mail but to `nobody@`."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def posted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Server, Inbox]]:
    inbox, loop = Inbox(), asyncio.get_running_loop()
    async with await loop.create_server(lambda: SMTP(inbox, hostname=LOOPBACK, loop=loop), LOOPBACK, 0) as mails:
        port = mails.sockets[0].getsockname()[1]
        mail = {"host": LOOPBACK, "port": port, "tls": "none", "sender": "bridge@example.com"}
        async with bridge(tmp_path_factory.mktemp("posted"), mail=mail) as server:
            yield server, inbox


def calendar_in(mail: str) -> str:
    """The calendar file that is attached to a mail."""
    _plain, attached = message_from_string(mail, policy=SMTP_POLICY).iter_parts()
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n ", "")


async def opened(client: httpx.AsyncClient, **wish: Any) -> str:
    answer = await client.post(V1, json=wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_by_mail(posted: tuple[Server, Inbox]) -> None:
    server, inbox = posted
    async with logged_in(server, "101") as ada:
        path = f"{V1}/{await opened(ada)}/invitation/mail"
        answer = await ada.post(path, json={"title": "Standup", "to": ["Ben <ben@example.com>", "nobody@example.com"]})
        assert answer.status_code == 200, answer.text
        sent, refused = answer.json()["deliveries"]
        assert (sent["to"], sent["error"]) == ("ben@example.com", "")
        assert "550" in refused["error"]
        assert [to for to, _ in inbox.mails] == [["ben@example.com"]]
        assert "Subject: Invitation: Standup" in inbox.mails[0][1]
        file = calendar_in(inbox.mails[0][1])
        assert "METHOD:REQUEST" in file and "ORGANIZER:mailto:bridge@example.com" in file
        kept = (await server.store.shelf.invitations()).items
        assert {each.recipient: each.state for each in kept} == {
            "Ben <ben@example.com>": "sent",
            "nobody@example.com": "failed",
        }
        listed = (await ada.get("/api/v1/invitations")).json()["invitations"]
        assert {each["recipient"]: each["state"] for each in listed} == {each.recipient: each.state for each in kept}
        async with logged_in(server, "102") as ben:
            assert (await ben.get("/api/v1/invitations")).json() == {"invitations": [], "next": None}
        wrongs: list[dict[str, Any]] = [{"to": []}, {"to": ["no"]}, {"to": ["a@b.example"], "title": "two\nlines"}]
        for wrong in wrongs:
            assert (await ada.post(path, json=wrong)).status_code == 400


async def test_what_is_told_of_each_kind_of_room(shared: Server, ada: httpx.AsyncClient) -> None:
    rooms = [await opened(ada), await opened(ada, extension="203"), await opened(ada, extension="101")]
    texts = [(await ada.post(f"{V1}/{room}/invitation", json={})).json()["text"] for room in rooms]
    assert "sip:conf_" in texts[0]
    assert "Code" not in texts[0]
    assert "sip:203@" in texts[1]
    assert "1234" in texts[1]
    assert "9876" not in texts[1]
    codes = shared.accounts.codes(shared.accounts.extensions["101"].id)
    assert codes is not None
    assert codes.participant in texts[2]
    assert codes.host not in texts[2]
    assert "+16505550100" in texts[2]


async def test_a_link_for_browsers(tmp_path_factory: pytest.TempPathFactory, ada: httpx.AsyncClient) -> None:
    text = (await ada.post(f"{V1}/{await opened(ada)}/invitation", json={})).json()["text"]
    assert "Browser" not in text
    url = {"web_url": "https://example.com/join/{room}?code={code}"}
    async with bridge(tmp_path_factory.mktemp("web"), invite=url) as server, logged_in(server, "101") as other:
        codes = server.accounts.codes(server.accounts.extensions["101"].id)
        assert codes is not None
        token = await opened(other)
        secret = (await other.get(f"{V1}/{token}")).json()["token"]
        links = {
            token: f"{secret}?code={secret}",
            await opened(other, extension="203"): "203?code=1234",
            await opened(other, extension="101"): f"%2B16505550100?code={codes.participant}",
        }
        for room, link in links.items():
            answer = (await other.post(f"{V1}/{room}/invitation", json={})).json()
            assert f"Browser:  https://example.com/join/{link}\n" in answer["text"]
            assert "https://example.com/join/" in answer["ics"]
        walk_in = await opened(other, extension="202")
        assert "Browser" not in (await other.post(f"{V1}/{walk_in}/invitation", json={})).json()["text"]


async def test_a_room_that_nobody_has_opened(posted: tuple[Server, Inbox], ada: httpx.AsyncClient) -> None:
    before = (await ada.get(V1)).json()
    wish = {"title": "Later", "start": "2037-01-31T15:00:00+01:00"}
    written = (await ada.post("/api/v1/extensions/203/invitation", json=wish)).json()
    assert "sip:203@" in written["text"] and "1234" in written["text"] and "9876" not in written["text"]
    own = (await ada.post("/api/v1/extensions/101/invitation", json=wish)).json()
    assert "+16505550100" in own["text"] and "Code" in own["text"]
    assert (await ada.get(V1)).json() == before
    assert (await ada.post("/api/v1/extensions/999/invitation", json=wish)).status_code == 404
    assert (await ada.post("/api/v1/extensions/105/invitation", json=wish)).status_code == 403
    server, inbox = posted
    async with logged_in(server, "102") as ben:
        assert (await ben.post("/api/v1/extensions/203/invitation", json=wish)).status_code == 403
        mailed = await ben.post(
            "/api/v1/extensions/102/invitation/mail",
            json=wish | {"to": ["cai@example.com"], "organizer": "ben@example.com"},
        )
        assert mailed.json()["deliveries"] == [{"to": "cai@example.com", "error": ""}]
        assert "ORGANIZER:mailto:ben@example.com" in calendar_in(inbox.mails[-1][1])


async def test_nobody_is_invited_to_where_nobody_will_be(ada: httpx.AsyncClient) -> None:
    path = f"{V1}/{await opened(ada)}/invitation"
    refused = await ada.post(path, json={"start": "2037-01-31T15:00:00+01:00"})
    assert (refused.status_code, refused.json()["parameterName"]) == (400, "start")
    assert "38 s" in refused.json()["message"]
    assert (await ada.post(path, json={"start": datetime.now(UTC).isoformat()})).status_code == 200


async def test_the_calendar_file(ada: httpx.AsyncClient) -> None:
    path = f"{V1}/{await opened(ada, extension='203')}/invitation/calendar"
    answer = await ada.post(path, json={"title": "Standup", "start": "2027-01-31T15:00:00+01:00", "minutes": 15})
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "DTSTART:20270131T140000Z" in answer.text
    assert (await ada.post(path, json={"start": "2027-01-31T15:00:00"})).status_code == 400


async def test_without_a_mail_server(ada: httpx.AsyncClient) -> None:
    path = f"{V1}/{await opened(ada)}/invitation/mail"
    assert (await ada.post(path, json={"to": ["ben@example.com"]})).status_code == 409


async def test_a_host_that_joined_by_http_sends_one(posted: tuple[Server, Inbox]) -> None:
    server, inbox = posted
    server.accounts.put_codes(server.accounts.extensions["102"].id, Codes(HOST, GUEST))
    host, guest = [(await server.api.door.join(WebWish(to, offer(), "127.0.0.1"))).party for to in (HOST, GUEST)]

    async def invites(party: WebParty, to: str) -> str:
        command = commands.read(json.dumps({"n": 1, "do": "invite", "to": to}))
        try:
            await commands.carry_out(server.api, party, command)
        except SoftphoneError as error:
            return commands.why(error)
        return ""

    before = len(inbox.mails)
    assert await invites(host, " Eve <eve@example.com> ") == ""
    ((to, mail),) = inbox.mails[before:]
    assert to == ["eve@example.com"] and "Subject: Invitation: Ben User" in mail
    assert GUEST in calendar_in(mail) and HOST not in calendar_in(mail), "as a participant"
    kept = (await server.store.shelf.invitations(extension_id=server.accounts.extensions["102"].id)).items
    assert kept[0].recipient == "Eve <eve@example.com>"
    assert "550" in await invites(host, "nobody@example.com")
    assert "no mail address" in await invites(host, "@")
    assert await invites(guest, "eve@example.com") == "Only a host of the conference may do that"
    host.mails = commands.MOST_MAILS
    assert await invites(host, "eve@example.com") == "50 invitations were sent by you already"
    assert len(inbox.mails) == before + 1
    await server.control.end(host.session)
