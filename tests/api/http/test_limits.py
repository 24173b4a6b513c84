"""Guessing passwords and sending slowly lead nowhere."""

import asyncio
import contextlib
from pathlib import Path

import httpx

from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.focus.phone import bridge

CLIENT = ("dev-client", "dev-secret")
TOKEN = "/restapi/oauth/token"


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


async def test_the_account_is_open_where_it_has_logged_in_and_without_credentials_nothing_is_guessed(
    tmp_path: Path,
) -> None:
    async with bridge(tmp_path, http={"port": 0, "login_failures": 4}) as server:
        form = {"grant_type": "password", "username": "101", "password": "wrong"}
        right = form | {"password": "dev-101"}

        async def status(host: str, data: dict[str, str], auth: tuple[str, str] = CLIENT) -> int:
            transport = httpx.AsyncHTTPTransport(local_address=host)
            async with httpx.AsyncClient(base_url=server.http_url, transport=transport, timeout=PATIENCE_S) as http:
                return (await http.post(TOKEN, data=data, auth=auth)).status_code

        assert [await status("127.0.0.2", form, ("dev-client", "")) for _ in range(6)] == [401] * 6
        assert await status("127.0.0.2", right) == 200
        # A stranger that has no secret shuts out itself alone, and from there.
        assert [await status("127.0.0.3", form, ("dev-client", "no")) for _ in range(5)] == [401] * 4 + [429]
        assert await status("127.0.0.4", right) == 200
        # One that has it is stopped wherever it comes from; whoever has logged in somewhere may do so again.
        guesses = [await status(f"127.0.0.{number}", form) for number in range(10, 15)]
        assert guesses == [400] * 4 + [429]
        assert [await status(host, right) for host in ("127.0.0.2", "127.0.0.4", "127.0.0.16")] == [200, 200, 429]
        assert await status("127.0.0.16", right | {"username": "102", "password": "dev-102"}) == 200


async def test_revocation_is_no_oracle_for_secrets(tmp_path: Path) -> None:
    async with (
        bridge(tmp_path, http={"port": 0, "login_failures": 3}) as server,
        httpx.AsyncClient(base_url=server.http_url, timeout=PATIENCE_S) as http,
    ):
        form, revoke = {"token": "x"}, "/restapi/oauth/revoke"
        answers = [await http.post(revoke, data=form, auth=("dev-client", "no")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        assert (await http.post(revoke, data=form, auth=CLIENT)).status_code == 429


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
