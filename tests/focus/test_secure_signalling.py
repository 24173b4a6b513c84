"""Signalling over TLS to a whole bridge: the certificate of the first run, calls both ways, and another certificate."""

import asyncio
import secrets
import socket
import ssl
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trustme
from cryptography import x509
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from softphone.certificates import self_signed
from softphone.config import Config, SipConfig, check_exposure
from softphone.errors import ConfigError, SipNetworkError
from softphone.focus.session import ConferenceRole, PartyStatus, TelephonySession
from softphone.server import Server
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.stack import Stack
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.sources import Taken
from softphone.sip.transport.tls import TlsContexts, TlsSettings
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference
from tests.support.browsers import CHROME
from tests.support.maker_phone import MakerPhone, faults


def telephone(ca: str, calls: "asyncio.Queue[InviteSession] | None" = None) -> Stack:
    async def rung(call: InviteSession) -> None:
        assert calls is not None
        await call.ring()
        await call.answer(offer())
        calls.put_nowait(call)

    tls = TlsContexts(TlsSettings(ca=ca))
    return Stack(StackSettings(), on_invite=rung, transport=partial(SocketTransport, tls=tls))


async def registered(stack: Stack, server: Server, number: str) -> Credentials:
    credentials = Credentials(number, f"dev-{number}")
    await stack.register(server.sips_uri, f"sip:{number}@softphone.local", credentials=credentials)
    return credentials


def ways(session: TelephonySession) -> list[str]:
    """How the parties are reached."""
    return [party.path.transport if party.path is not None else "" for party in session.parties.values()]


def traced(server: Server, call_id: str) -> set[str]:
    """The transports of what was traced of a call."""
    trace = server.stack.trace
    assert trace is not None
    return {message.transport for message in trace.messages(call_id)}


async def test_calls_go_both_ways_over_tls(tmp_path: Path) -> None:
    calls: asyncio.Queue[InviteSession] = asyncio.Queue()
    async with bridge(tmp_path) as server:
        certificate = tmp_path / "certificate.pem"
        assert certificate.stat().st_mode & 0o777 == 0o600
        called, caller = telephone(str(certificate), calls), telephone(str(certificate))
        for stack in (called, caller):
            await stack.start()
        await registered(called, server, "102")
        credentials = await registered(caller, server, "101")
        assert {each.transport for each in server.api.registrations.all()} == {"tls"}
        where = server.sips_uri.removeprefix("sip:")
        placing = partial(caller.invite, from_uri="sip:101@softphone.local", credentials=credentials)
        call = await placing(f"sip:102@{where}", offer())
        rung = await asyncio.wait_for(calls.get(), 30)
        assert (rung.source.transport, call.source.transport) == ("tls", "tls")
        assert rung.invite.via.transport == "TLS" and "transport=tls" in str(rung.invite.contact)
        await call.bye()
        session = await conference(server)
        room = await placing(f"sip:{session.token}@{where}", offer())
        assert ways(session) == ["tls"]
        await room.bye()
        assert [traced(server, each.dialog.id.call_id) for each in (call, room)] == [{"tls"}, {"tls"}]
        for stack in (called, caller):
            await stack.stop()


async def test_nobody_else_is_taken_for_the_bridge(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        stranger = telephone(str(self_signed(tmp_path / "other.pem", ["127.0.0.1"])))
        await stranger.start()
        with pytest.raises(SipNetworkError):
            await registered(stranger, server, "101")
        await stranger.stop()


def shown(port: int) -> int:
    """The serial number of the certificate that is shown at a port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


async def test_a_running_server_takes_another_certificate(tmp_path: Path) -> None:
    issued = [trustme.CA().issue_cert("127.0.0.1") for _ in range(3)]
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(index: int) -> None:
        issued[index].private_key_pem.write_to_path(key)
        cert.write_bytes(b"".join(each.bytes() for each in issued[index].cert_chain_pems))

    put(0)
    files = {"tls_cert": str(cert), "tls_key": str(key), "tls_self_signed": False}
    async with bridge(tmp_path / "data", sip={"port": 0, **files}) as server:
        ports = server.stack.ports["tls"], int(server.https_url.rpartition(":")[2])

        async def shows() -> int:
            sip, https = [await asyncio.to_thread(shown, port) for port in ports]
            assert sip == https
            return sip

        first = await shows()
        put(1)
        server.reload(server._config)
        second = await shows()
        limits = msgspec.structs.replace(
            server._config.sip, requests_per_s=7.0, denied_networks=("192.0.2.0/24",), max_calls=7
        )
        server.reload(msgspec.structs.replace(server._config, sip=limits))
        assert (server._config.sip.requests_per_s, server._config.sip.max_calls) == (7.0, 4000)
        assert server.sources.takes("192.0.2.1", 0.0) is Taken.DROPPED
        key.write_text("no key")
        with pytest.raises(ConfigError):
            server.reload(server._config)
        assert await shows() == second != first
        put(2)
        conference = msgspec.structs.replace(server._config.conference, menu="nowhere.toml")
        with pytest.raises(ConfigError):
            server.reload(msgspec.structs.replace(server._config, conference=conference))
        assert await shows() == second


def test_a_certificate_of_our_own_is_made_once_and_only_on_loopback(tmp_path: Path) -> None:
    names = ["127.0.0.1", "localhost", "127.0.0.1", ""]
    path = self_signed(tmp_path / "new" / "certificate.pem", names)
    made = path.read_bytes()
    assert self_signed(path, names).read_bytes() == made
    assert self_signed(path, [*names, "bridge.test"]).read_bytes() != made
    path.write_text("spoiled")
    path.chmod(0o644)
    assert b"BEGIN CERTIFICATE" in self_signed(path, names).read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600, "the key is in it"
    bare = Config(sip=SipConfig(tls_self_signed=True))
    check_exposure(bare)
    with pytest.raises(ConfigError, match="tls_self_signed"):
        check_exposure(msgspec.structs.replace(bare, server=msgspec.structs.replace(bare.server, host="192.0.2.1")))


class WebPhone(MakerPhone):
    """RingCentral's web phone, over a real WebSocket."""

    kind = "WSS"

    def plug(self) -> None:
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self.frames: list[str | bytes] = []

    def deliver(self, data: bytes) -> None:
        self._out.put_nowait(data)

    def via(self) -> str:
        return f"SIP/2.0/WSS {self.here};branch=z9hG4bK-{secrets.token_hex(8)}"

    async def run(self, url: str, context: ssl.SSLContext | None) -> None:
        async with connect(url, subprotocols=[Subprotocol("sip")], ssl=context) as socket:

            async def write() -> None:
                while True:
                    await socket.send((await self._out.get()).decode())

            writing = asyncio.create_task(write())
            try:
                async for frame in socket:
                    self.frames.append(frame)
                    self.receive(frame.encode() if isinstance(frame, str) else frame, self.hop)
            finally:
                writing.cancel()


async def test_who_comes_over_websocket_and_speaks_no_webrtc_is_called_once_more_with_plain_rtp(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        phone = WebPhone(server, "102", agent="Deskphone 1.0")
        running = asyncio.create_task(phone.run(f"{server.http_url.replace('http', 'ws')}/sip", None))
        await phone.register()
        async with Phone(server, "101") as caller:
            calling = asyncio.create_task(caller.call("102"))
            first = await phone.some("INVITE sip:")
            phone.reply(first, 488)
            await phone.some("ACK sip:")
            second = await phone.until(lambda: next(iter(phone.all("INVITE sip:")[1:]), None))
            assert "UDP/TLS/RTP/SAVPF" in first.body and "m=audio" in second.body and "SAVPF" not in second.body
            phone.reply(second, 180)
            phone.reply(second, 200, offer())
            await (await calling).bye()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_invite_of_ringcentrals_guide_reaches_a_conference_by_websocket(tmp_path: Path) -> None:
    """Its From is the main number, a star and an extension that is not ours, at a domain that is not ours."""
    async with bridge(tmp_path) as server:
        phone = WebPhone(server, "101", username="17203861294*11101", domain="sip.ringcentral.com")
        running = asyncio.create_task(phone.run(f"{server.http_url.replace('http', 'ws')}/sip", None))
        session = await conference(server)
        call = await phone.call(str(session.token))
        await call.answered()
        assert call.named["From"].startswith("<sip:17203861294*11101@sip.ringcentral.com>")
        (party,) = session.parties.values()
        assert (party.role, party.address.number, party.status) == (ConferenceRole.HOST, "101", PartyStatus.ANSWERED)
        assert (await call.request("BYE")).status == 200
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("secure", [False, True])
async def test_a_web_phone_registers_calls_a_conference_and_is_called(tmp_path: Path, secure: bool) -> None:
    async with bridge(tmp_path) as server:
        context = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem")) if secure else None
        url = server.https_url.replace("https", "wss") if secure else server.http_url.replace("http", "ws")
        phone = WebPhone(server, "102")
        running = asyncio.create_task(phone.run(f"{url}/sip", context))
        ok = await phone.register()
        assert ok.first == "SIP/2.0 200 OK"
        (registered,) = server.api.registrations.all()
        assert registered.transport == ("wss" if secure else "ws")
        session = await conference(server)
        call = await phone.call(str(session.token))
        answered = await call.answered()
        assert ways(session) == [registered.transport]
        assert traced(server, answered.get("Call-ID")) == {registered.transport}
        assert f"@{url.rpartition('/')[2]};transport=ws>" in answered.get("Contact")
        assert call.progress.status == 183 and call.progress.body == answered.body
        assert (await call.request("BYE")).status == 200
        async with Phone(server, "101") as caller:
            calling = asyncio.create_task(caller.call("102"))
            invite = await phone.some("INVITE sip:")
            assert invite.get("Via").startswith(f"SIP/2.0/{registered.transport.upper()} 127.0.0.1:")
            assert invite.get("P-rc").startswith("<Msg>")
            phone.reply(invite, 100)
            phone.reply(invite, 180)
            assert "UDP/TLS/RTP/SAVPF" in invite.body and "a=setup:actpass" in invite.body
            phone.reply(invite, 200, CHROME.replace("a=setup:actpass", "a=setup:active"))
            talking = await calling
            await phone.some("ACK sip:")
            await talking.bye()
            await phone.some("BYE sip:")
        assert all(isinstance(frame, str) for frame in phone.frames)
        assert [(read.first, fault) for _, read in phone.came for fault in faults(read)] == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        async with asyncio.timeout(30):
            while server.api.registrations.all():
                await asyncio.sleep(0.01)
