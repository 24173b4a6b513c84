"""The driver: sockets, timers and tasks for the protocol machines, and their results for those that await them."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from softphone.address import own_address
from softphone.errors import SipError
from softphone.resolver import Resolver
from softphone.sip.dialog.table import DialogTable, DialogUser, EstablishedUser
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.trace import Trace
from softphone.sip.transaction import events
from softphone.sip.transaction.events import TransactionUser
from softphone.sip.transaction.layer import TransactionLayer
from softphone.sip.transaction.machine import Timers
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, Send
from softphone.sip.transport.listener import Listeners
from softphone.sip.transport.sources import SourceGate, Taken, refusal
from softphone.sip.ua.capabilities import Capabilities
from softphone.sip.ua.refresh import SessionSettings
from softphone.sip.where.attempt import Locator, Outages, RequestAttempt
from softphone.sip.where.locate import Target

__all__ = ["Driver", "RequestUser", "StackSettings", "Transport", "TransportMaker"]

log = logging.getLogger(__name__)

PENDING = 1_000
"""Calls that neither ring nor are answered or refused yet, and apart from them other requests without an answer; at
200 a second that is five seconds of work."""


@dataclass(frozen=True)
class StackSettings:
    """How a stack listens and what it says of itself.

    ``advertised`` is the host in Contact and Via, when it is not ``host``; ``host6`` and ``advertised6`` are those of
    IPv6 beside them, if it is spoken, too. ``invite_timeout_s`` is how long a call may ring.
    ``trying`` is whether each INVITE is answered by 100 at once, and not only where nothing else is to be said
    within 200 ms (RFC 3261 section 17.2.1): a caller without an answer asks again, so that a lost refusal is mended.
    ``stream_above``: see `Outages`; ``trace_messages`` and ``trace_bytes``: see `Trace`, 0 messages: none is
    kept; ``sources``: from whom requests are taken, and how many.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tcp: bool = True
    advertised: str | None = None
    host6: str = ""
    advertised6: str | None = None
    user_agent: str = "softphone"
    capabilities: Capabilities = Capabilities()
    session: SessionSettings = SessionSettings()
    timers: Timers = field(default_factory=Timers)
    invite_timeout_s: float = 180.0
    trying: bool = True
    max_pending: int = PENDING
    stream_above: int | None = 1300
    trace_messages: int = 0
    trace_bytes: int = 8_388_608
    sources: SourceGate = field(default_factory=SourceGate)


class Transport(Protocol):
    """What carries messages: `softphone.sip.transport.sockets.SocketTransport`, or a wire in memory."""

    @property
    def port(self) -> int:
        """The port it listens on."""

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports of transports that have others, by name."""

    async def start(self, host: str, port: int, *, tcp: bool = True, host6: str = "") -> None:
        """Begin to listen, at `host6` too if there is one. Raises OSError, the message naming the port."""

    async def stop(self) -> None:
        """Close everything."""

    def send(self, send: Send) -> None:
        """Send a message, or say that it failed."""

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""

    def ping(self, target: Hop) -> None:
        """Send what keeps the way to a peer open (RFC 5626 section 4.4.1)."""


class RequestUser(Protocol):
    """What takes the requests that come: `softphone.sip.dispatcher.Dispatcher`."""

    def request(self, key: str, request: Request, source: Hop) -> None:
        """Take a request that is neither ACK nor CANCEL; does not raise."""

    def cancelled(self, event: events.CancelReceived) -> None:
        """Take a CANCEL; does not raise."""


TransportMaker = Callable[[Callable[[bytes, Hop], None], Callable[[str | None], None]], Transport]


class Driver:
    """One transport, all transactions, all calls: the `Node` of everything above.

    Attributes
    ----------
    listeners
        Where others reach us, for Via and Contact.
    """

    def __init__(self, settings: StackSettings, transport: TransportMaker, resolver: Resolver) -> None:
        self.settings = settings
        self.timers = settings.timers
        self.capabilities = settings.capabilities
        self.session = settings.session
        self.directory = DialogTable()
        self.host = settings.host
        self.port = settings.port
        self.ports: dict[str, int] = {}
        self.host6 = settings.host6
        self.listeners = Listeners(self.host, self.port, host6=self.host6)
        self._layer = TransactionLayer(settings.timers)
        self.outages = Outages(settings.stream_above if settings.tcp else None)
        self._locator = Locator(resolver)
        self.trace = Trace(settings.trace_messages, settings.trace_bytes) if settings.trace_messages else None
        self._gate = settings.sources
        self._transport = transport(self._received, self._not_sent)
        self._users: dict[str, TransactionUser] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._counts = {"requests_in": 0, "responses_in": 0, "requests_out": 0, "responses_out": 0}
        self._handlers: dict[type[events.Event], Callable[[Any], None]] = {
            events.RequestReceived: self._request,
            events.ResponseReceived: self._response,
            events.InviteRepeated: self._repeated,
            events.AckReceived: self._acknowledged,
            events.CancelReceived: self._cancelled,
            events.TransactionFailed: self._failed,
            events.Terminated: self._terminated,
        }

    async def start(self, user: RequestUser) -> None:
        """Listen; ``host`` and ``port`` then say where. Raises OSError, the message naming the port.

        Parameters
        ----------
        user
            Is given what comes.
        """
        self._loop, self._user = asyncio.get_running_loop(), user
        own = self.settings
        await self._transport.start(own.host, own.port, tcp=own.tcp, host6=own.host6)
        self.port, self.ports = self._transport.port, dict(self._transport.ports)
        self.host = own.advertised or own_address(own.host)
        self.host6 = own.advertised6 or (own_address(own.host6) if own.host6 else "")
        self._listen()
        if self.trace is not None:
            self.trace.local = self.host, self.port

    def also_at(self, ports: Mapping[str, int]) -> None:
        """Take note of ports that others listen at for us, by transport."""
        self.ports |= ports
        self._listen()

    def _listen(self) -> None:
        self.listeners = self._layer.listeners = Listeners(self.host, self.port, self.ports, host6=self.host6)

    async def stop(self) -> None:
        """End all tasks, close the sockets, and tell who waits for a response that none will come."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        await self._transport.stop()
        await self._locator.close()
        waiting, self._users = self._users, {}
        for user in waiting.values():
            user.on_failure(events.Failure.STOPPED)

    def counters(self) -> dict[str, int]:
        """Return what passed and what could not."""
        layer = self._layer.counters
        there = {"transactions": len(self._layer), "calls": len(self.directory.calls())}
        dropped = {"flooded": self._gate.flooded, "denied": self._gate.denied}
        return self._counts | there | dropped | {"bad": layer.bad, "stray": layer.stray, "refused": layer.refused}

    # --- what calls ask for (Node)

    def send(self, request: Request, target: Target, user: TransactionUser) -> RequestAttempt:
        """See `Node`."""
        if request.get("User-Agent") is None:
            request.add("User-Agent", self.settings.user_agent)
        attempt = RequestAttempt(self, request, user)
        if (hops := self._locator.here(target)) is not None:
            attempt.go(hops)
        else:
            self.spawn(self._send_later(attempt, request, target))
        return attempt

    async def _send_later(self, attempt: RequestAttempt, request: Request, target: Target) -> None:
        try:
            hops = await self._locator.hops(target)
        except asyncio.CancelledError:
            attempt.fail(events.Failure.STOPPED)
            raise
        except SipError as error:
            attempt.fail(error)
        else:
            if request.contacts:  # the name has said by which transport
                request.set("Contact", *(str(self.listeners.reached(each, hops[0])) for each in request.contacts))
            attempt.go(hops)

    def flow(self, target: Hop) -> Flow | None:
        """See `Node`."""
        return self._transport.flow(target)

    def ping(self, target: Hop) -> None:
        """See `Node`."""
        self._transport.ping(target)

    def enter(self, call: EstablishedUser) -> None:
        """See `Node`."""
        self.directory.enter(call)

    def enter_early(self, early: DialogUser) -> None:
        """See `Node`."""
        self.directory.enter_early(early)

    def leave_early(self, early: DialogUser) -> None:
        """See `Node`."""
        self.directory.leave_early(early)

    def respond(self, key: str, answer: Response, *, once: bool = False) -> None:
        """See `Node`."""
        if answer.get("Server") is None:
            answer.add("Server", self.settings.user_agent)
        self._counts["responses_out"] += 1
        self._layer.respond(key, answer, self._loop.time(), once=once)
        self._pump()

    def acknowledge(self, ack: Request, target: Target) -> None:
        """See `Node`."""
        if self.trace is not None:
            self.trace.runs(ack.call_id)
        if (hops := self._locator.here(target)) is not None:
            self._layer.ack(ack, hops[0])
            self._pump()
        else:
            self.spawn(self._acknowledge_later(ack, target))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """See `Node`."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _acknowledge_later(self, ack: Request, target: Target) -> None:
        try:
            self._layer.ack(ack, (await self._locator.hops(target))[0])
        except SipError as error:
            log.warning("an ACK cannot be sent: %s", error)
        self._pump()

    # --- what attempts ask for (ClientTransactions)

    def now(self) -> float:
        """See `ClientTransactions`."""
        return self._loop.time()

    def begin(self, request: Request, hop: Hop, user: TransactionUser) -> str:
        """See `ClientTransactions`."""
        self._counts["requests_out"] += 1
        key = self._layer.request(request, hop, self._loop.time())
        self._users[key] = user
        if request.method == "INVITE":
            self.directory.asked(key, request)
        self._pump()
        return key

    def give_up(self, key: str) -> None:
        """See `ClientTransactions` and `Node`."""
        self._layer.forget(key)
        self._pump()

    def cancel(self, key: str, headers: Headers) -> None:
        """See `ClientTransactions`."""
        self._layer.cancel(key, self._loop.time(), headers)
        self._pump()

    # --- between transport and transactions

    def _received(self, data: bytes, source: Hop) -> None:
        # Before anything is read of it: a flood costs no more than that. Who answers us was asked.
        if not data.startswith(b"SIP/2.0 "):
            taken = self._gate.takes(source.host, self._loop.time(), stream=source.reliable)
            if taken is not Taken.YES:
                self._turn_away(data, source, taken)
                return
        if self.trace is not None:
            self.trace.passed(data, source, time.time(), sent=False)
        self._layer.receive(data, source, self._loop.time())
        self._pump()

    def _turn_away(self, data: bytes, source: Hop, taken: Taken) -> None:
        """Answer what is too much by 503 where that is due; nothing is remembered of it."""
        answer = refusal(data, source, self._gate.wait_s) if taken is Taken.REFUSED else None
        if answer is not None:
            self._transport.send(Send(answer, source))

    def _not_sent(self, key: str | None) -> None:
        self._layer.failed(key, self._loop.time())
        self._pump()

    def _expire(self) -> None:
        self._timer = None
        self._layer.expire(self._loop.time())
        self._pump()

    def _pump(self) -> None:
        """Carry out what the transactions want, until they want nothing more."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._drain():
                pass
        finally:
            self._pumping = False
        self._arm()

    def _drain(self) -> bool:
        sends, happened = self._layer.sends(), self._layer.events()
        for send in sends:
            if self.trace is not None:
                self.trace.passed(send.data, send.target, time.time(), sent=True)
            self._transport.send(send)
        for event in happened:
            try:
                self._handlers[type(event)](event)
            except Exception:
                log.exception("an event could not be handled: %s", event)
                if isinstance(event, events.RequestReceived):
                    self.respond(event.key, response(event.request, 500))
        return bool(sends or happened)

    def _arm(self) -> None:
        due = self._layer.next_deadline()
        if self._timer is not None:
            if due is not None and self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._expire)

    # --- to whom an event belongs

    def _request(self, event: events.RequestReceived) -> None:
        self._counts["requests_in"] += 1
        self._user.request(event.key, event.request, event.source)

    def _repeated(self, event: events.InviteRepeated) -> None:
        if call := self.directory.by_key(event.key):
            call.repeated(event.size)

    def _response(self, event: events.ResponseReceived) -> None:
        self._counts["responses_in"] += 1
        if user := self._users.get(event.key):
            user.on_response(event.response)

    def _acknowledged(self, event: events.AckReceived) -> None:
        if call := self.directory.acknowledged(event.request):
            if self.trace is not None:
                self.trace.runs(event.request.call_id)
            call.acknowledged(event.request)

    def _cancelled(self, event: events.CancelReceived) -> None:
        self._counts["requests_in"] += 1
        self._user.cancelled(event)

    def _failed(self, event: events.TransactionFailed) -> None:
        if user := self._users.get(event.key):
            user.on_failure(event.reason)

    def _terminated(self, event: events.Terminated) -> None:
        self._users.pop(event.key, None)
        self.directory.terminated(event.key)
