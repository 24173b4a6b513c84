"""Telling others by HTTP what happened: signed, in order per receiver, repeated with growing pauses.

A delivery is one POST. Its headers::

    X-Softphone-Event: recording.ready
    X-Softphone-Delivery: 7c3f...            the same in every attempt: a receiver that has seen it ignores the next
    X-Softphone-Timestamp: 1767225600        Unix seconds of this attempt
    X-Softphone-Signature: sha256=<hex>      HMAC-SHA256, key: the secret, of "<timestamp>." and the body

`verify` is the receiver's side. Whoever sends never waits: there is a queue of bounded length for each receiver. What
was not taken before the program ends goes on with the next start (`softphone.outbox`): a receiver may see one twice.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

import structlog

from softphone.errors import ConfigError
from softphone.outbox import Outbox, Parcel

__all__ = ["RETRIES_S", "Target", "Webhooks", "signature", "verify"]

log = structlog.get_logger()

# Pauses before the second, third ... attempt: who is restarted or moved is back within a quarter of an hour.
RETRIES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
# Of one attempt, from the look-up of the name to the status.
TIMEOUT_S = 10.0
# Deliveries that wait for one receiver; beyond it the oldest are lost, and the log says so.
QUEUE_MAX = 1000
# At the end of the program what is queued gets one chance for so long.
DRAIN_S = 3.0
# Statuses that promise something better later (RFC 9110 15.5.9, RFC 8470, RFC 6585, RFC 9110 15.6).
LATER = frozenset({408, 425, 429})
# Receivers accept signatures that are this old; clocks differ.
TOLERANCE_S = 300.0
# Of an answer: bytes of a line, interim answers before the one that counts, and header lines of one.
LINE_MAX = 1 << 16
MOST_INTERIM = 10
MOST_LINES = 100


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told.

    Raises
    ------
    ConfigError
        The URL is not of the form ``http(s)://host[:port][/path][?query]``.
    """

    url: str
    secret: str = ""
    "Key of the signatures; without one nothing is signed."

    def __post_init__(self) -> None:
        """Check the URL."""
        split_url(self.url)

    def __repr__(self) -> str:
        """Name it, without the secret."""
        return f"Target({self.url!r})"


def split_url(url: str) -> SplitResult:
    """Take a URL apart.

    Raises
    ------
    ConfigError
        It is none that can be posted to.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(character <= " " for character in url) or parts.username is not None:
        raise ConfigError(f"{url!r} is no http:// or https:// URL to send to")
    return parts


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body: "sha256=" and the hex HMAC-SHA256 of the timestamp, a dot and the body."""
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(secret: str, timestamp: str, body: bytes, given: str, now: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Tell whether a request is from somebody who knows the secret, and fresh.

    Parameters
    ----------
    secret
        What both sides know.
    timestamp, given
        The headers X-Softphone-Timestamp and X-Softphone-Signature.
    body
        As it came.
    now
        Unix seconds.
    tolerance_s
        How much the timestamp may be off.
    """
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > tolerance_s:
        return False
    return hmac.compare_digest(signature(secret, int(timestamp), body).encode(), given.encode())


class Webhooks:
    """The sender; an async context manager.

    Parameters
    ----------
    retries_s
        Pauses between attempts, in seconds; after the last attempt a delivery is given up.
    timeout_s
        Of one attempt.
    queue_max
        Deliveries that may wait for one receiver.
    clock
        Unix seconds.
    outbox
        File of what was not taken yet; None: with the end of the program it is forgotten.

    Raises
    ------
    OSError
        On entering: the outbox cannot be used.
    """

    def __init__(
        self,
        *,
        outbox: Path | None = None,
        retries_s: Sequence[float] = RETRIES_S,
        timeout_s: float = TIMEOUT_S,
        queue_max: int = QUEUE_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._retries_s, self._timeout_s, self._queue_max, self._clock = tuple(retries_s), timeout_s, queue_max, clock
        self._queues: dict[Target, deque[Parcel]] = {}
        self._senders: dict[Target, asyncio.Task[None]] = {}
        self._tls: ssl.SSLContext | None = None
        self._outbox = Outbox(outbox)

    async def __aenter__(self) -> Self:
        """Go on with what an earlier process has not got rid of."""
        self._outbox.open()
        for parcel in self._outbox.waiting:
            self._queue(Target(parcel.url, parcel.secret), parcel)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Give what is queued a last chance; the rest is for the next start."""
        senders = list(self._senders.values())
        if senders:
            _, late = await asyncio.wait(senders, timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
        for parcel in self._outbox.waiting:
            log.info("webhook_not_taken_yet", url=parcel.url, delivery=parcel.id, event_type=parcel.event)

    def send(self, target: Target, event: str, body: bytes, *, delivery: str | None = None) -> str:
        """Queue a delivery; called in the event loop. It neither waits nor fails.

        Parameters
        ----------
        target
            Who is told.
        event
            What happened, for the header.
        body
            JSON.
        delivery
            Its id; None: a new one. One that waits already is not queued again.

        Returns
        -------
        str
            The id of the delivery.
        """
        parcel = Parcel(delivery or uuid.uuid4().hex, target.url, target.secret, event, body.decode())
        if not self._outbox.holds(parcel.id):
            self._outbox.add(parcel)
            self._queue(target, parcel)
        return parcel.id

    def _queue(self, target: Target, parcel: Parcel) -> None:
        queue = self._queues.setdefault(target, deque())
        if len(queue) >= self._queue_max:
            lost = queue.popleft()
            self._outbox.done(lost.id)
            log.warning("webhook_lost", url=target.url, delivery=lost.id, reason="too many wait")
        queue.append(parcel)
        if target not in self._senders:
            self._senders[target] = asyncio.create_task(self._work(target, queue), name="webhooks")

    def forget(self, target: Target) -> None:
        """Drop what waits for a receiver that is no more."""
        self._queues.pop(target, None)
        if (task := self._senders.pop(target, None)) is not None:
            task.cancel()
        for parcel in self._outbox.waiting:
            if (parcel.url, parcel.secret) == (target.url, target.secret):
                self._outbox.done(parcel.id)

    async def _work(self, target: Target, queue: deque[Parcel]) -> None:
        """Send what is queued for one receiver, one after another."""
        try:
            while queue:
                parcel = queue.popleft()
                try:
                    await self._deliver(target, parcel)
                except Exception:
                    # A mistake of ours costs one delivery, and not all that wait behind it.
                    log.exception("webhook_lost", url=target.url, delivery=parcel.id, reason="failed unexpectedly")
                self._outbox.done(parcel.id)
        finally:
            if self._senders.get(target) is asyncio.current_task():
                del self._queues[target], self._senders[target]

    async def _deliver(self, target: Target, delivery: Parcel) -> None:
        """Try until it is taken, refused for good, or given up."""
        for pause_s in (*self._retries_s, None):
            problem, final = await self._attempt(target, delivery)
            if problem is None:
                return
            if final or pause_s is None:
                log.warning("webhook_failed", url=target.url, delivery=delivery.id, reason=problem)
                return
            log.debug("webhook_retry", url=target.url, delivery=delivery.id, reason=problem, pause_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _attempt(self, target: Target, delivery: Parcel) -> tuple[str | None, bool]:
        """Post once: what went wrong (None: nothing), and whether it will go wrong again."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(target, delivery)
        except asyncio.LimitOverrunError:
            return "a line of the answer has no end", False
        except (OSError, ValueError, EOFError) as error:
            return str(error) or type(error).__name__, False
        if 200 <= status < 300:
            return None, True
        return f"status {status}", status < 500 and status not in LATER

    async def _post(self, target: Target, delivery: Parcel) -> int:
        """Send the request and give the status of the answer."""
        parts = split_url(target.url)
        tls = self._context() if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls, limit=LINE_MAX)
        try:
            writer.write(self._request(parts, target.secret, delivery))
            await writer.drain()
            return await _status(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _request(self, parts: SplitResult, secret: str, delivery: Parcel) -> bytes:
        """Give the bytes of the request (RFC 9112)."""
        timestamp, body = int(self._clock()), delivery.body.encode()
        headers = {
            "Host": parts.netloc,
            "User-Agent": "softphone",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Softphone-Event": delivery.event,
            "X-Softphone-Delivery": delivery.id,
            "X-Softphone-Timestamp": str(timestamp),
        }
        if secret:
            headers["X-Softphone-Signature"] = signature(secret, timestamp, body)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("ascii") + body

    def _context(self) -> ssl.SSLContext:
        """Give the TLS settings: certificates are checked against the system's authorities."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


async def _status(reader: asyncio.StreamReader) -> int:
    """Read the status of an answer, beyond interim ones (RFC 9110 section 15.2); what follows it is not read.

    Raises
    ------
    ValueError, EOFError, asyncio.LimitOverrunError
        It is no answer, breaks off, or has a line without end.
    """
    for _ in range(MOST_INTERIM):
        words = (await reader.readuntil(b"\n")).split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise ValueError("the answer is not HTTP")
        if int(words[1]) >= 200:
            return int(words[1])
        for _ in range(MOST_LINES):
            if not (await reader.readuntil(b"\n")).strip():
                break
    raise ValueError("the answer has no end of its beginning")
