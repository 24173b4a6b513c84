"""Guessing passwords and sending slowly lead nowhere."""

import asyncio
import contextlib
from pathlib import Path

import httpx

from softphone.brake import KEPT, Brake
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.focus.phone import bridge

CLIENT = ("dev-client", "dev-secret")
TOKEN = "/restapi/oauth/token"


def test_a_brake_by_name() -> None:
    brake = Brake(2, 60.0)
    assert brake.wait_s(["a", "b"], 0.0) == 0
    brake.failed(["a", "b"], 0.0)
    brake.failed(["a"], 10.5)
    assert (brake.wait_s(["a"], 10.5), brake.wait_s(["b"], 10.5), brake.wait_s(["b", "a"], 59.9)) == (50, 0, 1)
    assert brake.wait_s(["a"], 60.0) == 0
    brake.failed(["a"], 60.0)
    assert (brake.wait_s(["a"], 61.0), len(brake)) == (0, 1)


def test_a_brake_remembers_so_many() -> None:
    brake = Brake(1, 60.0)
    for number in range(3 * KEPT):
        brake.failed([str(number)], 0.0)
    assert len(brake) <= KEPT + 1
    assert (brake.wait_s(["0"], 1.0), brake.wait_s([str(3 * KEPT - 1)], 1.0)) == (0, 59)


async def test_guesses_are_braked_and_work_goes_on(tmp_path: Path) -> None:
    async with bridge(tmp_path, http={"port": 0, "login_failures": 3}) as server, logged_in(server, "101") as ada:
        form = {"grant_type": "password", "username": "101", "password": "wrong"}
        asked = [await ada.post(TOKEN, data=form, auth=CLIENT) for _ in range(4)]
        assert [answer.status_code for answer in asked] == [400, 400, 400, 429]
        assert 0 < int(asked[-1].headers["retry-after"]) <= 60
        assert asked[-1].json()["errorCode"] == "CMN-301"
        right = await ada.post(TOKEN, data=form | {"password": "dev-101"}, auth=CLIENT)
        assert right.status_code == 429
        assert (await ada.post("/restapi/v1.0/account/~/telephony/conference")).status_code == 200


async def test_an_account_is_guarded_though_the_address_changes(tmp_path: Path) -> None:
    async with bridge(tmp_path, http={"port": 0, "login_failures": 2}) as server:

        async def status(host: str, user: str, password: str = "wrong") -> int:
            form = {"grant_type": "password", "username": user, "password": password}
            transport = httpx.AsyncHTTPTransport(local_address=host)
            async with httpx.AsyncClient(base_url=server.http_url, transport=transport, timeout=PATIENCE_S) as http:
                return (await http.post(TOKEN, data=form, auth=CLIENT)).status_code

        assert [await status(f"127.0.0.{n}", user) for n, user in enumerate(["101", "+16505550100*101"], 2)] == [
            400
        ] * 2
        assert await status("127.0.0.4", "101", "dev-101") == 429
        assert await status("127.0.0.4", "102", "dev-102") == 200


WHOLE = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
LIMIT_S = 1.0


async def left(server: Server, begun: bytes, *, before: int = 0) -> bytes:
    """What comes, when requests are sent on one connection, longer apart than one may take, and then a part of one."""
    host, port = server.http_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(before):
        writer.write(WHOLE)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(1.1 * LIMIT_S)
    writer.write(begun)
    got = b""
    with contextlib.suppress(ConnectionResetError):
        got = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    return got


async def test_nobody_holds_a_connection_by_sending_slowly(tmp_path: Path) -> None:
    half = b"POST /restapi/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\ngrant"
    async with bridge(tmp_path, http={"port": 0, "request_timeout_s": LIMIT_S}) as server:
        nothing, head, later, body = await asyncio.gather(
            left(server, b""), left(server, WHOLE[:20]), left(server, WHOLE[:20], before=2), left(server, half)
        )
        assert (nothing, head, later) == (b"", b"", b"")
        assert body.startswith(b"HTTP/1.1 408")
