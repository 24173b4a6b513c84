"""Where clients of streams connect: WebSocket (RFC 6455) in a thread of the media worker, beside its ticks.

The sound goes from the tick into a queue and from there to the socket, and the other way round: neither the control
process nor another process touches it. A client comes with the key that it was made, once; it is told first what the
stream is, then it gets 20 ms in each binary message: L16, little-endian as programs have it, or a packet of Opus. What
it says comes the same way, L16 in pieces of any length. Text is JSON: ``start``, ``mark``, ``clear`` and ``stop``, as
others have them.
"""

import asyncio
import json
import socket
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from softphone.errors import MediaError
from softphone.media.engine.audio_streams import AudioStream
from softphone.media.workers.stream_sound import hears, says

__all__ = ["StreamDoor"]

# Of one message: ten seconds at 48 kHz.
MOST_BYTES = 960_000
# Pieces that wait to be said: what comes in crumbs takes more memory than sound.
MOST_PIECES = 5000
MOST_MARK = 200
# Of a handshake, of a goodbye, and of a client that may be gone.
PATIENCE_S = 5.0
PING_S = 20.0
# What the system has beyond this, 20 ms at 48 kHz, is late anyway.
WRITE_AHEAD = 4096
# What the system keeps itself: at 48 kHz a third of a second.
SYSTEM_BYTES = 32_768
# Handshakes beside the streams.
STRANGERS = 50
START_S = 30.0


class Dismissed(Exception):
    """The client did what it may not; the code and the words that close its connection."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


class StreamDoor:
    """The listener of one worker.

    Parameters
    ----------
    host, port
        Where; 0: any port.
    most
        Streams at once.
    certificate
        Files of a certificate and its key; empty: no TLS.
    """

    def __init__(self, host: str, port: int, most: int, certificate: tuple[str, str] = ("", "")) -> None:
        self.port, self.most = port, most
        self.told: deque[tuple[AudioStream, str]] = deque()
        self._host, self._certificate = host, certificate
        self._waiting: dict[bytes, AudioStream] = {}
        self._news: dict[int, asyncio.Event] = {}
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failed: Exception | None = None
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="streams", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises
        ------
        OSError
            The port is taken.
        MediaError
            The certificate cannot be read, or nothing has come of it in time.
        """
        self._thread.start()
        if not self._ready.wait(START_S):
            raise MediaError("the listener of streams did not come up")
        if isinstance(self._failed, ssl.SSLError):
            raise MediaError(f"the certificate of streams: {self._failed}")
        if self._failed is not None:
            raise self._failed

    def add(self, stream: AudioStream) -> None:
        """Let the client of a stream in, who knows its key."""
        self._call(self._waiting.__setitem__, _digest(stream.key), stream)

    def remove(self, stream: AudioStream) -> None:
        """Let nobody in for a stream, and tell who is there that it is over."""
        self._call(self._waiting.pop, _digest(stream.key), None)
        self.wake()

    def wake(self) -> None:
        """Look at the queues: there is something in them."""
        if self._news:
            self._call(self._tell_all)

    def close(self) -> None:
        """End all, and wait for it."""
        self._call(self._end)
        self._thread.join(PATIENCE_S)

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        """Have something done by the thread; nothing, where that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *arguments)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _tell_all(self) -> None:
        for news in self._news.values():
            news.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._failed = error
            if self._ready.is_set():
                sys.stderr.write(f"softphone media worker: the listener of streams: {error!r}\n")
        finally:
            self._loop.close()
            self._ready.set()

    async def _serve(self) -> None:
        tls = None
        if self._certificate[0]:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(self._certificate[0], self._certificate[1] or None)
        server: Server = await serve(
            self._meet,
            self._host,
            self.port,
            ssl=tls,
            process_request=self._check,
            compression=None,
            open_timeout=PATIENCE_S,
            close_timeout=PATIENCE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MOST_BYTES,
            max_queue=4,
            write_limit=WRITE_AHEAD,
            server_header=None,
        )
        async with server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._over

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse who has no key before anything is said."""
        if self._connections >= self.most + STRANGERS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "there is no place for one more\n")
        if urlsplit(request.path).path != "/streams":
            return connection.respond(HTTPStatus.NOT_FOUND, "there are streams at /streams\n")
        if self._find(request) is None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no stream has this key, or it was used\n")
        return None

    def _find(self, request: Request | None) -> bytes | None:
        """Give the digest of the key that a request brings, if a stream waits for it."""
        if request is None:
            return None
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            key = parse_qs(urlsplit(request.path).query).get("access_token", [""])[0]
        digest = _digest(key.strip())
        # What is looked up is a digest: how long that takes tells nothing of a key.
        return digest if digest in self._waiting else None

    async def _meet(self, connection: ServerConnection) -> None:
        stream = self._waiting.pop(self._find(connection.request) or b"", None)
        if stream is None:
            await connection.close(1008, "the key was used")
            return
        self._connections += 1
        # Else the system keeps megabytes for a slow client, most of a minute.
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM_BYTES)
        news = self._news[stream.leg] = asyncio.Event()
        try:
            await connection.send(stream.about)
            self.told.append((stream, ""))
            await self._talk(connection, stream, news)
        except ConnectionClosed:
            self.told.append((stream, "disconnected"))
        finally:
            self._connections -= 1
            del self._news[stream.leg]

    async def _talk(self, connection: ServerConnection, stream: AudioStream, news: asyncio.Event) -> None:
        """Send what it hears, take what it says, until either is over."""
        both = [asyncio.ensure_future(work) for work in (_send(connection, stream, news), _read(connection, stream))]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        except Dismissed as refused:
            self.told.append((stream, refused.why))
            await connection.close(refused.code, refused.why)
            return
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        if not stream.reason:
            self.told.append((stream, "disconnected"))
            return
        stop = {"event": "stop", "stop": {"reason": stream.reason, "dropped_s": round(stream.dropped_s, 2)}}
        await connection.send(json.dumps(stop))
        await connection.close(1000, stream.reason)


async def _send(connection: ServerConnection, stream: AudioStream, news: asyncio.Event) -> None:
    """Send what is heard, and marks, until the stream is over."""
    messages = hears(stream.encoding, stream.rate_hz)
    while not stream.reason:
        await news.wait()
        news.clear()
        while stream.marks:
            await connection.send(json.dumps({"event": "mark", "mark": {"name": stream.marks.popleft()}}))
        while stream.frames:
            with suppress(IndexError):  # the tick may have dropped it meanwhile
                for message in messages(stream.frames.popleft()):
                    await connection.send(message)


async def _read(connection: ServerConnection, stream: AudioStream) -> None:
    """Take what the client says and commands, until it goes."""
    sound_of = says(stream.encoding, stream.rate_hz)
    async for message in connection:
        if isinstance(message, str):
            _obey(message, stream)
            continue
        if not stream.says:
            raise Dismissed(1003, "this stream only listens")
        if len(stream.inbox) >= MOST_PIECES:
            raise Dismissed(1008, "too many pieces wait")
        try:
            pcm = sound_of(message)
        except ValueError as error:
            raise Dismissed(1008, str(error)) from error
        stream.inbox.append(pcm)
        stream.given += len(pcm)


def _obey(text: str, stream: AudioStream) -> None:
    """Do what a text asks for: ``{"event": "clear"}`` or ``{"event": "mark", "mark": {"name": ...}}``."""
    try:
        told = json.loads(text)
        event = told["event"]
        name = str(told["mark"]["name"]) if event == "mark" else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Dismissed(1007, "no event that is known here") from None
    if event not in ("mark", "clear") or len(name) > MOST_MARK or len(stream.inbox) >= MOST_PIECES:
        raise Dismissed(1008, "no event that is known here, or too many")
    if event == "mark":
        stream.inbox.append(name)
    else:
        stream.inbox.append(None)
        stream.clears += 1


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
