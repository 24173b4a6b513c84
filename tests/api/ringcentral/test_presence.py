"""Presence, as the document prints it, of calls as they are."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from softphone.api.ringcentral.models import instant, legacy_id
from softphone.api.ringcentral.presence import SipData, calls_by_extension, log_record, presence_of
from softphone.focus.session import (
    CallEnd,
    Direction,
    Party,
    PartyAddress,
    PartyStatus,
    SessionOrigin,
    TelephonySession,
)
from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import code, make
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, calls_of, reachable

ACCOUNT = "/restapi/v1.0/account/~"
OWN = f"{ACCOUNT}/extension/~/presence"
DETAILED = {"detailedTelephonyState": "true"}

OWNER = PartyAddress("+19295550100", extension_id="684351005")
BEGAN = datetime(2020, 9, 24, 19, 51, 19, 20_000, UTC)

# As printed in the document, but for the ids, which are ours.
PRINTED = """
    {
      "activeCalls": [
        {
          "direction": "Outbound",
          "from": "+19295550100",
          "id": "ID-1",
          "partyId": "p-854662029bf6411d8e216786ca373674-1",
          "sessionId": "572411478683",
          "startTime": "2020-09-24T19:51:19.020Z",
          "telephonySessionId": "s-854662029bf6411d8e216786ca373674",
          "telephonyStatus": "CallConnected",
          "to": "+15105550101"
        },
        {
          "direction": "Outbound",
          "from": "+19295550100",
          "id": "ID-2",
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
      "meetingStatus": "Disconnected",
      "pickUpCallsOnHold": false,
      "presenceStatus": "Busy",
      "ringOnMonitoredCall": false,
      "telephonyStatus": "CallConnected",
      "userStatus": "Available"
    }
"""


def party(session: str, to: PartyAddress, **more: Any) -> Party:
    known = {"end": CallEnd.CALLER, "extension_id": OWNER.extension_id, "status": PartyStatus.ANSWERED} | more
    return Party(f"p-{session}-1", OWNER, to, Direction.OUTBOUND, created=known.pop("created", BEGAN), **known)


def session(name: str, origin: SessionOrigin, *parties: Party) -> TelephonySession:
    return TelephonySession(f"s-{name}", origin, OWNER.extension_id, parties={each.id: each for each in parties})


def two_calls() -> list[TelephonySession]:
    call, room = "854662029bf6411d8e216786ca373674", "19a6e4906d8d4c799781760b03fbb014"
    later = BEGAN + timedelta(seconds=10.215)
    hosting = party(room, PartyAddress("conference", "Conference"), end=None, created=later)
    return [
        session(room, SessionOrigin.CONFERENCE, hosting),
        session(call, SessionOrigin.CALL, party(call, PartyAddress("+15105550101"))),
    ]


def test_presence_is_what_the_document_prints() -> None:
    calls = calls_by_extension(two_calls())["684351005"]
    told = presence_of(calls, detailed=True)
    expected = json.loads(PRINTED)
    for mine, printed in zip(told["activeCalls"], expected["activeCalls"], strict=True):
        printed["id"] = mine["id"]
    # Byte for byte: the order of the members, too.
    assert json.dumps(told) == json.dumps(expected)
    assert len({each["id"] for each in told["activeCalls"]}) == 2


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], ("NoCall", "Available")),
        ([PartyStatus.PROCEEDING], ("Ringing", "Busy")),
        ([PartyStatus.SETUP], ("Ringing", "Busy")),
        ([PartyStatus.HOLD], ("OnHold", "Busy")),
        ([PartyStatus.HOLD, PartyStatus.PROCEEDING], ("Ringing", "Busy")),
        ([PartyStatus.HOLD, PartyStatus.ANSWERED, PartyStatus.SETUP], ("CallConnected", "Busy")),
        ([PartyStatus.DISCONNECTED, PartyStatus.GONE], ("NoCall", "Available")),
    ],
)
def test_of_several_calls_the_first_in_order_counts(statuses: list[PartyStatus], expected: tuple[str, str]) -> None:
    sessions = [
        session(f"{index:032x}", SessionOrigin.CALL, party(f"{index:032x}", PartyAddress("7"), status=status))
        for index, status in enumerate(statuses)
    ]
    calls = calls_by_extension(sessions).get("684351005", [])
    told = presence_of(calls, detailed=True)
    assert (told["telephonyStatus"], told["presenceStatus"]) == expected and len(told["activeCalls"]) == len(calls)
    assert "activeCalls" not in presence_of(calls)


def test_who_is_not_to_be_disturbed_and_how_dialogs_are_named() -> None:
    quiet = presence_of([], busy=True)
    assert (quiet["dndStatus"], quiet["presenceStatus"]) == ("DoNotAcceptAnyCalls", "Busy")
    calls = calls_by_extension(two_calls())["684351005"]
    first, second = presence_of(calls, detailed=True, sip={calls[0].party.id: SipData("c", "f", "t")})["activeCalls"]
    unknown = {"remoteUri": "-", "localUri": "-"}
    assert first["sipData"] == {"callId": "c", "toTag": "t", "fromTag": "f", **unknown}
    assert second["sipData"] == {"toTag": "", "fromTag": "", **unknown}


def test_an_incoming_call_names_who_calls() -> None:
    called = party("0" * 32, PartyAddress("102", "Ben", "7"), end=CallEnd.CALLEE, extension_id="7")
    called.caller = PartyAddress("101", "Ada", "6")
    (call,) = calls_by_extension([session("0" * 32, SessionOrigin.CALL, called)])["7"]
    (told,) = presence_of([call], detailed=True)["activeCalls"]
    assert (told["from"], told["fromName"], told["to"]) == ("101", "Ada", "102") and "toName" not in told
    record = log_record(call, "u", BEGAN + timedelta(seconds=42.9))
    assert (record["duration"], record["result"], record["from"]["name"]) == (42, "In Progress", "Ada")


def test_times_and_numbers() -> None:
    assert instant(BEGAN + timedelta(microseconds=999)) == "2020-09-24T19:51:19.020Z"
    assert legacy_id("s-" + "f" * 32).isdecimal() and legacy_id("nonsense") == "0"


async def read(client: httpx.AsyncClient, path: str, params: dict[str, str] = DETAILED) -> dict[str, Any]:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.asyncio(loop_scope="module")
async def test_an_idle_extension(shared: Server, ada: httpx.AsyncClient) -> None:
    told = await read(ada, OWN)
    assert told["extension"] == {
        "extensionNumber": "101", "id": 100101, "uri": f"{shared.http_url}{ACCOUNT.replace('~', '1')}/extension/100101",
    }  # fmt: skip
    assert told["uri"] == f"{told['extension']['uri']}/presence" and told["activeCalls"] == []
    assert (told["telephonyStatus"], told["presenceStatus"]) == ("NoCall", "Available")
    asked = await ada.post(OWN, params=DETAILED, headers={"Content-Type": "application/json"})
    assert (asked.status_code, asked.json()) == (200, told)
    assert "activeCalls" not in await read(ada, OWN, {})
    assert code(await ada.get(OWN, params={"detailedTelephonyState": "perhaps"})) == (400, "CMN-101")


@pytest.mark.asyncio(loop_scope="module")
async def test_calls_as_they_are(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob, logged_in(shared, "102") as ben:
        await reachable(bob, answer)
        call = await ann.call("102")
        made = await make(ada)
        await ann.call(made["voiceCallToken"])
        (source,) = calls_of(shared)
        told = await read(ada, OWN, {**DETAILED, "sipData": "true"})
        first, second = told["activeCalls"]
        assert (first["telephonySessionId"], first["partyId"]) == (source.id, f"p-{source.id[2:]}-1")
        assert (first["sessionId"].isdecimal(), second["sessionId"], second["to"]) == (True, "0", "conference")
        assert second["toName"] == "Conference" and second["partyId"] == f"p-{made['id'][2:]}-1"
        name = call.dialog.id
        assert (first["sipData"]["fromTag"], first["sipData"]["toTag"]) == (name.local_tag, name.remote_tag)
        # Every session that is told can be read; clients give up all if one cannot.
        for each in told["activeCalls"]:
            assert (await ada.get(f"{ACCOUNT}/telephony/sessions/{each['telephonySessionId']}")).status_code == 200
        (theirs,) = (await read(ben, OWN))["activeCalls"]
        assert (theirs["direction"], theirs["from"], theirs["fromName"]) == ("Inbound", "101", "Ada Admin")
        assert code(await ben.get(OWN.replace("extension/~", "extension/100101"))) == (403, "CMN-404")
        of_all = await read(ben, f"{ACCOUNT}/presence")
        seen = {each["extension"]["extensionNumber"]: each for each in of_all["records"]}
        assert (seen["101"]["presenceStatus"], seen["103"]["presenceStatus"]) == ("Busy", "Available")
        assert "activeCalls" in seen["102"] and "activeCalls" not in seen["101"]
        assert of_all["paging"]["totalElements"] == len(of_all["records"]) == 5
        records = (await read(ada, f"{ACCOUNT}/extension/~/active-calls"))["records"]
        assert [each["telephonySessionId"] for each in records] == [source.id, made["id"]]
        assert len((await read(ada, f"{ACCOUNT}/active-calls"))["records"]) == 3
        refused = await ben.get(f"{ACCOUNT}/active-calls")
        assert refused.status_code == 403 and refused.json()["permissionName"] == "FullCompanyCallLog"
        await call.bye()
        await ada.delete(f"{ACCOUNT}/telephony/sessions/{made['id']}")
        await until(lambda: shared.focus.parties == 0)
