"""What telephones are given, and that they can register and call with it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from softphone.server import Server
from softphone.sip.message.digest import Credentials
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import code, make
from tests.focus.phone import Phone, bridge
from tests.focus.table import until
from tests.focus.test_secure_signalling import WebPhone

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "/restapi/v1.0"
PROVISION = f"{API}/client-info/sip-provision"
DEVICES = f"{API}/account/~/device"


async def provisioned(client: httpx.AsyncClient, transport: str = "UDP", **more: Any) -> dict[str, Any]:
    answer = await client.post(PROVISION, json={"sipInfo": [{"transport": transport}], **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_what_a_telephone_is_given(shared: Server, ada: httpx.AsyncClient) -> None:
    whole = await provisioned(ada, device={"id": "2100101", "serial": "ep-1", "computerName": "desk"})
    (info,) = whole["sipInfo"]
    host, port = shared.focus.node
    assert (info["username"], info["domain"]) == ("16505550100*101", "softphone.local")
    assert info["outboundProxy"] == info["outboundProxyBackup"] == f"{host}:{port}"
    assert (info["transport"], info["authorizationTypes"], info["stunServers"]) == ("UDP", ["SipDigest"], [])
    device = whole["device"]
    assert (device["id"], device["type"], device["serial"]) == ("2100101", "WebPhone", "ep-1")
    assert device["extension"]["id"] == 100101 and whole["sipErrorCodes"] == ["408", "502", "503", "504"]
    assert whole["sipFlags"]["voipFeatureEnabled"] is True and type(whole["pollingInterval"]) is int
    again = (await provisioned(ada))["sipInfo"][0]
    assert again["authorizationId"] != info["authorizationId"] and again["password"] != info["password"]


async def test_each_transport_has_its_port(shared: Server, ada: httpx.AsyncClient) -> None:
    host, port = shared.focus.node
    ports = {"UDP": port, "TCP": port, "TLS": shared.stack.ports["tls"], "WS": shared._http.port}
    ports["WSS"] = int(shared.https_url.rpartition(":")[2])
    for transport, there in ports.items():
        (info,) = (await provisioned(ada, transport))["sipInfo"]
        assert info["outboundProxy"] == f"{host}:{there}"
    assert len(set(ports.values())) == 4


async def test_a_telephone_registers_and_hosts_with_it(shared: Server, ada: httpx.AsyncClient) -> None:
    info = (await provisioned(ada))["sipInfo"][0]
    async with Phone(shared, "101") as phone:
        phone.credentials = Credentials(info["authorizationId"], info["password"])
        phone.number = info["username"]
        await phone.register()
        assert {each.number for each in shared.api.registrations.all()} == {info["username"]}
        online = (await ada.get(f"{API}/account/~/extension/~/device")).json()["records"]
        assert {each["status"] for each in online} == {"Online"}
        session = await make(ada)
        call = await phone.call(session["voiceCallToken"])
        path = f"{API}/account/~/telephony/sessions/{session['id']}"
        (party,) = (await ada.get(path)).json()["parties"]
        assert (party["conferenceRole"], party["owner"]["extensionId"]) == ("Host", "100101")
        await call.bye()
        await ada.delete(path)
        await until(lambda: shared.focus.parties == 0)


async def test_a_wrong_password_or_anothers_number_opens_nothing(shared: Server, ada: httpx.AsyncClient) -> None:
    info = (await provisioned(ada))["sipInfo"][0]
    for name, password, number in (
        (info["authorizationId"], "wrong", "101"),
        (info["authorizationId"], info["password"], "102"),
        (info["authorizationId"][:-1], info["password"], "101"),
    ):
        async with Phone(shared, "101") as phone:
            phone.credentials, phone.number = Credentials(name, password), number
            with pytest.raises(Exception, match="403"):
                await phone.register()


async def test_sip_info_is_always_the_same(shared: Server, ada: httpx.AsyncClient) -> None:
    found = (await ada.get(f"{API}/account/~/extension/~/device")).json()["records"]
    assert [(each["id"], each["type"]) for each in found] == [("1100101", "OtherPhone"), ("2100101", "WebPhone")]
    first, again = [(await ada.get(f"{DEVICES}/1100101/sip-info")).json() for _ in range(2)]
    host, port = shared.focus.node
    assert first == again and first["userName"] == "16505550100*101" and first["domain"] == "softphone.local"
    assert first["outboundProxies"][0]["proxy"] == f"{host}:{port}"
    async with Phone(shared, "101") as phone:
        phone.credentials = Credentials(first["authorizationId"], first["password"])
        await phone.register()
    assert (await ada.get(f"{DEVICES}/1100101")).json()["id"] == "1100101"


async def test_whose_devices_they_are(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "102") as ben:
        assert code(await ben.get(f"{DEVICES}/1100101/sip-info")) == (403, "CMN-404")
        assert (await ben.get(f"{DEVICES}/1100102/sip-info")).status_code == 200
    assert (await ada.get(f"{DEVICES}/1100102/sip-info")).status_code == 200
    for identity in ("2100101", "1100201", "3100101", "1", "x"):
        missing = await ada.get(f"{DEVICES}/{identity}/sip-info")
        assert (code(missing), missing.json()["parameterName"]) == ((404, "CMN-102"), "deviceId")
    assert (await ada.get(f"{API}/account/~/extension/100201/device")).json()["records"] == []


@pytest.mark.parametrize("transport", ["WSS", "WS", "TLS", "TCP"])
async def test_each_transport_has_its_place(shared: Server, ada: httpx.AsyncClient, transport: str) -> None:
    info = (await provisioned(ada, transport))["sipInfo"][0]
    ports = {
        "WSS": shared.https_url.rpartition(":")[2],
        "WS": shared.http_url.rpartition(":")[2],
        "TLS": str(shared.stack.ports["tls"]),
        "TCP": str(shared.stack.port),
    }
    assert (info["transport"], info["outboundProxy"]) == (transport, f"127.0.0.1:{ports[transport]}")


async def test_a_web_phone_registers_with_what_it_was_given(shared: Server, ada: httpx.AsyncClient) -> None:
    info = (await provisioned(ada, "WS"))["sipInfo"][0]
    phone = WebPhone(shared, info["authorizationId"], username=info["username"])
    phone.password = info["password"]
    running = asyncio.create_task(phone.run(f"ws://{info['outboundProxy']}", None))
    assert (await phone.register()).status == 200
    session = await make(ada)
    call = await phone.call(session["voiceCallToken"])
    ids = (await call.answered()).get("p-rc-api-ids")
    assert ids == f"party-id=p-{session['id'][2:]}-1;session-id={session['id']}"
    assert (await call.request("BYE")).status == 200
    running.cancel()
    await ada.delete(f"{API}/account/~/telephony/sessions/{session['id']}")


async def test_what_is_not_spoken_is_not_promised(tmp_path: Path) -> None:
    plain = {"sip": {"port": 0, "tls_self_signed": False}, "http": {"port": 0, "tls": False}}
    async with bridge(tmp_path, **plain) as server, logged_in(server, "101") as ada:
        refused = await ada.post(PROVISION, json={"sipInfo": [{"transport": "TLS"}]})
        assert (code(refused), refused.json()["parameterName"]) == ((400, "CMN-101"), "sipInfo.transport")
        # A proxy may end TLS, where the API is asked.
        info = (await provisioned(ada, "WSS"))["sipInfo"][0]
        assert info["outboundProxy"] == server.http_url.removeprefix("http://")
        assert "proxyTLS" not in (await ada.get(f"{DEVICES}/1100101/sip-info")).json()["outboundProxies"][0]


@pytest.mark.parametrize("body", [{"sipInfo": {"transport": "wss"}}, {"sipInfo": [{"transport": "WSS"}] * 2}])
async def test_forms_that_clients_send(ada: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await ada.post(PROVISION, json=body)
    assert answer.status_code == 200 and [each["transport"] for each in answer.json()["sipInfo"]] == ["WSS"]


@pytest.mark.parametrize(
    ("body", "expected", "parameter"),
    [
        ({}, (400, "CMN-101"), "sipInfo.transport"),
        ({"sipInfo": []}, (400, "CMN-101"), "sipInfo.transport"),
        ({"sipInfo": [{"transport": "SCTP"}]}, (400, "CMN-101"), "sipInfo.transport"),
        ({"sipInfo": [{"transport": "UDP"}, {"transport": "SCTP"}]}, (400, "CMN-101"), "sipInfo.transport"),
        ({"sipInfo": [{"transport": "UDP"}, {"transport": "TCP"}]}, (400, "SPR-129"), "sipInfo"),
        ({"sipInfo": [{"transport": "UDP"}], "device": {"id": "x"}}, (400, "SPR-118"), "device.id"),
        ({"sipInfo": [{"transport": "UDP"}], "device": {"id": 2100102}}, (404, "CMN-102"), "device.id"),
    ],
)
async def test_what_will_not_do(
    ada: httpx.AsyncClient, body: dict[str, Any], expected: tuple[int, str], parameter: str
) -> None:
    refused = await ada.post(PROVISION, json=body)
    assert (code(refused), refused.json()["parameterName"]) == (expected, parameter)


async def test_no_password_is_in_the_log(
    shared: Server, ada: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    made = (await provisioned(ada))["sipInfo"][0]["password"]
    fixed = (await ada.get(f"{DEVICES}/1100101/sip-info")).json()["password"]
    told = "".join(capfd.readouterr())
    assert made not in told and fixed not in told
