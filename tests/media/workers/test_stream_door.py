"""The door of streams by real WebSockets: who comes in, what goes over the connection, and what ends it."""

import asyncio
import json
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from softphone.media.contract.messages import OpenStream
from softphone.media.contract.streams import OPUS
from softphone.media.engine.audio_streams import MOST_FRAMES, AudioStream, lane_rate
from softphone.media.workers.stream_door import MOST_MARK, MOST_PIECES, StreamDoor
from tests.media.codecs.lines import Peer

PATIENCE_S = 20.0


@pytest.fixture
def door() -> Iterator[StreamDoor]:
    made = StreamDoor("127.0.0.1", 0, 4)
    made.start()
    yield made
    made.close()
    assert not made._thread.is_alive()


def opened(door: StreamDoor, key: str = "key", leg: int = 1, **wish: object) -> AudioStream:
    stream = AudioStream(OpenStream(key, 1, about='{"event": "start"}', **wish), 0.0)  # type: ignore[arg-type]
    stream.leg = leg
    door.add(stream)
    return stream


def to(door: StreamDoor, key: str = "key", path: str = "/streams") -> connect:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(f"ws://127.0.0.1:{door.port}{path}", additional_headers=headers, open_timeout=PATIENCE_S)


async def began(door: StreamDoor, stream: AudioStream, client: ClientConnection) -> None:
    """Wait until a client is in, as the tick does."""
    assert await client.recv() == '{"event": "start"}'
    assert await told(door) == (stream, "")
    stream.connected = True


async def told(door: StreamDoor) -> tuple[AudioStream, str]:
    async with asyncio.timeout(PATIENCE_S):
        while not door.told:
            await asyncio.sleep(0.001)
    return door.told.popleft()


async def test_a_key_opens_its_stream_once(door: StreamDoor) -> None:
    stream = opened(door)
    for key, path, status in (("", "/streams", 401), ("yek", "/streams", 401), ("key", "/", 404)):
        with pytest.raises(InvalidStatus) as refused:
            await to(door, key, path)
        assert refused.value.response.status_code == status
    async with to(door) as client:
        await began(door, stream, client)
        with pytest.raises(InvalidStatus, match="401"):
            await to(door)
    assert await told(door) == (stream, "disconnected")
    other = opened(door, "other")
    async with to(door, "", "/streams?access_token=other") as client:
        await began(door, other, client)
    removed = opened(door, "third")
    door.remove(removed)
    with pytest.raises(InvalidStatus, match="401"):
        await to(door, "third")


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000, 48_000])
async def test_sound_goes_both_ways_at_the_rate_that_was_asked_for(door: StreamDoor, rate_hz: int) -> None:
    stream = opened(door, rate_hz=rate_hz, says=True)
    tone = np.sin(2 * np.pi * 500 * np.arange(lane_rate(rate_hz)) / lane_rate(rate_hz))
    async with to(door) as client:
        await began(door, stream, client)
        for frame in (8000 * tone).astype(np.int16).reshape(50, -1)[:46]:
            stream.frames.append(frame)
            door.wake()
        samples = rate_hz // 50
        got = [np.frombuffer(await client.recv(decode=False), "<i2") for _ in range(45)]
        assert {len(each) for each in got} == {samples}
        heard = np.concatenate(got)[-rate_hz // 2 :]
        assert np.argmax(np.abs(np.fft.rfft(heard))) == 250 and np.std(heard) == pytest.approx(5657, rel=0.02)
        said = (8000 * np.sin(2 * np.pi * 500 * np.arange(rate_hz) / rate_hz)).astype("<i2")
        for piece in np.array_split(said, 7):
            await client.send(piece.tobytes())
        async with asyncio.timeout(PATIENCE_S):
            while stream.given < 0.9 * lane_rate(rate_hz):
                await asyncio.sleep(0.001)
        pieces = [each for each in stream.inbox if isinstance(each, np.ndarray)]
        assert sum(map(len, pieces)) == stream.given
        assert np.std(np.concatenate(pieces)) == pytest.approx(5657, rel=0.02)


@pytest.mark.parametrize("rate_hz", [8000, 24_000, 48_000])
async def test_opus_goes_both_ways_as_ffmpeg_has_it(door: StreamDoor, rate_hz: int) -> None:
    stream = opened(door, rate_hz=rate_hz, says=True, encoding=OPUS)
    hz = lane_rate(rate_hz)
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(hz) / hz)).astype(np.int16)
    async with to(door) as client:
        await began(door, stream, client)
        for frame in tone.reshape(50, -1):
            stream.frames.append(frame)
            door.wake()
        packets = [await client.recv(decode=False) for _ in range(50)]
        heard = Peer("opus", 48_000, sample="fltp").decode(packets)[-24_000:]
        assert np.argmax(np.abs(np.fft.rfft(heard))) == 250 and np.std(heard) == pytest.approx(5657, rel=0.1)
        full = (8000 * np.sin(2 * np.pi * 500 * np.arange(48_000) / 48_000)).astype(np.int16)
        for packet in Peer("libopus", 48_000, application="voip", b="32000").encode(full.reshape(50, 960)):
            await client.send(packet)
        async with asyncio.timeout(PATIENCE_S):
            while stream.given < hz:
                await asyncio.sleep(0.001)
        said = np.concatenate([each for each in stream.inbox if isinstance(each, np.ndarray)])
        assert np.std(said[hz // 2 :]) == pytest.approx(5657, rel=0.1)


@pytest.mark.parametrize("message", [b"", b"\xff\xff\xff", bytes([0x7B, 0x3F]) + bytes(40)])
async def test_what_is_no_opus_ends_the_stream(door: StreamDoor, message: bytes) -> None:
    stream = opened(door, says=True, encoding=OPUS)
    async with to(door) as client:
        await began(door, stream, client)
        await client.send(message)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1008, "no packet of Opus")
    assert not stream.inbox


async def test_marks_and_clearing_keep_their_place_among_the_sound(door: StreamDoor) -> None:
    stream = opened(door, rate_hz=8000, says=True)
    async with to(door) as client:
        await began(door, stream, client)
        await client.send(bytes(320))
        await client.send(json.dumps({"event": "mark", "mark": {"name": "here"}}))
        await client.send(json.dumps({"event": "clear"}))
        async with asyncio.timeout(PATIENCE_S):
            while stream.clears < 1:
                await asyncio.sleep(0.001)
        kinds = [each if not isinstance(each, np.ndarray) else len(each) for each in stream.inbox]
        assert kinds == [160, "here", None]
        stream.marks.append("here")
        door.wake()
        assert json.loads(await client.recv()) == {"event": "mark", "mark": {"name": "here"}}


@pytest.mark.parametrize(
    ("message", "says", "code"),
    [
        (bytes(320), False, 1003),
        (bytes(3), True, 1008),
        ("rubbish", True, 1007),
        ("[]", True, 1007),
        ('{"event": "mark"}', True, 1007),
        ("[" * 5000, True, 1007),
        ('{"event": "start"}', True, 1008),
        (json.dumps({"event": "mark", "mark": {"name": "x" * (MOST_MARK + 1)}}), True, 1008),
        (bytes(960_002), True, 1009),
    ],
)
async def test_what_may_not_be_ends_the_stream_in_words(
    door: StreamDoor, message: str | bytes, says: bool, code: int
) -> None:
    stream = opened(door, says=says)
    async with to(door) as client:
        await began(door, stream, client)
        await client.send(message)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == code
        assert client.close_reason or code == 1009
    ended, reason = await told(door)
    assert ended is stream and reason
    assert not any(isinstance(each, np.ndarray) for each in stream.inbox)


async def test_crumbs_have_a_limit(door: StreamDoor) -> None:
    stream = opened(door, says=True)
    async with to(door) as client:
        await began(door, stream, client)
        with pytest.raises(ConnectionClosed):
            for _ in range(MOST_PIECES + 100):
                await client.send(b"\0\0")
            await client.recv()
        assert client.close_code == 1008
    assert len(stream.inbox) == MOST_PIECES


async def test_a_stream_that_ends_here_says_why_after_all_that_was_heard(door: StreamDoor) -> None:
    stream = opened(door, rate_hz=8000)
    async with to(door) as client:
        await began(door, stream, client)
        stream.frames += [np.full(160, level, np.int16) for level in range(3)]
        stream.reason, stream.dropped_s = "room removed", 0.5
        door.remove(stream)
        heard = [np.frombuffer(await client.recv(decode=False), "<i2")[0] for _ in range(3)]
        assert heard == [0, 1, 2]
        stop = json.loads(await client.recv())
        assert stop == {"event": "stop", "stop": {"reason": "room removed", "dropped_s": 0.5}}
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1000


async def test_who_reads_nothing_holds_no_more_than_the_queue(door: StreamDoor) -> None:
    """Others are served meanwhile."""
    slow, quick = opened(door, "slow", 1, rate_hz=48_000), opened(door, "quick", 2, rate_hz=48_000)
    frame = np.zeros(960, np.int16)
    async with to(door, "quick") as other:
        await began(door, quick, other)
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", door.port))
        upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        raw.sendall(f"GET /streams HTTP/1.1\r\nHost: x\r\n{upgrade}{key}Authorization: Bearer slow\r\n\r\n".encode())
        assert await told(door) == (slow, "")
        slow.connected = quick.connected = True
        for _ in range(500):
            slow.hear(frame)
            quick.hear(frame)
            door.wake()
            assert len(await other.recv(decode=False)) == 1920
        assert len(slow.frames) == MOST_FRAMES and slow.dropped_s > 5 and quick.dropped_s == 0
        raw.close()
    assert {(await told(door))[0] for _ in range(2)} == {slow, quick}, "who was stuck is noticed when it goes"


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="address already in use"):
        StreamDoor("127.0.0.1", taken.getsockname()[1], 4).start()
