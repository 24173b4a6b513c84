"""The events of this node, as a bounded log that watchers read and resume: for event streams and webhooks.

Ids rise by one. They begin at the milliseconds of the start, so an id from before a restart is below all later ones: a
watcher that resumes with it gets what there is, and is told at once that nobody knows what it has missed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

__all__ = ["EventType", "Feed", "FeedEvent", "Subscription"]

# Some minutes of a busy node. An event takes half a kilobyte, with the longest of names two.
KEPT = 5_000


class EventType(StrEnum):
    """What can happen; in brackets what the event's data say. A party is who the event names, if it names one."""

    CONFERENCE_CREATED = "conference.created"
    "[kind: ``token``, ``extension`` or ``bridge``; extension: number of the room, or of the user whose room it is]"
    CONFERENCE_CHANGED = "conference.changed"
    """[those that changed of locked, muted_all, notices, restricted, groups: names of the breakout groups, with
    groups_end_in_s]"""
    CONFERENCE_ENDED = "conference.ended"
    "[reason]"
    PARTY_WAITING = "party.waiting"
    "[stage: ``invited``, ``lobby`` or ``waiting``; number, name]"
    PARTY_JOINED = "party.joined"
    "[number, name, role, muted]"
    PARTY_LEFT = "party.left"
    "One for each that joined or waited. [reason]"
    PARTY_CHANGED = "party.changed"
    """[those that changed of muted, deaf, held, volume_in_db, volume_out_db, level_voice, whispers_to, role, labels,
    group, parked; number, name]"""
    PARTY_STATUS = "party.status"
    """How far a party's call is, at each change; the first is ``setup``, the last ``disconnected``, or ``gone``: it has
    moved into another session, with its call.

    [status: of `PartyStatus`, lower case; number, name; of one that is gone moved_to, its party id there]
    """
    PARTY_TALKING = "party.talking"
    "Each beginning has its end, before the party leaves. [on]"
    PARTY_DOMINANT = "party.dominant"
    "It has the floor: it has talked most, of late; or has it no more, but for who leaves. [on]"
    PARTY_IN_VAIN = "party.talking_while_muted"
    "It has been talking for a sentence, and nobody hears it; told once in half a minute at most."
    PARTY_ECHOING = "party.echoing"
    "It returns what the others say, so that they hear themselves; or does so no more, but for who leaves. [on]"
    PARTY_KEYS = "party.keys"
    "It has pressed keys, where `tell_keys` of the conference says so; for who decides about the conference. [keys]"
    INVITATION_RINGING = "invitation.ringing"
    "Somebody is called out to. [invitation, number]"
    INVITATION_ANSWERED = "invitation.answered"
    "It was picked up, and is asked to press 1. [invitation, number]"
    INVITATION_FAILED = "invitation.failed"
    "[invitation, number, reason]"
    RECORDING_STARTED = "recording.started"
    "Sound is written, and nobody was told of it before. [recording; for administrators path]"
    RECORDING_FAILED = "recording.failed"
    "None could be begun, paused or gone on with: no file can be written, or the worker is gone. [reason]"
    RECORDING_PAUSED = "recording.paused"
    "[recording; for administrators path]"
    RECORDING_RESUMED = "recording.resumed"
    "[recording; for administrators path]"
    RECORDING_ENDED = "recording.ended"
    "Also when nobody wanted it to, with the reason. [recording, seconds, reason; for administrators path]"
    RECORDING_READY = "recording.ready"
    "Converted, and there to be fetched. [recording, seconds]"
    RECORDING_LOST = "recording.lost"
    "Nothing of it can be heard. [recording, reason]"
    CALL_STARTED = "call.started"
    "An extension calls another: the phones of the other are about to ring. [caller, callee: numbers]"
    CALL_ANSWERED = "call.answered"
    "[caller, callee]"
    CALL_ENDED = "call.ended"
    """One for each that was started; ``moved`` is the reason where the only party goes on in another session. [caller,
    callee, reason]"""
    PASS_USED = "pass.used"
    "Somebody came in by a pass. [pass: its id]"
    STREAM_STARTED = "stream.started"
    "The client of a stream has come. A party: the one that it is, or else that it hears. [stream, says]"
    STREAM_ENDED = "stream.ended"
    "It has gone, or never came. [stream, reason; dropped_s, unsaid_s: seconds of sound that one side was too slow for]"
    PLAYBACK_ENDED = "playback.ended"
    "Of what was asked for through the control face. [playback, reason]"


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One thing that happened."""

    id: int
    time: datetime
    "UTC."
    type: EventType
    session: str
    "Telephony session id."
    party: str | None = None
    "Party id, of an event about a party."
    data: Mapping[str, Any] = field(default_factory=dict)
    "What JSON can hold; see `EventType`."
    hidden: bool = False
    "Whether it is about a hidden listener: for administrators."


class Feed:
    """The log.

    Parameters
    ----------
    kept
        How many events are kept for those who come later or fall behind.
    now
        The time of day, UTC.
    """

    def __init__(self, kept: int = KEPT, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._kept = kept
        self._now = now
        self._events: dict[int, FeedEvent] = {}
        self._first = self._oldest = self._next = time.time_ns() // 1_000_000
        self._news = asyncio.Event()
        self._talking: set[tuple[str, str]] = set()
        self.listeners: list[Callable[[FeedEvent], None]] = []
        "Told at once of each event, while what it tells of is as it tells; they neither wait nor fail."

    @property
    def last_id(self) -> int:
        """Id of the newest event; of none yet, the one before the first."""
        return self._next - 1

    def publish(
        self, type: EventType, session: str, party: str | None = None, *, hidden: bool = False, **data: Any
    ) -> FeedEvent:
        """Add an event; whoever is subscribed wakes up. Who leaves talks no more: that is told first.

        Parameters
        ----------
        hidden
            Whether it is for those subscriptions alone that ask for what is hidden.
        """
        if party is not None and self._ceases(type, (session, party), **data):
            self.publish(EventType.PARTY_TALKING, session, party, hidden=hidden, on=False)
        event = FeedEvent(self._next, self._now(), type, session, party, data, hidden)
        self._events[event.id] = event
        self._next += 1
        if len(self._events) > self._kept:
            del self._events[self._oldest]
            self._oldest += 1
        self._news.set()
        self._news = asyncio.Event()
        for listener in self.listeners:
            listener(event)
        return event

    def _ceases(self, type: EventType, who: tuple[str, str], *, on: bool = False, **_data: Any) -> bool:
        """Note who talks; whether a party that leaves does."""
        if type is EventType.PARTY_LEFT:
            return who in self._talking
        if type is EventType.PARTY_TALKING:
            (self._talking.add if on else self._talking.discard)(who)
        return False

    def after(self, last_id: int) -> FeedEvent | None:
        """Give the oldest event that is kept and newer than `last_id`; None when there is none."""
        return self._events.get(max(last_id + 1, self._oldest))

    def news(self) -> Coroutine[Any, Any, object]:
        """Wait for the next event, counted from this call, however late the waiting begins."""
        return self._news.wait()

    def subscribe(self, last_id: int | None = None, *, hidden: bool = False) -> "Subscription":
        """Follow the log.

        Parameters
        ----------
        last_id
            The last event that the watcher has; None begins with the next one that happens.
        hidden
            Whether what is about hidden listeners is given, too.
        """
        before = self._first - 1
        return Subscription(
            self,
            self.last_id if last_id is None else min(max(last_id, before), self.last_id),
            resumed=last_id is None or last_id >= before,
            hidden=hidden,
        )


class Subscription(AsyncIterator[FeedEvent]):
    """One watcher's place in the log: ``async for event in feed.subscribe()``. It holds no events itself.

    Attributes
    ----------
    last_id
        Of the newest event that the watcher was given.
    resumed
        Whether the log goes on where the watcher's last event was. It does not when that is from before a restart.
    missed
        How many events since then, of this run, it can no longer be given, because it came or read too late.
    """

    def __init__(self, feed: Feed, last_id: int, *, resumed: bool = True, hidden: bool = False) -> None:
        self._feed = feed
        self.last_id = last_id
        self.resumed = resumed
        self.missed = 0
        self._hidden = hidden

    async def __anext__(self) -> FeedEvent:
        while True:
            while (event := self._feed.after(self.last_id)) is None:
                await self._feed.news()
            self.missed += event.id - self.last_id - 1
            self.last_id = event.id
            if self._hidden or not event.hidden:
                return event
