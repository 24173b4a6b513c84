"""How long a connection stays, who holds it, and who gives way when there are too many."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from softphone.sip.transport.connection import PING, Connection, Limits
from softphone.sip.transport.flow import Hold
from softphone.sip.transport.hop import TCP, Hop, Send
from softphone.sip.transport.stream import Connections
from tests.sip.nodes import INVITE, Node, node, rest, stream


class Silent(asyncio.Transport):
    """A transport that goes nowhere."""

    closing = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.1", 5060) if name == "peername" else None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing


class Times:
    """The owner of a connection whose clock the test moves."""

    limits = Limits(partial_s=32.0, idle_s=900.0)
    kind = TCP

    def __init__(self) -> None:
        self.lost: list[str] = []

    def opened(self, connection: Connection) -> bool:
        return True

    def closed(self, connection: Connection, unanswered: list[str]) -> None:
        self.lost += unanswered

    def arrived(self, data: bytes, source: Hop) -> None:
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
        assert not connection.overdue(now)
        connection.data_received(data)
    assert [connection.overdue(float(at)) for at in (overdue_s - 1, overdue_s)] == [False, True]


async def test_what_a_connection_does_not_take_any_more_is_not_lost_with_it() -> None:
    """It goes by another one, where its answer may be on its way."""
    owner, silent = Times(), Silent()
    connection = Connection(owner, 1)
    connection.connection_made(silent)
    taken, refused = (Send(INVITE, Hop("tcp", "192.0.2.1", 5060), key) for key in ("taken", "refused"))
    assert connection.send(taken)
    silent.closing = True
    assert not connection.send(refused)
    connection.connection_lost(None)
    assert owner.lost == ["taken"]


async def test_what_waits_for_its_turn_counts_as_unread() -> None:
    class Small(Times):
        limits = Limits(unread=3_000)

    class Closable(Silent):
        def abort(self) -> None:
            self.closing = True

    connection = Connection(Small(), 1)
    connection.connection_made(Closable())
    connection.flow.spaced = True
    answer = b"SIP/2.0 183 Session Progress\r\nContent-Length: 900\r\n\r\n" + b"v=0\r\n" * 180
    taken = [connection.send(Send(answer, Hop("tcp", "192.0.2.1", 5060), None)) for _ in range(10)]
    assert taken == [True] * 5 + [False] * 5


@pytest.mark.parametrize(("limits", "said"), [(Limits(idle_s=0.02), b""), (Limits(partial_s=0.02), b"INVITE sip:")])
async def test_silent_connections_are_closed(limits: Limits, said: bytes) -> None:
    async with node(limits) as bob, stream(bob) as (reader, writer):
        writer.write(said)
        assert await rest(reader) == b"" and bob.transport.connections == 0


async def test_a_connection_that_is_held_may_be_silent() -> None:
    async with node(Limits(idle_s=0.02)) as bob, held(bob) as (_, first, _hold):
        async with stream(bob) as (reader, _):
            assert await rest(reader) == b"" and bob.transport.connections == 1
        first.write(INVITE)
        assert (await bob.next())[0] == INVITE


@contextlib.asynccontextmanager
async def held(to: Node) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Hold]]:
    """A connection that somebody has a claim on."""
    async with stream(to) as (reader, writer):
        writer.write(INVITE)
        flow = to.transport.flow((await to.next())[1])
        assert flow is not None
        yield reader, writer, flow.hold()


@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(per_address=2)])
async def test_one_too_many_takes_the_place_of_the_most_silent_that_nobody_holds(limits: Limits) -> None:
    async with node(limits) as bob, held(bob) as (_, claimed, _hold), stream(bob) as (old, idle):
        idle.write(INVITE)
        await bob.next()
        async with stream(bob) as (_, writer):
            writer.write(INVITE)
            await bob.next()
            assert await rest(old) == b"" and bob.transport.connections == 2 and bob.transport.counters.refused == 0
            claimed.write(INVITE)
            await bob.next()


@pytest.mark.parametrize("limits", [Limits(connections=1), Limits(per_address=1)])
async def test_one_that_is_held_does_not_give_way(limits: Limits) -> None:
    async with node(limits) as bob, held(bob) as (_, writer, hold):
        async with stream(bob) as (refused, _):
            assert await rest(refused) == b""
        assert bob.transport.counters.refused == 1
        writer.write(INVITE)
        assert (await bob.next())[0] == INVITE
        hold.release()
        async with stream(bob) as (_, later):
            later.write(INVITE)
            assert (await bob.next())[0] == INVITE


def test_who_has_most_connections_makes_room() -> None:
    """Two addresses fill the table; neither they nor anybody else keep a third one out."""

    async def fill() -> None:
        connections = Connections(Limits(connections=60, per_address=30))
        for number in range(90):
            made = Connection(Times(), number + 1)
            made.peer = (f"192.0.2.{number % 2}", 1024 + number)
            made.flow.heard_at = float(number)
            connections.add(made)
        for number in range(10):
            made = Connection(Times(), 1000 + number)
            made.peer = ("198.51.100.1", 1024 + number)
            made.flow.heard_at = 1000.0
            assert connections.add(made)
        there = Counter(each.peer[0] for each in connections)
        assert there == {"192.0.2.0": 25, "192.0.2.1": 25, "198.51.100.1": 10}

    asyncio.run(fill())


async def test_closing_is_told_to_who_holds() -> None:
    told: list[str] = []
    async with node() as bob, stream(bob) as (_, writer):
        writer.write(INVITE)
        flow = bob.transport.flow((await bob.next())[1])
        assert flow is not None
        flow.hold(lambda: told.append("first"))
        flow.hold(lambda: told.append("released")).release()
        flow.hold(lambda: told.append("second"))
        writer.close()
        while bob.transport.connections:
            await asyncio.sleep(0)
        assert sorted(told) == ["first", "second"] and not flow.is_open and bob.transport.flow(flow.hop) is None


async def test_streams_are_sent_without_delay_and_watched_by_the_system() -> None:
    async with node() as bob, stream(bob) as (_, writer):
        writer.write(INVITE)
        await bob.next()
        (connection,) = bob.transport._streams["tcp"].connections
        assert connection._transport is not None
        tcp = connection._transport.get_extra_info("socket")
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_ping_is_no_message_and_opens_no_connection(transport: str) -> None:
    async with node() as alice, node() as bob:
        alice.transport.ping(bob.at(transport))
        alice.transport.send(Send(INVITE, bob.at(transport)))
        await bob.next()
        alice.transport.ping(bob.at(transport))
        alice.transport.send(Send(INVITE, bob.at(transport)))
        assert (await bob.next())[0] == INVITE and bob.came.empty()
        assert bob.transport.connections == (transport == "tcp")
