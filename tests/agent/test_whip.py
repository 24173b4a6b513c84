"""Agents that join by HTTP (RFC 9725): our own bridge, a service of aiortc, and servers that say no."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest

from softphone import (
    Agent,
    AuthenticationFailed,
    BadMessage,
    CallEnded,
    CallRefused,
    MediaError,
    MediaFull,
    SdpError,
    SipNetworkError,
    SipTimeout,
)
from softphone.agent.ice_path import IcePath
from softphone.store.values import Codes
from tests.agent.test_agent import listen, talking, until_heard
from tests.focus.phone import bridge, conference
from tests.support.tones import mostly, sine
from tests.support.web import GUEST, HOST
from tests.support.webrtc_peer import WebPeer, on_loopback

SDP = "application/sdp"


@dataclass
class Asked:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: str


@dataclass
class Service:
    """An HTTP server of a few lines: `answer` gives status, headers and body for a request."""

    answer: Callable[[Asked], "asyncio.Future[str] | str"]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in fields)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        self.asked.append(asked := Asked(line, headers, body))
        said = self.answer(asked)
        try:
            writer.write((said if isinstance(said, str) else await said).encode())
        finally:
            writer.close()

    @property
    def methods(self) -> list[str]:
        return [each.line.split()[0] for each in self.asked]


@asynccontextmanager
async def serving(answer: Callable[[Asked], "asyncio.Future[str] | str"]) -> AsyncIterator[Service]:
    service = Service(answer)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/whip/room"
    async with server:
        yield service


def response(status: str, body: str = "", **headers: str) -> str:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to be seen; the test's own limit says how long at most."""
    while not true():
        await asyncio.sleep(0.02)


@pytest.mark.realtime
async def test_bots_join_the_bridge_by_http_and_one_is_the_host(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server, Agent(ca_file=tmp_path / "certificate.pem") as agent:
        server.accounts.put_codes(server.accounts.extensions["101"].id, Codes(HOST, GUEST))
        async with Agent() as careful:
            with pytest.raises(SipNetworkError, match="CERTIFICATE_VERIFY_FAILED"):
                await careful.join(f"{server.https_url}/whip/{GUEST}", token=HOST)
        host = await agent.join(f"{server.https_url}/whip/{GUEST}?name=Botty", token=HOST)
        guest = await agent.invite(f"{server.http_url}/whip/{GUEST}")
        room = server.focus.find(server.accounts.extensions["101"])
        assert room is not None
        one, two = room.session.parties.values()
        assert [each.role.word for each in (one, two) if each.role] == ["host", "participant"]
        assert (one.caller.name, host.direction) == ("Botty", "out")
        assert host.remote_uri.endswith("/whip/444555666?name=Botty")
        async with (
            talking(host, sine(440.0, 60.0, rate_hz=host.rate)),
            talking(guest, sine(700.0, 60.0, rate_hz=guest.rate)),
        ):
            await asyncio.gather(until_heard(host, 700.0), until_heard(guest, 440.0))
            assert mostly(await listen(host, 20), 440.0) < 0.05
        await host.send_keys("*1")  # its microphone, by telephone events
        await until(lambda: one.muted)
        for refused in (host.hold(), host.transfer("sip:201@127.0.0.1"), host.send_keys("1", "info")):
            with pytest.raises(CallRefused, match="501"):
                await refused
        await server.control.remove(room.session.id, two.id)
        assert await guest.wait_ended() == "bye"
        await host.hangup()
        assert await host.wait_ended() == "hangup"
        await until(lambda: len(server.api.door.parties) == 0)


@pytest.mark.realtime
async def test_a_service_of_another_hand_is_joined_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of aiortc; it redirects to its resource, and says goodbye by DTLS in the end."""
    on_loopback(monkeypatch)
    peers: list[WebPeer] = []

    async def answered(offer: str) -> str:
        peers.append(peer := WebPeer(900.0))
        return response("201 Created", await peer.answer(offer), Location="../sessions/7", Content_Type=SDP)

    def answer(asked: Asked) -> "asyncio.Future[str] | str":
        if asked.line.startswith("DELETE"):
            return response("200 OK")
        if "/whip/room" in asked.line:
            return response("307 Temporary Redirect", Location="/other/room")
        return asyncio.ensure_future(answered(asked.body))

    async with serving(answer) as service, Agent(codecs=("OPUS", "PCMU")) as agent:
        one = await agent.join(service.url, token="key", headers=[("X-Bot", "1")])
        async with talking(one, sine(500.0, 60.0, rate_hz=one.rate)):
            assert one.rate == 16_000
            await until_heard(one, 900.0 / 2)  # as it is at 8 kHz
            await until(lambda: peers[0].level(500.0) > 0.8)
        await one.hangup()
        two = await agent.join(service.url)
        await peers[1].close()
        assert await two.wait_ended() == "bye"
        await peers[0].close()
    assert service.methods == ["POST", "POST", "DELETE", "POST", "POST", "DELETE"]
    post, again, leave = service.asked[:3]
    assert [each.headers["authorization"] for each in (post, again, leave)] == ["Bearer key"] * 3
    assert (post.headers["content-type"], again.headers["x-bot"], leave.line) == (
        SDP,
        "1",
        "DELETE /sessions/7 HTTP/1.1",
    )
    assert post.body == again.body and "a=ice-ufrag" in post.body and "a=setup:actpass" in post.body


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (response("404 Not Found"), CallRefused, "404 Not Found"),
        (
            response("409 Conflict", '{"error": {"code": "full", "message": "The conference is full"}}'),
            CallRefused,
            "is full",
        ),
        (
            response("429 Too Many", '{"title": "Wait", "detail": "Wait for\\na minute"}'),
            CallRefused,
            "429 Wait for a min",
        ),
        (response("503 Busy", "no place left"), CallRefused, "503 no place left"),
        (response("500 Oh", "<html>much</html>"), CallRefused, "500 Oh"),
        (response("401 Unauthorized"), AuthenticationFailed, "token"),
        (response("302 Found", Location="/elsewhere"), CallRefused, "302"),
        (response("307 Temporary Redirect", Location="/whip/room"), CallRefused, "too often"),
        (response("201 Created", "v=0", Content_Type="text/html", Location="/s/1"), SdpError, "text/html"),
        (response("201 Created", "v=0", Content_Type=SDP, Location="/s/1"), SdpError, "of no use"),
        (response("201 Created", "v" * 70_000, Content_Type=SDP), SdpError, "more than"),
        ("gibberish\r\n\r\n", SipNetworkError, "not reached"),
    ],
)
async def test_what_goes_wrong_is_told_in_words_and_nothing_is_left(
    said: str, kind: type[Exception], words: str
) -> None:
    async with serving(lambda _: said) as service, Agent(max_calls=1) as agent:
        for _ in range(2):  # its only place is given back
            with pytest.raises(kind, match=words):
                await agent.join(service.url)
            await until(lambda: agent.calls == [])


async def test_a_place_that_was_of_no_use_is_left_again() -> None:
    said = response("201 Created", "v=0", Content_Type=SDP, Location="/s/1")
    answer = lambda asked: said if asked.line.startswith("POST") else response("200 OK")  # noqa: E731
    async with serving(answer) as service, Agent() as agent:
        with pytest.raises(SdpError):
            await agent.join(service.url)
    assert service.methods == ["POST", "DELETE"]


async def test_a_token_goes_to_the_server_of_the_url_alone() -> None:
    async with serving(lambda _: response("404 Not Found")) as elsewhere, Agent() as agent:
        async with serving(lambda _: response("307 T", Location=elsewhere.url)) as service:
            with pytest.raises(CallRefused, match="404"):
                await agent.join(service.url, token="secret", headers=[("X-Key", "secret")])
        assert "secret" in str(service.asked) and "secret" not in str(elsewhere.asked)
        place = response("201 Created", "v=0", Content_Type=SDP, Location=elsewhere.url)
        async with serving(lambda _: place) as service:
            with pytest.raises(SdpError):
                await agent.join(service.url, token="secret", headers=[("X-Key", "secret")])
            await until(lambda: elsewhere.methods[-1] == "DELETE")
        assert "secret" in str(service.asked) and "secret" not in str(elsewhere.asked)
        for url in (
            "http://192.0.2.1/whip/1",
            "https://u:p@192.0.2.1/",
            "https:///whip",
            "ftp://192.0.2.1/",
            "https://[x/",
        ):
            with pytest.raises(BadMessage) as wrong:
                await agent.join(url, token="secret")
            assert "secret" not in str(wrong.value)
        with pytest.raises(BadMessage, match="https only"):
            await agent.invite("http://192.0.2.1/whip/1", headers=[("authorization", "Bearer secret")])


async def test_who_does_not_answer_is_given_up() -> None:
    never = asyncio.get_running_loop().create_future()
    async with serving(lambda _: never) as service, Agent() as agent:
        with pytest.raises(SipTimeout, match=r"in 0\.05 s"):
            await agent.join(service.url, timeout_s=0.05)
        late = asyncio.create_task(agent.join(service.url))
        await until(lambda: len(service.asked) == 2)
        await agent.__aexit__(None, None, None)
        with pytest.raises(CallEnded):
            await late
        never.set_result("")
    async with Agent() as agent:
        with pytest.raises(SipNetworkError):
            await agent.join(service.url)
        with pytest.raises(MediaFull):
            agent._held._most = 0
            await agent.join(service.url)


@pytest.mark.realtime
async def test_a_server_that_is_not_reached_by_ice_is_left(tmp_path: Path) -> None:
    async def nowhere(*_: object) -> None:
        raise ConnectionError("no pair works")

    async with bridge(tmp_path) as server, Agent() as agent:
        session = await conference(server)
        with patch.object(IcePath, "connect", nowhere), pytest.raises(MediaError, match="no pair works"):
            await agent.join(f"{server.http_url}/whip/{session.token}")
        await until(lambda: len(server.api.door.parties) == 0)
