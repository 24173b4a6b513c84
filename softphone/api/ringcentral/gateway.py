"""The sessions of the event gateway, and the connections that they have at the moment."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from softphone.api.ringcentral.gateway_session import MOST_SESSIONS, RECOVERY_S, GatewaySession
from softphone.api.ringcentral.subscriptions import Subscriptions

__all__ = ["SLOW", "STOPS", "Closing", "GatewayConnection", "Gateways"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closing:
    """Why we close a connection: the code of the WebSocket, and words for people."""

    code: int
    reason: str


STOPS = Closing(1001, "the server stops")
SLOW = Closing(1008, "messages are not read")
ELSEWHERE = Closing(4409, "the session goes on over another connection")
TOO_MANY = Closing(4429, f"a log-in has {MOST_SESSIONS} sessions at most: a newer one has taken the place of this one")


@dataclass(slots=True, eq=False)
class GatewayConnection:
    """A connection of a session."""

    session: GatewaySession
    recovered: bool | None
    "Whether the session goes on; None: that was not asked for."
    arrived_until: Callable[[], float]
    "Of what was sent before that time it is known that it has arrived."
    news: asyncio.Event = field(default_factory=asyncio.Event)
    closing: Closing | None = None

    def wake(self) -> None:
        """Let it look whether something is to be sent."""
        self.news.set()

    def close(self, why: Closing) -> None:
        """Let it end."""
        self.closing = self.closing or why
        self.news.set()


class Gateways:
    """All of a node; an async context manager.

    Parameters
    ----------
    book
        The subscriptions: those of a session end with it.
    clock
        Monotonic seconds.
    """

    def __init__(self, book: Subscriptions, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._book = book
        self._sessions: dict[str, GatewaySession] = {}
        self._logins: dict[str, dict[str, GatewaySession]] = {}
        self._connections: dict[str, GatewayConnection] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.requests: set[asyncio.Task[None]] = set()
        "That are at work; one goes on to its end though its connection is gone."
        self._stopping = False

    async def __aenter__(self) -> "Gateways":
        """Begin."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close all connections, and end what is at work."""
        self._stopping = True
        for connection in self._connections.values():
            connection.close(STOPS)
        for timer in self._timers.values():
            timer.cancel()
        for task in self.requests:
            task.cancel()
        await asyncio.gather(*self.requests, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._sessions)

    def enter(self, extension_id: str, login: str, token: str, arrived_until: Callable[[], float]) -> GatewayConnection:
        """Have a connection, of the session that its token names, or else of a new one."""
        session = self._sessions.get(token)
        theirs = session is not None and (session.extension_id, session.login) == (extension_id, login)
        if session is not None and theirs:
            self._take_over(session)
        recovered = None if not token else session is not None and theirs and session.recover(self.clock())
        if session is None or not recovered:
            if session is not None and theirs:
                self.end(session)
            session = self._begin(extension_id, login)
        if (timer := self._timers.pop(session.token, None)) is not None:
            timer.cancel()
        connection = self._connections[session.token] = GatewayConnection(session, recovered, arrived_until)
        if self._stopping:
            connection.close(STOPS)
        return connection

    def _begin(self, extension_id: str, login: str) -> GatewaySession:
        session = GatewaySession(extension_id, login, self.clock())
        self._sessions[session.token] = session
        theirs = self._logins.setdefault(login, {})
        theirs[session.token] = session
        if len(theirs) > MOST_SESSIONS:
            # Those that nobody is connected to go first, the oldest before the others.
            self.end(min(theirs.values(), key=lambda each: each.connected), TOO_MANY)
        return session

    def _take_over(self, session: GatewaySession) -> None:
        """Let another connection have a session whose old one is, perhaps, not yet known to be gone."""
        old = self._connections.pop(session.token, None)
        if old is not None:
            session.lose(self.clock(), old.arrived_until())
            old.close(ELSEWHERE)

    def leave(self, connection: GatewayConnection, *, whole: bool) -> None:
        """Have a connection no more.

        Parameters
        ----------
        whole
            Whether it was closed, and not cut off: what was sent has arrived.
        """
        session = connection.session
        if self._connections.get(session.token) is not connection:
            return
        del self._connections[session.token]
        now = self.clock()
        session.lose(now, now if whole else connection.arrived_until())
        if self._stopping or session.over(now):
            self.end(session)
            return
        loop = asyncio.get_running_loop()
        self._timers[session.token] = loop.call_later(RECOVERY_S, self.end, session)

    def end(self, session: GatewaySession, why: Closing = ELSEWHERE) -> None:
        """Have a session no more, and none of its subscriptions."""
        self._sessions.pop(session.token, None)
        theirs = self._logins.get(session.login, {})
        theirs.pop(session.token, None)
        if not theirs:
            self._logins.pop(session.login, None)
        if (timer := self._timers.pop(session.token, None)) is not None:
            timer.cancel()
        if (connection := self._connections.pop(session.token, None)) is not None:
            connection.close(why)
        self._book.remove_session(session.token)

    def tell(self, token: str, body: Mapping[str, Any]) -> None:
        """Send a notification to a session, now or when it has a connection again."""
        session, connection = self._sessions.get(token), self._connections.get(token)
        if session is None:
            return
        taken = session.tell(str(body["uuid"]), body)
        if connection is not None:
            if not taken:
                log.info("gateway_not_read", extension=session.extension_id, waiting=session.waiting)
                connection.close(SLOW)
            connection.wake()
