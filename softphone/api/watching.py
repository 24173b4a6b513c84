"""Following what happens: who may be told of which event, and streams that end when the server stops."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from softphone.focus.accounts import Extension
from softphone.focus.errors import NoSuchSession
from softphone.focus.feed import FeedEvent, Subscription
from softphone.focus.focus import Focus
from softphone.focus.session import TelephonySession

__all__ = ["KEEP_ALIVE_S", "Missed", "Watching"]

# Shorter than what proxies wait for.
KEEP_ALIVE_S = 15.0

# Sessions whose audience is remembered after their end: as many events as the feed keeps can be of as many sessions.
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Missed:
    """A watcher has missed events: so many; None: nobody knows how many, for the server has been restarted."""

    count: int | None


class Watching:
    """The watchers of a node; an async context manager.

    Parameters
    ----------
    focus
        What is watched.
    keep_alive_s
        A stream on which nothing happens says so after this time.
    """

    def __init__(self, focus: Focus, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self.keep_alive_s = keep_alive_s
        self._focus = focus
        # Who belonged to a session when it was last heard of.
        self._audiences: OrderedDict[str, set[str]] = OrderedDict()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watching":
        """Begin to note who may be told of which session."""
        self._task = asyncio.create_task(self._note_all(self._focus.feed.subscribe()), name="watching")
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End all streams."""
        self._stopping.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def may_be_told(self, session_id: str, watcher: Extension) -> bool:
        """Whether a watcher may be told what happens in a session: its owner, and who is in it, or was at its end."""
        if watcher.admin:
            return True
        try:
            session = self._focus.session(session_id)
        except NoSuchSession:
            return watcher.id in self._audiences.get(session_id, ())
        return watcher.id in _audience(session)

    async def follow(self, watcher: Extension, session: str | None, last_id: int | None) -> AsyncIterator[object]:
        """Give the events that a watcher may be told of, to the last one before the server stops.

        Yields
        ------
        FeedEvent, Missed, None
            What happened; that the watcher has missed something; nothing has happened for a while.
        """
        events = self._focus.feed.subscribe(last_id)
        missed = 0
        if not events.resumed:
            yield Missed(None)
        while True:
            event = await self._next(events)
            if events.missed > missed:
                yield Missed(events.missed - missed)
                missed = events.missed
            if event is None:
                if self._stopping.is_set():
                    return
                yield None
            elif (session is None or event.session == session) and self.may_be_told(event.session, watcher):
                yield event if watcher.admin else _for_parties(event)

    async def _next(self, events: Subscription) -> FeedEvent | None:
        """Wait for an event, the end of the server, or the time of a keep-alive."""
        if (waiting := self._focus.feed.after(events.last_id)) is None:
            news = asyncio.ensure_future(self._focus.feed.news())
            stop = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({news, stop}, timeout=self.keep_alive_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
                stop.cancel()
            waiting = self._focus.feed.after(events.last_id)
        return None if waiting is None else await anext(events)

    async def _note_all(self, events: Subscription) -> None:
        async for event in events:
            self._note(event.session)

    def _note(self, session_id: str) -> None:
        """Remember who belongs to a session while it is there to be asked."""
        try:
            session = self._focus.session(session_id)
        except NoSuchSession:
            return
        self._audiences[session_id] = _audience(session)
        self._audiences.move_to_end(session_id)
        while len(self._audiences) > KEPT:
            self._audiences.popitem(last=False)


def _audience(session: TelephonySession) -> set[str]:
    """Name the extensions that belong to a session now."""
    those = {session.owner_id, *(party.extension_id for party in session.parties.values())}
    return {each for each in those if each is not None}


def _for_parties(event: FeedEvent) -> FeedEvent:
    """Leave out where files of the server are."""
    if "path" not in event.data:
        return event
    return replace(event, data={name: value for name, value in event.data.items() if name != "path"})
