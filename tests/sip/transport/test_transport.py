"""Real sockets on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from softphone.sip.transport.connection import PING, Framer, Limits
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.udp import AT_ONCE
from tests.sip.nodes import INVITE, PATIENCE_S, Node, node, rest, stream
from tests.sip.wire import invite_bytes


@contextlib.contextmanager
def deaf_port(kind: int) -> Iterator[int]:
    """A port where nobody answers, held so that nobody takes it: of TCP it does not listen, of UDP it hears itself."""
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_DGRAM:
            held.connect(held.getsockname())
        port: int = held.getsockname()[1]
        yield port


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_there_and_back(transport: str) -> None:
    async with node() as alice, node() as bob:
        alice.transport.send(Send(INVITE, bob.at(transport)))
        data, source = await bob.next()
        assert data == INVITE and source.transport == transport
        bob.transport.send(Send(b"SIP/2.0 200 OK\r\n\r\n", source))
        data, source = await alice.next()
        assert data == b"SIP/2.0 200 OK\r\n\r\n" and source.port == bob.transport.port
        assert alice.transport.connections == bob.transport.connections == (transport == "tcp")


async def test_messages_cut_and_joined_by_tcp() -> None:
    async with node() as bob, stream(bob) as (reader, writer):
        writer.write(INVITE + INVITE + INVITE[:100])
        assert [(await bob.next())[0] for _ in range(2)] == [INVITE, INVITE]
        writer.write(INVITE[100:] + PING)
        assert (await bob.next())[0] == INVITE
        assert await asyncio.wait_for(reader.readexactly(2), PATIENCE_S) == b"\r\n" and bob.came.empty()


async def test_a_response_opens_a_connection_when_its_own_is_gone() -> None:
    async with node() as alice, node() as bob:
        async with stream(bob) as (_, writer):
            writer.write(INVITE)
            _, source = await bob.next()
        while bob.transport.connections:
            await asyncio.sleep(0)
        bob.transport.send(
            Send(b"SIP/2.0 200 OK\r\n\r\n", Hop("tcp", "127.0.0.1", alice.transport.port, source.connection))
        )
        assert (await alice.next())[0] == b"SIP/2.0 200 OK\r\n\r\n"


async def test_many_messages_share_the_connection_that_is_being_opened() -> None:
    async with node() as alice, node() as bob:
        for _ in range(5):
            alice.transport.send(Send(INVITE, bob.at("tcp")))
        sources = [(await bob.next())[1] for _ in range(5)]
        assert len(set(sources)) == 1 and bob.transport.connections == 1


async def test_refused_connections_are_told() -> None:
    with deaf_port(socket.SOCK_STREAM) as port:
        async with node() as alice:
            send = Send(INVITE, Hop("tcp", "127.0.0.1", port), "key")
            alice.transport.send(send)
            assert alice.failed.empty() and await alice.next_failed() == "key" and alice.transport.counters.unsent == 1


async def test_names_are_not_looked_up_while_sending() -> None:
    async with node() as alice:
        send = Send(INVITE, Hop("udp", "localhost", 5060), "key")
        alice.transport.send(send)
        assert await alice.next_failed() == send.key


async def test_requests_on_a_connection_that_dies_are_told() -> None:
    async with node() as alice:
        peer = await asyncio.start_server(lambda reader, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with peer:
            send = Send(INVITE, Hop("tcp", "127.0.0.1", peer.sockets[0].getsockname()[1]), "key")
            alice.transport.send(send)
            assert await alice.next_failed() == send.key


async def test_icmp_errors_are_survived() -> None:
    with deaf_port(socket.SOCK_DGRAM) as port:
        async with node() as alice, node() as bob:
            for _ in range(3):
                alice.transport.send(Send(INVITE, Hop("udp", "127.0.0.1", port)))
            alice.transport.send(Send(INVITE, bob.at("udp")))
            assert (await bob.next())[0] == INVITE


@pytest.mark.parametrize(
    ("data", "host"), [(INVITE + bytes(66_000), "127.0.0.1"), (INVITE, "::1"), (INVITE, "2001:db8::1")]
)
async def test_a_datagram_that_cannot_go_is_told_at_once(data: bytes, host: str) -> None:
    async with node() as alice, node() as bob:
        send = Send(data, Hop("udp", host, bob.transport.port), "key")
        alice.transport.send(send)
        assert await alice.next_failed() == send.key
        alice.transport.send(Send(INVITE, bob.at("udp")))
        assert (await bob.next())[0] == INVITE and alice.failed.empty()


async def test_a_fault_costs_one_message() -> None:
    async with node() as alice, node() as bob:
        keep = bob.handle

        def fail(data: bytes, source: Hop) -> None:
            bob.handle = keep
            raise RuntimeError

        bob.handle = fail
        for transport in ("tcp", "tcp"):
            alice.transport.send(Send(INVITE, bob.at(transport)))
        assert (await bob.next())[0] == INVITE and bob.transport.counters.faults == 1


async def test_keep_alive_datagrams_are_passed_over() -> None:
    async with node() as alice, node() as bob:
        for data in (b"\r\n\r\n", b"\0", b"", INVITE):
            alice.transport.send(Send(data, bob.at("udp")))
        assert (await bob.next())[0] == INVITE


async def test_an_unreadable_length_is_answered_and_ends_the_connection() -> None:
    async with node() as bob, stream(bob) as (reader, writer):
        bob.handle = lambda data, source: bob.transport.send(Send(b"SIP/2.0 400 Bad\r\n\r\n", source))
        writer.write(invite_bytes(Content_Length="-1") + INVITE)
        assert await rest(reader) == b"SIP/2.0 400 Bad\r\n\r\n"


async def test_endless_headers_end_the_connection() -> None:
    async with node(Limits(message=1000)) as bob, stream(bob) as (reader, writer):
        writer.write(b"INVITE sip:b@h SIP/2.0\r\n" + b"X: y\r\n" * 300)
        assert await rest(reader) == b""


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_at_the_end_is_closed_too(turns: int) -> None:
    """Wherever the loop is with it: not accepted, accepted, not told of yet."""
    made = Node()
    await made.transport.start()
    with socket.create_connection(("127.0.0.1", made.transport.port)) as peer:
        peer.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        await made.transport.stop()
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 1), PATIENCE_S) == b""
        assert made.transport.connections == 0


async def test_who_does_not_read_keeps_nobody_from_stopping() -> None:
    async with node(Limits(unread=1 << 30)) as bob, stream(bob) as (_, writer):
        writer.write(INVITE)
        _, source = await bob.next()
        for _ in range(400):  # more than the buffers of both ends take
            bob.transport.send(Send(b"SIP/2.0 200 OK\r\n\r\n".ljust(60_000), source))
        await bob.transport.stop()
        assert bob.transport.connections == 0


async def test_a_port_in_use_is_named() -> None:
    async with node() as bob:
        with pytest.raises(OSError, match=f"127.0.0.1:{bob.transport.port}"):
            await SocketTransport(lambda data, source: None, lambda key: None).start("127.0.0.1", bob.transport.port)


def test_a_framer_gives_what_it_has_when_it_breaks() -> None:
    framer = Framer(max_message=400)
    data = invite_bytes(Content_Length="500") + b"x"
    assert framer.feed(data) == [data] and framer.broken and framer.feed(b"more") == []


async def test_datagrams_that_are_there_are_read_in_one_turn_but_not_all_for_ever() -> None:
    turns: list[int] = []
    turn = 0

    async def count() -> None:
        nonlocal turn
        while len(turns) < 3 * AT_ONCE // 2:
            turn += 1
            await asyncio.sleep(0)

    async with node() as alice:
        alice.handle = lambda data, source: turns.append(turn)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(3 * AT_ONCE // 2):
                sock.sendto(b"x", ("127.0.0.1", alice.transport.port))
        await asyncio.wait_for(count(), 30)
    assert len(set(turns[:AT_ONCE])) == 1
    assert turns[AT_ONCE] > turns[0]
