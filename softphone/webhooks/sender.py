"""Sender of webhooks: a queue and a task per receiver, retries with growing pauses."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import httpx
import structlog

from softphone.errors import UnresolvedName
from softphone.text import host_of
from softphone.webhooks.asking import ask, connections
from softphone.webhooks.outbox import Outbox, Parcel
from softphone.webhooks.reach import Forbidden, Reach, Target
from softphone.webhooks.signing import headers

__all__ = ["RETRIES_S", "Webhooks"]

log = structlog.get_logger()

# Pauses before the second, third ... attempt: who is restarted or moved is back within a quarter of an hour.
RETRIES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
# Of one attempt, from the look-up of the name to the status.
TIMEOUT_S = 10.0
# Of the question whether a receiver wants to be told, and of its whole answer.
HANDSHAKE_S = 3.0
HANDSHAKE_BYTES = 1024
# Deliveries that wait for one receiver; beyond it the oldest are lost, and the log says so.
QUEUE_MAX = 1000
# At the end of the program what is queued gets one chance for so long.
DRAIN_S = 3.0
# Statuses that promise something better later (RFC 9110 15.5.9, RFC 8470, RFC 6585, RFC 9110 15.6).
LATER = frozenset({408, 425, 429})


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
    networks
        Networks that a receiver may be in though they are not public, see :class:`softphone.webhooks.reach.Reach`.
    outbox
        File of what was not taken yet; None: with the end of the program it is forgotten.

    Attributes
    ----------
    reach
        The addresses that are sent to.

    Raises
    ------
    OSError
        On entering: the outbox cannot be used.
    """

    def __init__(
        self,
        *,
        networks: Iterable[str] = (),
        outbox: Path | None = None,
        retries_s: Sequence[float] = RETRIES_S,
        timeout_s: float = TIMEOUT_S,
        queue_max: int = QUEUE_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._retries_s, self._timeout_s, self._queue_max, self._clock = tuple(retries_s), timeout_s, queue_max, clock
        self._queues: dict[Target, deque[Parcel]] = {}
        self._senders: dict[Target, asyncio.Task[None]] = {}
        self._forgotten: set[asyncio.Task[None]] = set()
        self.reach = Reach(networks)
        self._outbox = Outbox(outbox)

    async def __aenter__(self) -> Self:
        """Go on with what an earlier process has not got rid of."""
        self._outbox.open()
        for parcel in self._outbox.waiting:
            self._queue(_target(parcel), parcel)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Give what is queued a last chance; the rest is for the next start."""
        senders = list(self._senders.values())
        if senders:
            _, late = await asyncio.wait(senders, timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
        await asyncio.gather(*self._forgotten, return_exceptions=True)
        if "_transport" in vars(self):
            await self._transport.aclose()  # a delivery that was given up may have left a connection without a request
        await self.reach.close()
        for parcel in self._outbox.waiting:
            log.info("webhook_not_taken_yet", url=host_of(parcel.url), delivery=parcel.id, event_type=parcel.event)

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
        parcel = Parcel(delivery or uuid.uuid4().hex, target.url, target.secret, event, body.decode(), target.anywhere)
        if not self._outbox.holds(parcel.id):
            self._outbox.add(parcel)
            self._queue(target, parcel)
        return parcel.id

    def _queue(self, target: Target, parcel: Parcel) -> None:
        queue = self._queues.setdefault(target, deque())
        if len(queue) >= self._queue_max:
            lost = queue.popleft()
            self._outbox.done(lost.id)
            log.warning("webhook_lost", url=host_of(target.url), delivery=lost.id, reason="too many wait")
        queue.append(parcel)
        if target not in self._senders:
            self._senders[target] = asyncio.create_task(self._work(target, queue), name="webhooks")

    def forget(self, target: Target) -> None:
        """Drop what waits for a receiver that is no more."""
        self._queues.pop(target, None)
        if (task := self._senders.pop(target, None)) is not None:
            task.cancel()
            self._forgotten.add(task)
            task.add_done_callback(self._forgotten.discard)
        for parcel in self._outbox.waiting:
            if _target(parcel) == target:
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
                    log.exception(
                        "webhook_lost", url=host_of(target.url), delivery=parcel.id, reason="failed unexpectedly"
                    )
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
                log.warning("webhook_failed", url=host_of(target.url), delivery=delivery.id, reason=problem)
                return
            log.debug("webhook_retry", url=host_of(target.url), delivery=delivery.id, reason=problem, pause_s=pause_s)
            await asyncio.sleep(pause_s)

    async def _attempt(self, target: Target, delivery: Parcel) -> tuple[str | None, bool]:
        """Post once: what went wrong (None: nothing), and whether it will go wrong again."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(target, delivery)
        except Forbidden as error:
            return str(error), True
        except (httpx.HTTPError, UnresolvedName, OSError) as error:
            return str(error) or type(error).__name__, False
        if 200 <= status < 300:
            return None, True
        return f"status {status}", status < 500 and status not in LATER

    async def _post(self, target: Target, delivery: Parcel) -> int:
        """Send the request; give the status of the answer."""
        body = delivery.body.encode()
        signed = headers(target.secret, delivery.id, delivery.event, int(self._clock()), body)
        answer = await self._answer(target, signed, body)
        await answer.aclose()
        return answer.status_code

    async def echoes(self, target: Target, header: str, value: str) -> bool:
        """Ask a receiver whether it wants to be told: it answers 200 with the same header, shortly and soon.

        Raises
        ------
        Forbidden
            Its address is neither public nor allowed.
        """
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                answer = await self._answer(target, {header: value}, b"")
                try:
                    size = sum(len(name) + len(said) + 4 for name, said in answer.headers.raw)
                    async for part in answer.aiter_raw():
                        size += len(part)
                        if size > HANDSHAKE_BYTES:
                            break
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, UnresolvedName, OSError) as error:
            log.info("webhook_not_echoed", url=host_of(target.url), reason=str(error) or type(error).__name__)
            return False
        return answer.status_code == 200 and answer.headers.get(header) == value and size <= HANDSHAKE_BYTES

    async def _answer(self, target: Target, fields: Mapping[str, str], body: bytes) -> httpx.Response:
        """Post; give the answer, which is to be closed."""
        return await ask(
            self._transport, self.reach, target, "POST", {"Content-Type": "application/json", **fields}, body
        )

    @cached_property
    def _transport(self) -> httpx.AsyncHTTPTransport:
        return connections()


def _target(parcel: Parcel) -> Target:
    return Target(parcel.url, parcel.secret, parcel.anywhere)
