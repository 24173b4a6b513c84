"""Event streams: events as JSON, permissions, and their end when the server stops."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from softphone.api.http.errors import ApiError
from softphone.focus.errors import NoSuchSession
from softphone.focus.feed import EventType, FeedEvent, Subscription
from softphone.focus.focus import Focus
from softphone.focus.session import TelephonySession
from softphone.store.values import Extension

__all__ = ["KEEP_ALIVE_S", "MOST_STREAMS", "EventView", "Missed", "StreamEnded", "Watching", "event_view"]

# Shorter than what proxies wait for.
KEEP_ALIVE_S = 15.0

# Sessions whose audience is remembered after their end: as many events as the feed keeps can be of as many sessions.
KEPT = 10_000


# Streams of one user at the same time. More are a client that forgets to close them: each costs time at every event.
MOST_STREAMS = 50

# The last events as JSON: a burst is sent to all watchers at about the same time.
ENCODED = 256


@dataclass(frozen=True, slots=True)
class Missed:
    """A watcher has missed events: so many; None: nobody knows how many, for the server has been restarted."""

    count: int | None


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A stream is over before the server is."""

    code: int
    "With which a WebSocket is closed: 4000 and the HTTP status with which the stream would be refused now."
    reason: str
    "For people."


TOO_MANY = StreamEnded(4429, f"A user has {MOST_STREAMS} streams at most: a newer one has taken the place of this one")
NOT_THEIRS = StreamEnded(4403, "The conference is no longer yours to watch")


@dataclass(slots=True, eq=False)
class _Stream:
    """One that is open."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    why: StreamEnded | None = None
    "None: the server stops."

    def end(self, why: StreamEnded | None) -> None:
        self.why = why
        self.over.set()


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
        self._audiences: OrderedDict[str, Audience] = OrderedDict()
        self._encoded: OrderedDict[tuple[int, bool], str] = OrderedDict()
        self._streams: dict[str, list[_Stream]] = {}
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watching":
        """Begin to note who may be told of which session."""
        self._task = asyncio.create_task(self._note_all(self._focus.feed.subscribe()), name="watching")
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End all streams."""
        self._stopping = True
        for stream in [each for streams in self._streams.values() for each in streams]:
            stream.end(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def json(self, event: FeedEvent) -> str:
        """Write an event as JSON; for all streams that tell it, once."""
        key = event.id, "path" in event.data
        if (text := self._encoded.get(key)) is None:
            text = self._encoded[key] = event_view(event).model_dump_json()
            while len(self._encoded) > ENCODED:
                self._encoded.popitem(last=False)
        return text

    def may_be_told(self, session_id: str, watcher: Extension) -> bool:
        """Whether a watcher may be told what happens in a session: its owner, and who is in it, or was at its end."""
        if watcher.admin:
            return True
        try:
            session = self._focus.session(session_id)
        except NoSuchSession:
            audience = self._audiences.get(session_id)
            return audience is not None and watcher.id in audience
        return watcher.id == session.owner_id or bool(session.calls_of(watcher.id))

    def _may_have(self, event: FeedEvent, watcher: Extension) -> bool:
        """Whether a watcher may be told of an event; keys may be somebody's code, and are for who decides there."""
        if event.type is not EventType.PARTY_KEYS:
            return self.may_be_told(event.session, watcher)
        try:
            return self._focus.session(event.session).is_led_by(watcher)
        except NoSuchSession:
            return watcher.admin

    async def follow(
        self, watcher: Extension, session: str | None, last_id: int | None, ask: Callable[[], Extension] | None = None
    ) -> AsyncIterator[object]:
        """Give the events that a watcher may be told of, to the last one before the server stops.

        A stream is a request that lasts: whether it is still allowed is asked at each event and each keep-alive.

        Parameters
        ----------
        watcher
            Whose stream it is.
        session
            The only session that it tells of; None: all.
        last_id
            The last event that the watcher has.
        ask
            Gives the watcher as it is now, or raises ApiError when the request would be refused now; None: nobody asks.

        Yields
        ------
        FeedEvent, Missed, Ended, None
            What happened; that the watcher has missed something; why nothing follows; nothing has happened for a while.
        """
        stream = self._begin(watcher)
        ask, theirs = ask or (lambda: watcher), False
        try:
            async for item in self._all(stream, last_id):
                now = ask()
                if session is not None:
                    before, theirs = theirs, self.may_be_told(session, now)
                    if before and not theirs:
                        stream.end(NOT_THEIRS)
                        break
                for told in self._told(item, session, now):
                    yield told
        except ApiError as error:
            stream.end(StreamEnded(4000 + error.status, error.message))
        finally:
            self._end(watcher, stream)
        if stream.why is not None:
            yield stream.why

    def _told(self, item: object, session: str | None, watcher: Extension) -> list[object]:
        """Give an item as the watcher may have it, or nothing."""
        if not isinstance(item, FeedEvent):
            return [item]
        if item.hidden and not watcher.admin:
            return []
        if session not in (None, item.session) or not self._may_have(item, watcher):
            return []
        return [item if watcher.admin else _for_parties(item)]

    def _begin(self, watcher: Extension) -> _Stream:
        """Note a stream; one too many takes the place of the oldest of the same user."""
        streams = self._streams.setdefault(watcher.id, [])
        stream = _Stream()
        streams.append(stream)
        if len(streams) > MOST_STREAMS:
            streams.pop(0).end(TOO_MANY)
        if self._stopping:
            stream.end(None)
        return stream

    def _end(self, watcher: Extension, stream: _Stream) -> None:
        streams = self._streams.get(watcher.id, [])
        if stream in streams:
            streams.remove(stream)
        if not streams:
            self._streams.pop(watcher.id, None)

    async def _all(self, stream: _Stream, last_id: int | None) -> AsyncIterator[object]:
        """Give all events, what was missed of them, and a None from time to time, until the stream is over."""
        events = self._focus.feed.subscribe(last_id, hidden=True)
        missed = 0
        if not events.resumed:
            yield Missed(None)
        while True:
            event = await self._next(events, stream)
            if event is None and stream.over.is_set():
                return
            if events.missed > missed:
                yield Missed(events.missed - missed)
                missed = events.missed
            yield event

    async def _next(self, events: Subscription, stream: _Stream) -> FeedEvent | None:
        """Wait for an event, the end of the stream, or the time of a keep-alive."""
        if stream.why is not None:
            return None
        if (waiting := self._focus.feed.after(events.last_id)) is None:
            news = asyncio.ensure_future(self._focus.feed.news())
            over = asyncio.ensure_future(stream.over.wait())
            try:
                await asyncio.wait({news, over}, timeout=self.keep_alive_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()
                over.cancel()
            waiting = self._focus.feed.after(events.last_id)
        return None if waiting is None else await anext(events)

    async def _note_all(self, events: Subscription) -> None:
        async for event in events:
            self._note(event)

    def _note(self, event: FeedEvent) -> None:
        """Remember who belongs to a session while it is there to be asked."""
        try:
            session = self._focus.session(event.session)
        except NoSuchSession:
            return
        audience = self._audiences.get(event.session)
        if audience is None:
            audience = self._audiences[event.session] = Audience(session)
        elif event.party is not None:
            audience.note(session, event.party)
        self._audiences.move_to_end(event.session)
        while len(self._audiences) > KEPT:
            self._audiences.popitem(last=False)


class Audience:
    """The extensions that belong to a session; of one that is over, those that belonged to it at its end.

    Parameters
    ----------
    session
        As it is now; what becomes of its parties is to be told to :meth:`note`.
    """

    def __init__(self, session: TelephonySession) -> None:
        self._extensions: dict[str, str] = {}
        self._calls: Counter[str | None] = Counter([session.owner_id])
        for party in session.parties:
            self.note(session, party)

    def __contains__(self, extension: str) -> bool:
        return self._calls[extension] > 0

    def note(self, session: TelephonySession, party: str) -> None:
        """Take notice that a party came, left, or is somebody else now."""
        if (before := self._extensions.pop(party, None)) is not None:
            self._calls[before] -= 1
        found = session.parties.get(party)
        if found is not None and found.extension_id is not None:
            self._extensions[party] = found.extension_id
            self._calls[found.extension_id] += 1


def _for_parties(event: FeedEvent) -> FeedEvent:
    """Leave out where files of the server are."""
    if "path" not in event.data:
        return event
    return replace(event, data={name: value for name, value in event.data.items() if name != "path"})


class EventView(BaseModel):
    """One thing that happened."""

    id: int
    time: datetime
    type: str
    session: str
    party: str | None
    data: dict[str, Any]


def event_view(event: FeedEvent) -> EventView:
    """Show what happened."""
    return EventView(
        id=event.id,
        time=event.time,
        type=event.type.value,
        session=event.session,
        party=event.party,
        data=dict(event.data),
    )
