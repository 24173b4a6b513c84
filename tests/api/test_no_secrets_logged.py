"""No credential is in any log: each way that takes or gives one is gone, rightly and wrongly, with all loggers open."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from softphone.api.restcomm.sids import account_sid
from softphone.config import ClientConfig
from softphone.errors import CallRefused, SipError
from softphone.server import Server
from softphone.testing.bridge import offer
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.ringcentral.gateways import OWN_SESSIONS, SUBSCRIPTION, ticket
from tests.focus.phone import Phone, bridge, extension
from tests.focus.table import until
from tests.focus.test_two_party import answer, reachable

BACK = "https://app.example.com/back"
TOKEN = "/restapi/oauth/token"
# Who asks here: what they say of themselves is no log of ours.
ASKERS = ("httpx", "httpcore", "websockets.client", "asyncio")


def secret(kind: str) -> str:
    """One that is nowhere else."""
    return f"zz-{kind}-{secrets.token_hex(8)}"


class Everything(logging.Handler):
    """All that our loggers say at any level, and others from warnings on: no setting lets less of these pass."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.startswith(("softphone", "mixer"))
        if not record.name.startswith(ASKERS) and (ours or record.levelno >= logging.WARNING):
            self.said.append(logging.Formatter().format(record))


@contextmanager
def overheard() -> Iterator[list[str]]:
    handler, root = Everything(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as events:
            yield handler.said
            handler.said += map(repr, events)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class Told:
    """The secrets that were told to a server, or by it."""

    def __init__(self, server: Server, http: httpx.AsyncClient) -> None:
        self.server, self.http = server, http
        self.all: set[str] = set()

    def a(self, kind: str) -> str:
        """Make one up that is wrong."""
        made = secret(kind)
        self.all.add(made)
        return made

    def of(self, answer: httpx.Response, *names: str) -> dict[str, Any]:
        """Take those that an answer has; give the answer."""
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        self.all |= {str(body[name]) for name in names}
        return body


async def by_oauth(told: Told) -> None:
    http, client = told.http, ("app", "app-secret")
    form = {"grant_type": "password", "username": "102", "password": "dev-102"}
    pair = told.of(await http.post(TOKEN, data=form, auth=client), "access_token", "refresh_token")
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    pair = told.of(await http.post(TOKEN, data=refresh, auth=client), "access_token", "refresh_token")
    wrongs: list[dict[str, Any]] = [
        {"data": form | {"password": told.a("password")}, "auth": client},
        {"data": form, "auth": ("app", told.a("client"))},
        {"data": refresh | {"refresh_token": told.a("refresh")}, "auth": client},
        {"data": {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": told.a("jwt")}},
        {"data": {"grant_type": "authorization_code", "code": told.a("code"), "code_verifier": told.a("verifier")}},
    ]
    for wrong in wrongs:
        await http.post(TOKEN, **{"auth": client, **wrong})
    asked = {"response_type": "code", "client_id": "app", "redirect_uri": BACK, "state": told.a("state")}
    user = {"username": "101", "password": "dev-101"}
    await http.post("/oauth/authorize", params=asked, data=user | {"password": told.a("page")})
    given = await http.post("/oauth/authorize", params=asked, data=user)
    code = parse_qs(urlsplit(given.headers["location"]).query)["code"][0]
    told.all.add(code)
    grant = {"grant_type": "authorization_code", "redirect_uri": BACK, "code": code, "client_id": "app"}
    told.of(await http.post("/oauth/token", data=grant | {"client_secret": "app-secret"}), "access_token")
    await http.post("/restapi/oauth/revoke", data={"token": pair["refresh_token"]}, auth=client)
    await http.post("/restapi/oauth/revoke", data={"token": told.a("revoked")}, auth=client)
    for header in (f"Bearer {told.a('bearer')}", told.a("bare"), f"Digest {told.a('digest')}"):
        await http.get("/restapi/v1.0/account/~", headers={"Authorization": header})


async def by_query(told: Told) -> None:
    given = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "app-secret"}
    told.of(await told.http.post("/oauth/token", params=given), "access_token")
    await told.http.post("/oauth/token", params=given | {"client_secret": told.a("query")})
    async with logged_in(told.server, "102") as ben:
        opened = await ticket(ben)
        told.all |= {opened["ws_access_token"], ben.headers["Authorization"].partition(" ")[2]}
        where = told.server.http_url.replace("http", "ws") + "/restapi/v1.0/ws?access_token="
        for given_ticket in (opened["ws_access_token"], told.a("ticket")):
            with suppress(ConnectionClosed):
                async with connect(where + given_ticket) as socket:
                    await socket.recv()


async def by_basic(told: Told) -> None:
    sid = account_sid(extension(told.server, "102"))
    base = f"/restcomm/2012-04-24/Accounts/{sid}"
    for password in ("dev-102", told.a("basic")):
        await told.http.get(f"{base}/Conferences.json", auth=(sid, password))
    # Documents and callbacks whose addresses have keys in them, and are not there.
    key = told.a("url")
    address = f"http://{told.a('user')}@127.0.0.1:9/{told.a('path')}?key={key}"
    async with Phone(told.server, "103") as phone:
        await reachable(phone, answer)
        form = {"From": "102", "To": "103", "Url": f"http://127.0.0.1:9/doc?key={key}"}
        form["StatusCallback"] = f"http://127.0.0.1:9/told?key={key}"
        made = await told.http.post(f"{base}/Calls.json", auth=(sid, "dev-102"), data=form)
        assert made.status_code == 200, made.text
        assert await phone.hung_up() == "bye"
    await told.http.post(f"{base}/Calls.json", auth=(sid, "dev-102"), data=form | {"Url": address})


async def by_sip(told: Told) -> None:
    async with Phone(told.server, "102") as right, Phone(told.server, "102", told.a("sip")) as wrong:
        await right.register()
        with suppress(CallRefused, SipError):
            await wrong.register()
        with suppress(CallRefused, SipError):
            await wrong.call("*8102")
    entry = told.server.accounts.entry(extension(told.server, "102").id)
    assert entry is not None and entry.credentials
    told.all |= {each.ha1 for each in entry.credentials}
    async with logged_in(told.server, "102") as ben:
        provisioned = await ben.post(
            "/restapi/v1.0/client-info/sip-provision", json={"sipInfo": [{"transport": "UDP"}]}
        )
        info = provisioned.json()["sipInfo"][0]
        told.all.add(info["password"])
        device = await ben.get("/restapi/v1.0/account/~/device/1100102/sip-info")
        told.of(device, "password")


async def by_codes(told: Told) -> None:
    server = told.server
    codes = server.accounts.codes(extension(server, "102").id)
    assert codes is not None
    wrong, pin, host_pin = "83920174", "74019283", "91827364"
    told.all |= {codes.host, codes.participant, wrong, pin, host_pin}
    async with logged_in(server, "101") as ada, logged_in(server, "102") as ben, Phone(server, "103") as phone:
        await ben.get("/restapi/v1.0/account/~/extension/~/conferencing")
        await ben.get("/api/v1/extensions/102/codes")
        await ben.post("/api/v1/extensions/102/invitation", json={})
        await ada.put("/api/v1/extensions/202/properties", json={"pin": pin, "moderator_pin": host_pin})
        for number, typed in (
            ("*8102", wrong),
            ("*8102", codes.host),
            ("202", pin),
            ("16505550100", codes.participant),
        ):
            call = await phone.call(number)
            await phone.keys(call, f"{typed}#")
            await call.bye()
        made = (await ada.post("/api/v1/conferences", json={})).json()
        passed = told.of(await ada.post(f"/api/v1/conferences/{made['id']}/passes", json={}), "number")
        await phone.call(passed["number"])
        with suppress(CallRefused):
            await phone.call(passed["number"][:-6] + "000000")
    for each in list(server.focus.conferences):
        await server.control.end(each)
    await until(lambda: server.focus.parties == 0)


async def by_the_page(told: Told) -> None:
    codes = told.server.accounts.codes(extension(told.server, "103").id)
    assert codes is not None
    http, wish = told.http, {"to": codes.participant, "offer": offer(), "name": "Gus"}
    joined = told.of(await http.post("/web/join", json=wish | {"secret": codes.host}), "key")
    told.all |= {codes.host, codes.participant}
    await http.post("/web/join", json=wish | {"secret": told.a("secret")})
    await http.post("/web/join", json=wish | {"to": told.a("to")})
    party = f"/web/parties/{joined['party']}"
    await http.delete(party, headers={"Authorization": f"Bearer {told.a('key')}"})
    assert (await http.delete(party, headers={"Authorization": f"Bearer {joined['key']}"})).status_code == 204
    await http.post(f"/whip/{codes.participant}", content=offer(), headers={"Content-Type": "application/sdp"})
    await http.post("/web/login", json={"user": "104", "password": told.a("login")})
    told.of(await http.post("/web/login", json={"user": "104", "password": "dev-104"}), "token")


async def by_webhooks(told: Told) -> None:
    address = f"http://127.0.0.1:9/{told.a('hook')}?key={told.a('hook-key')}"
    async with logged_in(told.server, "101") as ada:
        told.of(await ada.post("/api/v1/webhooks", json={"url": address, "events": ["conference.created"]}), "secret")
        wish = {"eventFilters": [OWN_SESSIONS], "deliveryMode": {"transportType": "WebHook", "address": address}}
        await ada.post(SUBSCRIPTION, json=wish)
        made = (await ada.post("/api/v1/conferences", json={})).json()
        told.of(await ada.post(f"/api/v1/conferences/{made['id']}/streams", json={}), "key")
        await asyncio.sleep(0.2)  # the webhook is told, in vain
        await told.server.control.end(made["id"])


WAYS = (by_oauth, by_query, by_basic, by_sip, by_codes, by_the_page, by_webhooks)
# Those of the configuration, and what its trunk is registered with.
CONFIGURED = ("app-secret", "dev-token-secret", "zz-trunk-password", "dev-101", "dev-102", "dev-103", "dev-104")


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Told]:
    clients = (ClientConfig("app", "app-secret", redirect_uris=(BACK,)), ClientConfig("dev-client", "dev-secret"))
    trunk = {"uri": "sip:127.0.0.1:9", "register": True, "username": "us", "password": "zz-trunk-password"}
    streams = {"enabled": True, "port": 0}
    async with (
        bridge(folder, {"clients": clients}, trunk=trunk, streams=streams) as found,
        httpx.AsyncClient(base_url=found.http_url, timeout=PATIENCE_S) as http,
    ):
        yield Told(found, http)


@pytest.mark.asyncio
async def test_no_credential_is_in_any_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as said:
        async with server(tmp_path) as told:
            for way in WAYS:
                await way(told)
        found = told.all | set(CONFIGURED)
    said += capfd.readouterr()
    assert len(found) > 40 and any("caller_received" in each for each in said)
    assert {(each, line) for each in found for line in said if each in line} == set()
