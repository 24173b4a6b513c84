"""The history, recorded by the focus and written to the database asynchronously.

The methods return at once and raise nothing: an event goes into the journal (`softphone.store.journal`), and one
background task carries the journal to the database, with back-off while that is away. What could not be written is
written later, after a crash by the next start; each event exactly once. Sound never waits for any of it.

When even the journal cannot be written (disk full), up to `MAX_WAITING` events wait in memory; beyond that new ones
are dropped and counted: of a conference that is known at all the end is found by the next restart at the latest.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from softphone.store import events
from softphone.store.database import Database, WrongData
from softphone.store.errors import StoreUnavailable
from softphone.store.events import Event, JournalEntry
from softphone.store.journal import MAX_BYTES, Journal
from softphone.store.values import CallDirection, CallQuality, ConferenceKind
from softphone.store.writing import advance, position, write

__all__ = ["History", "utc_now"]

log = structlog.get_logger()

JOURNAL = "history.jsonl"

# Events in memory while the disk takes none: some megabytes.
MAX_WAITING = 10_000

# Longest text of an event: a name or address that a peer sent us may be longer than anybody reads.
MAX_TEXT = 1000

# Of a file name; what Linux takes.
MAX_PATH = 4096

# How often we show in the journal that we live, which is how exactly the end of a crashed conference is known.
SIGN_S = 2.0

# Between attempts while the database is away: soon at first, and never so rarely that somebody has to wait for it.
BACK_OFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

# How long stopping waits for the database; what is left is written by the next start.
STOP_S = 5.0


def utc_now() -> datetime:
    """Read the wall clock."""
    return datetime.now(UTC)


class History:
    """Takes notes of conferences and calls; an async context manager.

    Parameters
    ----------
    database
        Where they go in the end; started.
    data
        The data folder, for the journal.
    now
        The wall clock, in UTC.
    max_bytes
        Of the journal: beyond it, events are dropped and counted.

    Raises
    ------
    OSError
        On entering: the journal cannot be used.
    StoreUnavailable
        On entering: the database is away.
    """

    def __init__(
        self, database: Database, data: Path, now: Callable[[], datetime] = utc_now, max_bytes: int = MAX_BYTES
    ) -> None:
        self.dropped = 0
        "Events that found no room."
        self.unavailable = False
        "Whether the last attempt found the database away."
        self._database = database
        self._path = data / JOURNAL
        self._now = now
        self._max_bytes = max_bytes
        self._journal: Journal
        self._waiting: deque[JournalEntry] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._disk_failed = False
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Open the journal, note that whoever wrote it before is gone, and begin to write."""
        self._journal = Journal(self._path, self._max_bytes)
        try:
            async with self._database.read() as connection:
                self._journal.number_from(await position(connection, self._journal.node) + 1)
        except BaseException:
            self._journal.close()
            raise
        if self._journal.last_sign is not None:
            self._note(events.Restarted(at=self._journal.last_sign))
        self._task = asyncio.create_task(self._run(), name="history")
        return self

    @property
    def node(self) -> str:
        """What names this server in the database; known once it is entered."""
        return self._journal.node

    async def __aexit__(self, *_error: object) -> None:
        """Write what is left, if the database takes it in time; the rest stays in the journal."""
        if not await self.flush(STOP_S):
            log.warning("history_left_in_journal", bytes=self._journal.pending_bytes, path=str(self._path))
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._journal.close()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until everything that happened so far is in the database; whether it is, after at most `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        return self._idle.is_set()

    @property
    def pending_bytes(self) -> int:
        """How much waits in the journal for the database."""
        return self._journal.pending_bytes

    def conference_created(
        self,
        conference_id: str,
        *,
        kind: ConferenceKind,
        owner_id: str | None,
        extension_id: str | None = None,
        name: str = "",
    ) -> None:
        """Note a new conference, which begins when the first party comes."""
        self._note(
            events.ConferenceCreated(
                at=self._now(),
                conference_id=conference_id,
                kind=kind,
                owner_id=owner_id,
                extension_id=extension_id,
                name=_clean(name),
            )
        )

    def conference_ended(self, conference_id: str, reason: str) -> None:
        """Note the end of a conference; participations and mutes that are open in it end with it."""
        self._note(events.ConferenceEnded(at=self._now(), conference_id=conference_id, reason=_clean(reason)))

    def joined(
        self,
        conference_id: str,
        party_id: str,
        *,
        number: str,
        role: str,
        name: str = "",
        extension_id: str | None = None,
        muted: bool = False,
    ) -> None:
        """Note that a party came, perhaps with its microphone off."""
        self._note(
            events.Joined(
                at=self._now(),
                conference_id=conference_id,
                party_id=party_id,
                number=_clean(number),
                name=_clean(name),
                extension_id=extension_id,
                role=role,
                muted=muted,
            )
        )

    def left(self, conference_id: str, party_id: str, reason: str) -> None:
        """Note that a party went."""
        self._note(events.Left(at=self._now(), conference_id=conference_id, party_id=party_id, reason=_clean(reason)))

    def muted(self, conference_id: str, party_id: str, on: bool) -> None:
        """Note that a microphone was turned off (`on`) or on again; the same twice changes nothing."""
        kind = events.Muted if on else events.Unmuted
        self._note(kind(at=self._now(), conference_id=conference_id, party_id=party_id))

    def recording_started(
        self, recording_id: str, conference_id: str, path: str, *, party_id: str | None = None
    ) -> None:
        """Note that sound is being written to `path`: of the room, or of one party only."""
        self._note(
            events.RecordingStarted(
                at=self._now(),
                recording_id=recording_id,
                conference_id=conference_id,
                party_id=party_id,
                path=_clean(path, MAX_PATH),
            )
        )

    def recording_paused(self, recording_id: str) -> None:
        """Note that nothing is written for a while."""
        self._note(events.RecordingPaused(at=self._now(), recording_id=recording_id))

    def recording_resumed(self, recording_id: str) -> None:
        """Note that it goes on."""
        self._note(events.RecordingResumed(at=self._now(), recording_id=recording_id))

    def recording_ended(
        self,
        recording_id: str,
        *,
        seconds: float,
        reason: str = "",
        path: str | None = None,
        tracks: Sequence[str] = (),
    ) -> None:
        """Note that the files are complete; also of one that a crash interrupted, once it is repaired.

        Parameters
        ----------
        recording_id
            As given when it began.
        seconds
            Of sound.
        reason
            Why it ended, if nobody asked for it.
        path
            The file, if it is another one now (another format); None: the same.
        tracks
            Files of single parties.
        """
        self._note(
            events.RecordingCompleted(
                at=self._now(),
                recording_id=recording_id,
                seconds=seconds,
                reason=_clean(reason),
                path=None if path is None else _clean(path, MAX_PATH),
                tracks=tuple(_clean(track, MAX_PATH) for track in tracks),
            )
        )

    def recording_lost(self, recording_id: str, reason: str) -> None:
        """Note that nothing can be heard of it, and why."""
        self._note(events.RecordingLost(at=self._now(), recording_id=recording_id, reason=_clean(reason)))

    def recording_deleted(self, recording_id: str) -> None:
        """Note that the files are gone."""
        self._note(events.RecordingDeleted(at=self._now(), recording_id=recording_id))

    def call_started(
        self,
        call_id: str,
        *,
        session_id: str,
        direction: CallDirection,
        caller: str,
        callee: str,
        extension_id: str | None = None,
    ) -> None:
        """Note that somebody is being rung; `call_id` is any name that no other call has."""
        self._note(
            events.CallStarted(
                at=self._now(),
                call_id=_clean(call_id),
                session_id=session_id,
                direction=direction,
                caller=_clean(caller),
                callee=_clean(callee),
                extension_id=extension_id,
            )
        )

    def call_answered(self, call_id: str) -> None:
        """Note that somebody answered."""
        self._note(events.CallAnswered(at=self._now(), call_id=_clean(call_id)))

    def call_ended(self, call_id: str, reason: str) -> None:
        """Note that a call is over."""
        self._note(events.CallOver(at=self._now(), call_id=_clean(call_id), reason=_clean(reason)))

    def call_measured(self, call_id: str, quality: CallQuality) -> None:
        """Note what the sound of a call went through that is over."""
        self._note(events.CallMeasured(at=self._now(), call_id=_clean(call_id), **asdict(quality)))

    def _note(self, event: Event) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(self._journal.entry(event))
        self._to_journal()
        self._idle.clear()
        self._wake.set()

    def _to_journal(self) -> None:
        """Put what waits in memory behind what is on disk."""
        try:
            while self._waiting:
                self._journal.append(self._waiting[0])
                self._waiting.popleft()
            self._disk_failed = False
        except OSError as error:
            if not self._disk_failed:
                log.error("history_journal_failed", error=str(error))
            self._disk_failed = True

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                self._wake.clear()
                while await self._write_some():
                    self._say_available()
                    failures = 0
            except Exception as error:
                # Also a mistake of ours: the journal keeps what happened, and the next attempt may fare better.
                self._say_unavailable(error)
                await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                failures += 1
                self._sign()
                continue
            if not self._wake.is_set():
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SIGN_S)
            self._sign()

    def _say_unavailable(self, error: Exception) -> None:
        """Log the beginning of an outage, not every attempt of it."""
        if not self.unavailable:
            ours = not isinstance(error, StoreUnavailable | OSError)
            log.error("history_waits", error=str(error), database=self._database.name, exc_info=error if ours else None)
        self.unavailable = True

    def _say_available(self) -> None:
        """Log the end of an outage."""
        if self.unavailable:
            log.info("history_goes_on", database=self._database.name)
        self.unavailable = False

    def _sign(self) -> None:
        with contextlib.suppress(OSError):
            self._journal.touch()

    async def _write_some(self) -> bool:
        """Carry a batch to the database: the journal first, then what the disk did not take. Whether there was any."""
        if batch := self._journal.read():
            await self._write(batch)
            self._journal.confirm()
        elif batch := list(self._waiting):
            await self._write(batch)
            while self._waiting and self._waiting[0].sequence <= batch[-1].sequence:
                self._waiting.popleft()
        return bool(batch)

    async def _write(self, batch: list[JournalEntry]) -> None:
        try:
            await self._write_together(batch)
        except WrongData:
            for entry in batch:
                await self._write_alone(entry)

    async def _write_together(self, batch: list[JournalEntry]) -> None:
        """Write what the database has not seen yet, and how far we are, in one transaction."""
        node = self._journal.node
        async with self._database.write() as connection:
            seen = await position(connection, node)
            fresh = [entry for entry in batch if entry.sequence > seen]
            if fresh:
                await write(connection, node, [entry.event for entry in fresh])
                await advance(connection, node, fresh[-1].sequence)

    async def _write_alone(self, entry: JournalEntry) -> None:
        """Write one event; one that the database will never take is skipped, so that the others are not held up."""
        try:
            await self._write_together([entry])
        except WrongData as error:
            log.error("history_event_skipped", event_type=type(entry.event).__name__, error=str(error))


def _clean(text: str, length: int = MAX_TEXT) -> str:
    """Cut a text, and take out what a database or JSON refuses (NUL, lone surrogates): peers send anything."""
    return text[:length].replace("\0", "").encode("utf-8", "replace").decode()
