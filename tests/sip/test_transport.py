"""Real sockets on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from softphone.errors import SipNetworkError
from softphone.sip.connection import Connection
from softphone.sip.endpoint import Endpoint, Send
from softphone.sip.framing import PING, Framer
from softphone.sip.transport import Limits, Transport
from tests.sip.wire import invite_bytes

INVITE = invite_bytes(Content_Length="0")
Arrivals = asyncio.Queue[tuple[bytes, Endpoint]]
# How long what must come may take where others keep the machine busy.
PATIENCE_S = 30.0


class Silent(asyncio.Transport):
    """A transport that goes nowhere."""

    closing = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.1", 5060)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing


class Node:
    """A transport with what came to it and what it could not send."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.came: Arrivals = asyncio.Queue()
        self.failed: asyncio.Queue[Send] = asyncio.Queue()
        self.handle: Callable[[bytes, Endpoint], None] = lambda data, source: self.came.put_nowait((data, source))
        self.transport = Transport(lambda data, source: self.handle(data, source), self.failed.put_nowait, limits)

    def at(self, transport: str) -> Endpoint:
        return Endpoint(transport, "127.0.0.1", self.transport.port)

    async def next(self) -> tuple[bytes, Endpoint]:
        return await asyncio.wait_for(self.came.get(), PATIENCE_S)

    async def next_failed(self) -> Send:
        return await asyncio.wait_for(self.failed.get(), PATIENCE_S)


@contextlib.asynccontextmanager
async def node(limits: Limits | None = None) -> AsyncIterator[Node]:
    made = Node(limits)
    await made.transport.start()
    try:
        yield made
    finally:
        await made.transport.stop()


@contextlib.asynccontextmanager
async def stream(to: Node) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", to.transport.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, which is a reset where the other side has left something unread."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_S):
            while more := await reader.read(65536):
                came += more
    return came


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
            Send(b"SIP/2.0 200 OK\r\n\r\n", Endpoint("tcp", "127.0.0.1", alice.transport.port, source.connection))
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
            send = Send(INVITE, Endpoint("tcp", "127.0.0.1", port), "key")
            alice.transport.send(send)
            assert alice.failed.empty() and await alice.next_failed() == send and alice.transport.counters.unsent == 1


@pytest.mark.usefixtures("unknown_names")
async def test_names_are_not_looked_up_while_sending() -> None:
    async with node() as alice:
        send = Send(INVITE, Endpoint("udp", "localhost", 5060))
        alice.transport.send(send)
        assert await alice.next_failed() == send
        assert await alice.transport.resolve(send.target) == Endpoint("udp", "127.0.0.1", 5060)
        with pytest.raises(SipNetworkError, match="cannot resolve"):
            await alice.transport.resolve(Endpoint("udp", "no-such-host.invalid", 5060))
        with pytest.raises(SipNetworkError, match="cannot resolve"):
            await alice.transport.resolve(Endpoint("udp", "no-name-is-as-long-as-this-" + "x" * 64, 5060))


async def test_requests_on_a_connection_that_dies_are_told() -> None:
    async with node() as alice:
        peer = await asyncio.start_server(lambda reader, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with peer:
            send = Send(INVITE, Endpoint("tcp", "127.0.0.1", peer.sockets[0].getsockname()[1]), "key")
            alice.transport.send(send)
            assert await alice.next_failed() == send


async def test_icmp_errors_are_survived() -> None:
    with deaf_port(socket.SOCK_DGRAM) as port:
        async with node() as alice, node() as bob:
            for _ in range(3):
                alice.transport.send(Send(INVITE, Endpoint("udp", "127.0.0.1", port)))
            alice.transport.send(Send(INVITE, bob.at("udp")))
            assert (await bob.next())[0] == INVITE


@pytest.mark.parametrize(
    ("data", "host"), [(INVITE + bytes(66_000), "127.0.0.1"), (INVITE, "::1"), (INVITE, "2001:db8::1")]
)
async def test_a_datagram_that_cannot_go_is_told_at_once(data: bytes, host: str) -> None:
    async with node() as alice, node() as bob:
        send = Send(data, Endpoint("udp", host, bob.transport.port), "key")
        alice.transport.send(send)
        assert await alice.next_failed() == send
        alice.transport.send(Send(INVITE, bob.at("udp")))
        assert (await bob.next())[0] == INVITE and alice.failed.empty()


async def test_a_fault_costs_one_message() -> None:
    async with node() as alice, node() as bob:
        keep = bob.handle

        def fail(data: bytes, source: Endpoint) -> None:
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


async def test_too_many_connections() -> None:
    async with node(Limits(connections=1)) as bob, stream(bob) as (_, writer):
        writer.write(INVITE)
        await bob.next()
        async with stream(bob) as (reader, _):
            assert await rest(reader) == b""
        assert bob.transport.counters.refused == 1
        writer.write(INVITE)
        assert (await bob.next())[0] == INVITE


async def test_one_address_does_not_take_all_connections() -> None:
    async with node(Limits(per_address=1)) as bob:
        async with stream(bob) as (_, writer):
            writer.write(INVITE)
            await bob.next()
            async with stream(bob) as (reader, _):
                assert await rest(reader) == b"" and bob.transport.counters.refused == 1
        while bob.transport.connections:
            await asyncio.sleep(0)
        async with stream(bob) as (_, writer):
            writer.write(INVITE)
            await bob.next()


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


class Times:
    """The owner of a connection whose clock the test moves."""

    limits = Limits(partial_s=32.0, idle_s=900.0)

    def __init__(self) -> None:
        self.lost: list[Send] = []

    def opened(self, connection: Connection) -> bool:
        return True

    def closed(self, connection: Connection, unanswered: list[Send]) -> None:
        self.lost += unanswered

    def arrived(self, data: bytes, source: Endpoint) -> None:
        pass


@pytest.mark.parametrize(
    ("said", "overdue_s"),
    [
        ([], 33),  # the first message is due
        ([(10, PING), (20, PING)], 33),  # a ping is none
        ([(0, INVITE[:9])], 33),
        ([(10, INVITE + INVITE[:9])], 43),
        ([(0, INVITE[:9])] + [(10 * k, INVITE[9:] + INVITE[:9]) for k in range(1, 60)], 623),  # always one half come
        ([(1, INVITE)], 902),
    ],
)
async def test_when_a_connection_is_overdue(said: list[tuple[int, bytes]], overdue_s: int) -> None:
    connection = Connection(Times(), 1)
    now = 0.0
    connection._clock = lambda: now
    connection.connection_made(Silent())
    for at, data in said:
        now = float(at)
        assert not connection.overdue(now, kept=False)
        connection.data_received(data)
    assert [connection.overdue(float(at), kept=False) for at in (overdue_s - 1, overdue_s)] == [False, True]


async def test_what_a_connection_does_not_take_any_more_is_not_lost_with_it() -> None:
    """It goes by another one, where its answer may be on its way."""
    owner, silent = Times(), Silent()
    connection = Connection(owner, 1)
    connection.connection_made(silent)
    taken, refused = (Send(INVITE, Endpoint("tcp", "192.0.2.1", 5060), key) for key in ("taken", "refused"))
    assert connection.send(taken)
    silent.closing = True
    assert not connection.send(refused)
    connection.connection_lost(None)
    assert owner.lost == [taken]


@pytest.mark.parametrize(("limits", "said"), [(Limits(idle_s=0.02), b""), (Limits(partial_s=0.02), b"INVITE sip:")])
async def test_silent_connections_are_closed(limits: Limits, said: bytes) -> None:
    async with node(limits) as bob, stream(bob) as (reader, writer):
        writer.write(said)
        assert await rest(reader) == b"" and bob.transport.connections == 0


async def test_a_connection_that_is_kept_may_be_silent() -> None:
    async with node(Limits(idle_s=0.02)) as bob:
        bob.transport.keep(lambda: {1})
        async with stream(bob) as (_, first), stream(bob) as (reader, _):
            assert await rest(reader) == b"" and bob.transport.connections == 1
            first.write(INVITE)
            assert (await bob.next())[0] == INVITE


async def test_a_port_in_use_is_named() -> None:
    async with node() as bob:
        with pytest.raises(OSError, match=f"127.0.0.1:{bob.transport.port}"):
            await Transport(lambda data, source: None, lambda send: None).start("127.0.0.1", bob.transport.port)


def test_a_framer_gives_what_it_has_when_it_breaks() -> None:
    framer = Framer(max_message=400)
    data = invite_bytes(Content_Length="500") + b"x"
    assert framer.feed(data) == [data] and framer.broken and framer.feed(b"more") == []
