"""SIP over TLS on real sockets: certificates, handshakes that come to nothing, and limits."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from softphone.errors import ConfigError
from softphone.sip.transport.connection import Limits
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.tls import Handshakes, TlsContexts, TlsSettings
from tests.sip.nodes import INVITE, PATIENCE_S, Arrivals, rest

CA = trustme.CA()
OTHER = trustme.CA()


def files(folder: Path, ca: trustme.CA = CA, *names: str) -> TlsSettings:
    """A certificate for these names, its key, and who has signed it."""
    folder.mkdir(exist_ok=True)
    issued = ca.issue_cert(*(names or ("127.0.0.1", "bridge.test")))
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "cert.pem")
    CA.cert_pem.write_to_path(folder / "ca.pem")
    return TlsSettings(str(folder / "cert.pem"), ca=str(folder / "ca.pem"))


class Node:
    def __init__(self, tls: TlsSettings, limits: Limits | None = None) -> None:
        self.came: Arrivals = asyncio.Queue()
        self.failed: asyncio.Queue[str | None] = asyncio.Queue()
        self.contexts = TlsContexts(tls)
        self.transport = SocketTransport(
            lambda data, source: self.came.put_nowait((data, source)), self.failed.put_nowait, limits, tls=self.contexts
        )

    @property
    def port(self) -> int:
        return self.transport.ports["tls"]

    def hop(self, name: str = "127.0.0.1") -> Hop:
        return Hop("tls", "127.0.0.1", self.port, name=name)


@contextlib.asynccontextmanager
async def node(tls: TlsSettings, limits: Limits | None = None) -> AsyncIterator[Node]:
    made = Node(tls, limits)
    await made.transport.start()
    try:
        yield made
    finally:
        await made.transport.stop()


async def next_of(queue: "asyncio.Queue[tuple[bytes, Hop]]") -> tuple[bytes, Hop]:
    return await asyncio.wait_for(queue.get(), PATIENCE_S)


async def connected(port: int, ca: trustme.CA = CA) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="bridge.test")


async def test_a_message_goes_and_its_answer_comes_by_the_same_connection(tmp_path: Path) -> None:
    async with node(files(tmp_path)) as server, node(replace(files(tmp_path / "b"))) as client:
        client.transport.send(Send(INVITE, server.hop("bridge.test"), "k"))
        data, source = await next_of(server.came)
        assert data == INVITE and (source.transport, source.host) == ("tls", "127.0.0.1")
        server.transport.send(Send(b"SIP/2.0 200 OK\r\n\r\n", source))
        data, back = await next_of(client.came)
        assert data.startswith(b"SIP/2.0 200") and back.port == server.port
        client.transport.send(Send(INVITE, server.hop("bridge.test"), "k"))
        assert (await next_of(server.came))[1] == source
        assert client.failed.empty()


@pytest.mark.parametrize(
    ("name", "ca", "verify", "goes"),
    [
        ("bridge.test", CA, True, True),
        ("127.0.0.1", CA, True, True),
        ("", CA, True, True),
        ("elsewhere.test", CA, True, False),
        ("bridge.test", OTHER, True, False),
        ("elsewhere.test", OTHER, False, True),
    ],
)
async def test_a_server_has_to_be_who_is_meant(
    tmp_path: Path, name: str, ca: trustme.CA, verify: bool, goes: bool
) -> None:
    async with (
        node(files(tmp_path / "a", ca)) as server,
        node(replace(files(tmp_path / "b"), verify=verify)) as client,
    ):
        client.transport.send(Send(INVITE, server.hop(name), "k"))
        if goes:
            assert (await next_of(server.came))[0] == INVITE
        else:
            assert await asyncio.wait_for(client.failed.get(), PATIENCE_S) == "k"
            assert client.transport.counters.handshakes == 1 and server.came.empty()


async def test_a_connection_for_one_name_is_not_taken_for_another(tmp_path: Path) -> None:
    async with node(files(tmp_path)) as server, node(files(tmp_path)) as client:
        client.transport.send(Send(INVITE, server.hop("bridge.test"), "k"))
        await next_of(server.came)
        client.transport.send(Send(INVITE, server.hop("elsewhere.test"), "other"))
        assert await asyncio.wait_for(client.failed.get(), PATIENCE_S) == "other"
        assert server.came.empty()


async def test_other_certificates_hold_for_new_connections_and_end_none(tmp_path: Path) -> None:
    async with node(files(tmp_path)) as server:
        reader, writer = await connected(server.port)
        server.contexts.take(TlsContexts(files(tmp_path / "new", OTHER, "bridge.test")))
        writer.write(INVITE)
        assert (await next_of(server.came))[0] == INVITE
        with pytest.raises(ssl.SSLError):
            await connected(server.port)
        other, closing = await connected(server.port, OTHER)
        closing.write(INVITE)
        assert (await next_of(server.came))[0] == INVITE
        closing.close()
        writer.close()
        del reader, other


@pytest.mark.parametrize("spoiled", ["cert", "key", "absent", "mixed"])
async def test_a_certificate_that_is_none_changes_nothing(tmp_path: Path, spoiled: str) -> None:
    good = files(tmp_path / "good")
    bad = {
        "cert": replace(good, certificate=str(tmp_path / "bad.pem")),
        "key": replace(good, key=str(tmp_path / "bad.pem")),
        "absent": replace(good, certificate=str(tmp_path / "none.pem")),
        "mixed": replace(good, key=files(tmp_path / "other").certificate),
    }[spoiled]
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    async with node(good) as server:
        with pytest.raises(ConfigError):
            server.contexts.take(TlsContexts(bad))
        _, writer = await connected(server.port)
        writer.write(INVITE)
        assert (await next_of(server.came))[0] == INVITE
        writer.close()


@pytest.mark.parametrize("shows", [True, False])
async def test_clients_show_a_certificate_where_that_is_wanted(tmp_path: Path, shows: bool) -> None:
    ours = files(tmp_path)
    async with (
        node(replace(ours, client_ca=ours.ca)) as server,
        node(ours if shows else replace(ours, certificate="")) as client,
    ):
        client.transport.send(Send(INVITE, server.hop(), "k"))
        if shows:
            assert (await next_of(server.came))[0] == INVITE
        else:
            assert await asyncio.wait_for(client.failed.get(), PATIENCE_S) == "k"
            assert server.came.empty() and server.transport.counters.handshakes == 1


async def test_who_does_not_shake_hands_is_let_go_and_few_may_try_at_a_time(tmp_path: Path) -> None:
    limits = Limits(handshake_s=0.5, handshakes=32)
    async with node(files(tmp_path), limits) as server:
        mute = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(8)]
        # Four at a time from one address: the others are closed at once, those after half a second.
        ends = await asyncio.gather(*(rest(reader) for reader, _ in mute))
        assert ends == [b""] * 8 and server.transport.counters.handshakes == 4
        assert server.transport.connections == 0
        for _, writer in mute:
            writer.close()
        _, writer = await connected(server.port)
        writer.write(INVITE)
        assert (await next_of(server.came))[0] == INVITE
        writer.close()


async def test_what_is_no_tls_costs_its_connection_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with node(files(tmp_path)) as server:
        for spoiled in [INVITE, b"\r\n\r\n", b"\x16\x03\x01\xff\xff", *(os.urandom(300) for _ in range(60))]:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(spoiled)
            with contextlib.suppress(OSError):
                writer.write_eof()
            await rest(reader)
            writer.close()
        _, writer = await connected(server.port)
        writer.write(INVITE)
        assert (await next_of(server.came))[0] == INVITE
        writer.close()
        assert server.transport.counters.handshakes == 63
        assert 0 < len(caplog.records) <= 8  # each kind once


async def test_what_comes_with_the_end_of_the_handshake_is_read(tmp_path: Path) -> None:
    async with node(files(tmp_path)) as server:
        for _ in range(20):
            _, writer = await connected(server.port)
            writer.write(INVITE)
            writer.close()
        for _ in range(20):
            assert (await next_of(server.came))[0] == INVITE


def test_the_failures_of_strangers_hide_none_of_a_peer_that_we_connect_to(caplog: pytest.LogCaptureFixture) -> None:
    handshakes, broken = Handshakes(256, 32), ConnectionResetError()
    for now in (0.0, 30.0, 60.0):
        for stranger in ("192.0.2.1", "192.0.2.2"):
            handshakes.fail(stranger, broken, now)
        for trunk in ("one.test", "two.test", "192.0.2.1"):
            handshakes.fail(trunk, broken, now, ours=True)
        handshakes.fail("one.test", ConfigError("no certificate"), now, ours=True)
    told = [record.getMessage().split(" ")[2] for record in caplog.records]
    assert told == ["192.0.2.1", "one.test", "two.test", "192.0.2.1", "one.test"] * 2
    assert handshakes.failed == 18
