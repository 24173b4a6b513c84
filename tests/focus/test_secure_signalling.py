"""Signalling over TLS to a whole bridge: the certificate of the first run, calls both ways, and another certificate."""

import asyncio
import socket
import ssl
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trustme
from cryptography import x509

from softphone.certificates import self_signed
from softphone.config import DEV_PATH, check_exposure, load
from softphone.errors import ConfigError, SipNetworkError
from softphone.server import Server
from softphone.sip.message.digest import Credentials
from softphone.sip.stack import Stack, StackSettings
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.tls import TlsContexts, TlsSettings
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import bridge, conference


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
        token = (await conference(server)).token
        room = await placing(f"sip:{token}@{where}", offer())
        await room.bye()
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
    issued = [trustme.CA().issue_cert("127.0.0.1") for _ in range(2)]
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(index: int) -> None:
        issued[index].private_key_pem.write_to_path(key)
        cert.write_bytes(b"".join(each.bytes() for each in issued[index].cert_chain_pems))

    put(0)
    files = {"tls_cert": str(cert), "tls_key": str(key), "tls_self_signed": False}
    async with bridge(tmp_path / "data", sip={"port": 0, **files}) as server:
        port = server.stack.ports["tls"]
        first = await asyncio.to_thread(shown, port)
        put(1)
        server.reload(server._config)
        second = await asyncio.to_thread(shown, port)
        key.write_text("no key")
        with pytest.raises(ConfigError):
            server.reload(server._config)
        assert await asyncio.to_thread(shown, port) == second != first


def test_a_certificate_of_our_own_is_made_once_and_only_on_loopback(tmp_path: Path) -> None:
    names = ["127.0.0.1", "localhost", "127.0.0.1", ""]
    path = self_signed(tmp_path / "new" / "certificate.pem", names)
    made = path.read_bytes()
    assert self_signed(path, names).read_bytes() == made
    assert self_signed(path, [*names, "bridge.test"]).read_bytes() != made
    path.write_text("spoiled")
    assert b"BEGIN CERTIFICATE" in self_signed(path, names).read_bytes()
    config = load(DEV_PATH)
    bare = msgspec.structs.replace(config, extensions=(), clients=())
    check_exposure(bare)
    with pytest.raises(ConfigError, match="tls_self_signed"):
        check_exposure(msgspec.structs.replace(bare, server=msgspec.structs.replace(bare.server, host="192.0.2.1")))
