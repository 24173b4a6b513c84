"""What the providers' documents print, sent as it is printed, and answered as it is printed but for ids and times."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.control.test_recordings import tone
from tests.focus.phone import Phone, bridge
from tests.focus.table import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+15105550101"
OURS = "130253008"

# What differs from one installation, or one call, to the other; the others are compared to the last character.
MASKS = (
    (r"https?://[^/\"]+(/restapi/v1\.0)?|https\.\.\.", "HOST"),
    (r"\bconf_[0-9a-f]{90,140}", "TOKEN"),
    (r"\b([sp])-[0-9a-f]{32}", r"\1-ID"),
    (r'(?<="id": ")[0-9a-z]{20}(?=")', "CALL"),
    (r'(?<="sessionId": ")[1-9][0-9]*(?=")', "NUMBER"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME"),
    (r"(?<=TIME)\.\d{3}(?=Z)", ".MSC"),
    (r"(?<=/account/)[^/\"]+", "ACCOUNT"),
    (r"(?<=/extension/)[^/\"]+", "EXTENSION"),
    (r'(?<="from": ")[^"]+', "OWN"),
    (r'(?<="id": )\d+', "EXTENSION"),
    (r'(?<="(host|part)Code" : ")\d{6}', "CODE"),
)


def masked(text: str) -> str:
    """JSON as it stands, but for what `MASKS` has."""
    json.loads(text)
    text = text.replace("participantCode", "partCode")
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


@dataclass(frozen=True)
class Answer:
    status: str
    fields: dict[str, str]
    body: str


async def sent(server: Server, printed: str, token: str) -> Answer:
    """Send a request as it stands; what the documents leave to the reader is filled in."""
    head, _, body = printed.strip("\n").partition("\n\n")
    first, *lines = head.replace("<YOUR_ACCESS_TOKEN>", token).split("\n")
    first = first if first.endswith(" HTTP/1.1") else f"{first} HTTP/1.1"
    if not any(each.startswith("Authorization") for each in lines):
        lines.append(f"Authorization: bearer {token}")
    lines = [each.replace("ACTUAL_CONTENT_LENGTH_HERE", str(len(body))) for each in lines]
    if body and not any(each.startswith("Content-Length") for each in lines):
        lines.append(f"Content-Length: {len(body)}")
    whole = "\r\n".join([first, *lines, "Host: api.example.com", "Connection: close", "", body])
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(server.http_url).port)
        writer.write(whole.encode())
        answer = (await reader.read()).decode()
        writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    return Answer(status, {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}, body)


@dataclass
class Itsp:
    """Whoever is called outside."""

    port: int
    calls: list[InviteSession] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def printed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The account of the documents, as far as they print it, with a way outside."""

    async def on_invite(call: InviteSession) -> None:
        await call.answer(offer())

    outside = Stack(StackSettings(), on_invite=on_invite)
    await outside.start()
    account = {"id": OURS, "main_number": "+18559012575"}
    trunk = {"uri": f"sip:127.0.0.1:{outside.port}"}
    async with bridge(tmp_path_factory.mktemp("printed"), account=account, trunk=trunk) as server:
        yield server
    await outside.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def token(printed: Server) -> AsyncIterator[str]:
    """Of extension 102."""
    async with logged_in(printed, "102") as client:
        yield client.headers["Authorization"].removeprefix("bearer ")


CONFERENCING = """
GET /restapi/v1.0/account/~/extension/~/conferencing HTTP/1.1
Accept: application/json
"""

CONFERENCING_ANSWER = """{
  "uri" : "https.../account/130253008/extension/130255008/conferencing",
  "phoneNumber" : "18559012575",
  "hostCode" : "190204",
  "participantCode" : "128576"
}"""

SERVICE_INFO = """
GET /restapi/v1.0/account/~/service-info HTTP/1.1
Accept: application/json
"""

FEATURE = """
       "featureName": "Conferencing",
       "enabled": true
"""

CONFERENCE = """
POST /restapi/v1.0/account/~/telephony/conference
Content-Type: application/json
Authorization: <YOUR_ACCESS_TOKEN>
"""

CONFERENCE_ANSWER = """{
  "session": {
    "creationTime": "2020-09-10T00:25:21Z",
    "id": "s-46d25a881853422c9f61497c6f76a327",
    "origin": {
      "type": "Conference"
    },
    "parties": [],
    "voiceCallToken": "conf_732d34366432356138383138353334323263396636313439376336663736613332374031302e31332e3132332e3235303a35303730"
  }
}"""  # noqa: E501

BRING_IN = """
POST /restapi/v1.0/account/~/telephony/sessions/{telephonySessionId}/parties/bring-in
Content-Type: application/json
Authorization: <YOUR_ACCESS_TOKEN>

{
  "KEY" : "SESSION",
  "partyId" : "PARTY"
}
"""

PRESENCE = """
POST /restapi/v1.0/account/{accountId}/extension/{extensionId}/presence?detailedTelephonyState=true HTTP/1.1
Content-Type: application/json
Content-Length: ACTUAL_CONTENT_LENGTH_HERE
Authorization: <YOUR_ACCESS_TOKEN>
"""

# The document lacks the comma between the calls.
PRESENCE_ANSWER = """{
  "activeCalls": [
    {
      "direction": "Outbound",
      "from": "+19295550100",
      "id": "3sv13tj6e4ohgq4kak5j",
      "partyId": "p-854662029bf6411d8e216786ca373674-1",
      "sessionId": "10675785005",
      "startTime": "2020-09-24T19:51:19.020Z",
      "telephonySessionId": "s-854662029bf6411d8e216786ca373674",
      "telephonyStatus": "CallConnected",
      "to": "+15105550101"
    },
    {
      "direction": "Outbound",
      "from": "+19295550100",
      "id": "3sv13spmbukc2ku0dln7",
      "partyId": "p-19a6e4906d8d4c799781760b03fbb014-1",
      "sessionId": "0",
      "startTime": "2020-09-24T19:51:29.235Z",
      "telephonySessionId": "s-19a6e4906d8d4c799781760b03fbb014",
      "telephonyStatus": "CallConnected",
      "to": "conference",
      "toName": "Conference"
    }
  ],
  "allowSeeMyPresence": true,
  "dndStatus": "TakeAllCalls",
  "extension": {
    "extensionNumber": "102",
    "id": 684351005,
    "uri": "https://platform.ringcentral.com/restapi/v1.0/account/{accountId}/extension/{extensionId}"
  },
  "meetingStatus": "Disconnected",
  "pickUpCallsOnHold": false,
  "presenceStatus": "Busy",
  "ringOnMonitoredCall": false,
  "telephonyStatus": "CallConnected",
  "uri": "https://platform.ringcentral.com/restapi/v1.0/account/{accountId}/extension/{extensionId}/presence",
  "userStatus": "Available"
}"""

REMOVE = """
DELETE /restapi/v1.0/account/~/telephony/sessions/{telephonySessionId}/parties/{partyId}
Content-Type: application/json
Authorization: <YOUR_ACCESS_TOKEN>
"""


async def test_conferencing_and_whether_the_account_has_it(printed: Server, token: str) -> None:
    shown = await sent(printed, CONFERENCING, token)
    assert (shown.status, shown.fields["content-type"]) == ("HTTP/1.1 200 OK", "application/json")
    assert masked(shown.body) == masked(CONFERENCING_ANSWER)
    info = await sent(printed, SERVICE_INFO, token)
    assert (info.status, info.fields["content-type"]) == ("HTTP/1.1 200 OK", "application/json")
    lines = [each.strip() for each in info.body.split("\n")]
    first, second = FEATURE.split("\n")[1:3]
    assert lines[lines.index(first.strip()) + 1] == second.strip()


async def test_a_user_without_conferencing_is_refused(printed: Server) -> None:
    async with logged_in(printed, "105") as eve:
        refused = await sent(printed, CONFERENCING, eve.headers["Authorization"].removeprefix("bearer "))
    assert refused.status == "HTTP/1.1 403 Forbidden"


async def test_a_conference_from_its_beginning_to_its_end(printed: Server, token: str) -> None:
    made = await sent(printed, CONFERENCE, token)
    assert (made.status, made.fields["content-type"]) == ("HTTP/1.1 200 OK", "application/json")
    assert masked(made.body) == masked(CONFERENCE_ANSWER)
    session: dict[str, Any] = json.loads(made.body)["session"]
    host, port = printed.focus.node
    assert bytes.fromhex(session["voiceCallToken"].removeprefix("conf_")).decode() == f"{session['id']}@{host}:{port}"
    async with Phone(printed, "102") as phone:
        await phone.call(OUTSIDE)
        ((call, _),) = (room.session.parties for room in printed.focus.calls.values())
        bring_in = BRING_IN.replace("{telephonySessionId}", session["id"]).replace("PARTY", call)
        bring_in = bring_in.replace("SESSION", f"s-{call[2:-2]}")
        # "A SIP INVITE is required to bring in parties, otherwise you will receive a 403 error."
        early = await sent(printed, bring_in.replace("KEY", "telephonySessionId"), token)
        assert early.status == "HTTP/1.1 403 Forbidden"
        await phone.call(session["voiceCallToken"])
        asked = PRESENCE.replace("{accountId}", OURS).replace("{extensionId}", printed.accounts.extensions["102"].id)
        presence = await sent(printed, asked, token)
        assert (presence.status, presence.fields["content-type"]) == ("HTTP/1.1 200 OK", "application/json")
        assert masked(presence.body) == masked(PRESENCE_ANSWER)
        brought = await sent(printed, bring_in.replace("KEY", "telephonySessionId"), token)
        assert brought.status == "HTTP/1.1 200 OK"
        party = json.loads(brought.body)["id"]
        remove = REMOVE.replace("{telephonySessionId}", session["id"]).replace("{partyId}", party)
        removed = await sent(printed, remove, token)
        assert (removed.status, removed.body) == ("HTTP/1.1 204 No Content", "")
        await printed.control.end(session["id"])
        await until(lambda: printed.focus.parties == 0)


# Name, type and default of each property, in the order of the document's answer.
PROPERTIES = {
    "announce_caller_name": (bool, False),
    "enter_sound": (int, None),
    "max_members": (int, None),
    "moderator_pin": (str, None),
    "music_on_hold_sound": (int, None),
    "mute_non_moderator": (bool, False),
    "pin": (str, None),
    "record_enabled": (bool, False),
}


@pytest_asyncio.fixture(loop_scope="module")
async def program(printed: Server) -> AsyncIterator[str]:
    form = {"grant_type": "client_credentials", "client_id": "dev-client", "client_secret": "dev-secret"}
    async with httpx.AsyncClient(base_url=printed.http_url, timeout=PATIENCE_S) as client:
        yield (await client.post("/oauth/token", data=form)).json()["access_token"]


async def test_the_properties_of_a_conference_extension(printed: Server, program: str) -> None:
    # An extension that was just made has the defaults of the document.
    made = await sent(
        printed,
        'POST /api/ver1.0/client/@me/extension/\n\n{"name": "301", "type": "conference", "label": "Bridge"}',
        program,
    )
    assert made.status == "HTTP/1.1 201 Created"
    path = f"/extension/{json.loads(made.body)['id']}/conference/"
    fresh = await sent(printed, f"GET {path}", program)
    defaults = {name: default for name, (_, default) in PROPERTIES.items()}
    assert (fresh.status, fresh.body) == ("HTTP/1.1 200 OK", json.dumps(defaults, separators=(",", ":")))
    async with logged_in(printed, "101") as admin:
        sound = (await admin.post("/api/v1/sounds", files={"file": ("enter.wav", tone())})).json()["id"]
    examples: dict[type, Any] = {bool: True, int: sound, str: "4321"}
    wish = {name: examples[kind] for name, (kind, _) in PROPERTIES.items()} | {"moderator_pin": "8765"}
    changed = await sent(printed, f"PUT {path}\n\n{json.dumps(wish)}", program)
    assert (changed.status, changed.body) == ("HTTP/1.1 200 OK", json.dumps(wish, separators=(",", ":")))
    # "It cannot be specified without specifying a PIN code for the conference participants."
    refused = await sent(printed, f'PUT {path}\n\n{{"pin": null, "moderator_pin": "1"}}', program)
    assert refused.status == "HTTP/1.1 400 Bad Request" and list(json.loads(refused.body)) == ["message"]
