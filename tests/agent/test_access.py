"""How agents get at their servers: URLs of WebSockets, certificates, and whole calls over them."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call
from softphone.agent.access import ServerAddress
from softphone.errors import BadMessage, ConfigError, SipNetworkError
from tests.focus.phone import bridge, conference


@pytest.mark.parametrize(
    ("text", "uri", "path"),
    [
        ("sip:pbx.example;transport=tcp", "sip:pbx.example;transport=tcp", "/"),
        ("ws://pbx.example", "sip:pbx.example;transport=ws", "/"),
        ("wss://pbx.example:8443/ws", "sip:pbx.example:8443;transport=wss", "/ws"),
        ("WSS://PBX.example/a/path?token=1", "sip:pbx.example;transport=wss", "/a/path?token=1"),
        ("ws://[::1]:8088/", "sip:[::1]:8088;transport=ws", "/"),
    ],
)
def test_a_server_is_a_sip_uri_or_the_url_of_a_web_socket(text: str, uri: str, path: str) -> None:
    read = ServerAddress.parse(text, "registrar")
    assert (str(read.uri), read.path) == (uri, path)


@pytest.mark.parametrize(
    "text",
    ["wss://", "ws:///path", "wss://host:port/", "wss://host:99999/", "wss://me:secret@host/", "https://host/", ""],
)
def test_what_is_neither_is_named(text: str) -> None:
    with pytest.raises(BadMessage, match="registrar"):
        ServerAddress.parse(text, "registrar")


@pytest.mark.parametrize("secure", [True, False])
async def test_agents_register_call_and_are_called_over_web_sockets(secure: bool, tmp_path: Path) -> None:
    rung: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        rung.put_nowait(call)

    async with bridge(tmp_path) as server:
        url = (server.https_url if secure else server.http_url).replace("http", "ws", 1) + "/any/path"
        ca = tmp_path / "certificate.pem" if secure else None

        def agent(number: str) -> Agent:
            return Agent(
                f"sip:{number}@softphone.local", password=f"dev-{number}", registrar=url, ca_file=ca, on_call=answer
            )

        async with agent("101") as caller, agent("102") as called:
            assert {each.transport for each in server.api.registrations.all()} == {"wss" if secure else "ws"}
            session = await conference(server)
            for whom in ("102", str(session.token)):
                call = await caller.invite(whom)
                await call.hold()
                await call.unhold()
                if whom == "102":
                    there = await asyncio.wait_for(rung.get(), 30)
                    await there.hangup()
                    await call.wait_ended()
                else:
                    await server.control.end(session.id)
                    await asyncio.wait_for(call.wait_ended(), 30)
            assert caller.calls == [] and called.calls == []


async def test_a_server_that_nobody_vouches_for_is_not_registered_at(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        url = server.https_url.replace("https", "wss")
        with pytest.raises(SipNetworkError):
            async with Agent("sip:101@softphone.local", password="dev-101", registrar=url):
                pass


async def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("none")
    for name in ("none.pem", "missing.pem"):
        with pytest.raises(ConfigError, match=name):
            async with Agent(ca_file=tmp_path / name):
                pass
