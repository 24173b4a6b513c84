"""The recordings of a server: started here, and kept here when they are finished.

A finished recording is converted if the settings ask for it, then whoever waits for it is told: a command, a webhook,
`Library.on_ready`. One after the other and at low priority, so that calls do not notice. Once an hour, and whenever a
recording is ready, those go that are too old or too much.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
import structlog

from mixer.errors import RecordingError
from softphone.config import RecordingConfig
from softphone.errors import MediaError, NoSuchRecording, RecordingRunning
from softphone.media.workers.client import Media
from softphone.recordings.active import ActiveRecording, Keeper, Speaker, clip_spans
from softphone.recordings.entry import Entry, Stored, expired
from softphone.recordings.files import RecordingFiles, StoredFile
from softphone.recordings.post_processing import PostProcessing
from softphone.text import without_paths
from softphone.webhooks import Webhooks

__all__ = ["Library"]

log = structlog.get_logger()

# What a killed server forgets of who was there and spoke: no more than of the sound, which is written each half second.
SAVE_S = 1.0
RETENTION_S = 3600.0
# At the end of the program what is finished gets this long to be converted and told.
DRAIN_S = 5.0
DAY_S = 86_400.0


def _ignore(entry: Entry) -> None:
    """Do nothing with a recording."""


class Library:
    """The recordings under a folder; an async context manager.

    Parameters
    ----------
    root
        The folder.
    settings
        What to do with finished recordings.
    webhooks
        Sends to `settings.webhook_url`.
    now
        The time of day, UTC.

    Raises
    ------
    ConfigError
        `settings.webhook_url` is none.

    Attributes
    ----------
    on_ready, on_lost, on_deleted
        Called in the event loop with each recording that is ready, each that has no sound, and each that was deleted.
    """

    def __init__(
        self,
        root: Path,
        settings: RecordingConfig,
        *,
        webhooks: Webhooks | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.on_ready: Callable[[Entry], None] = _ignore
        self.on_lost: Callable[[Entry], None] = _ignore
        self.on_deleted: Callable[[Entry], None] = _ignore
        self._shelf, self._now = RecordingFiles(root.absolute()), now
        self._aftercare = PostProcessing(self._shelf, settings, webhooks)
        self._entries: dict[str, Entry] = {}
        self._running: dict[str, ActiveRecording] = {}
        self._changed: set[str] = set()
        self._unsaved: dict[str, Entry] = {}
        self._finished: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._saving = asyncio.Lock()
        self._keeper = Keeper(self._start_task, self._changed.add, self._finish)

    async def __aenter__(self) -> Self:
        """Find what is there, repair what a restart has interrupted, go on with what was not done."""
        for entry in await asyncio.to_thread(self._shelf.load):
            self._entries[entry.id] = entry
        for entry in list(self._entries.values()):
            if entry.running or await asyncio.to_thread(self._found_again, entry):
                log.info("recording_repaired", recording=entry.id)
                await self._complete(entry, "restart")
            elif entry.state == "converting" or not entry.told:
                self._finished.put_nowait(entry.id)
            else:
                self._entries[entry.id] = _short(entry)
        for work in (self._look_after(), self._save_changes(), self._retain()):
            self._start_task(work)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Finish what is done soon, and stop; what is not converted by then will be at the next start."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._finished.join(), DRAIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._save()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All recordings, the newest first, without who spoke when (see `get`)."""
        found = (_short(self._latest(entry)) for entry in self._entries.values())
        return tuple(sorted(found, key=lambda entry: entry.started, reverse=True))

    async def start(
        self, media: Media, room: int, *, conference: str, parties: Sequence[Speaker] = (), mailbox: str = ""
    ) -> ActiveRecording:
        """Record a room.

        Parameters
        ----------
        media
            The workers.
        room
            Which room of theirs.
        conference
            Telephony session id, for the record.
        parties
            Who is in it; tell the result who comes and goes.
        mailbox
            Id of the extension that it is a message for; empty: it is none.

        Raises
        ------
        MediaError
            The room is gone, or the disk refuses.
        """
        started = self._now()
        id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"
        entry = Entry(id=id, conference=conference, started=started, mailbox=mailbox, told=False)
        running = ActiveRecording(entry, self._shelf.folder(id), media, self._keeper, tracks=self.settings.tracks)
        try:
            await asyncio.to_thread(self._shelf.make, entry)
            self._running[id] = running
            await running.begin(room, list(parties))
        except (OSError, MediaError) as error:
            self._running.pop(id, None)
            await asyncio.to_thread(self._shelf.remove, id)
            raise error if isinstance(error, MediaError) else MediaError(f"cannot record: {error}") from error
        self._entries[id] = running.entry
        return running

    async def get(self, id: str) -> Entry:
        """Give all that is known of a recording.

        Raises
        ------
        NoSuchRecording
        """
        if id in self._running:
            return self._running[id].entry
        entry = self._find(id)
        whole = self._unsaved.get(id)
        try:
            if whole is None:
                whole = await asyncio.to_thread(self._shelf.read, entry.id)
        except (OSError, msgspec.MsgspecError):
            raise NoSuchRecording(id) from None
        # On the disk it is ready a moment earlier than its files can be had.
        return msgspec.structs.replace(whole, state=entry.state)

    def file(self, id: str, name: str | None = None) -> StoredFile:
        """Find a file of a finished recording.

        Parameters
        ----------
        id
            Which recording.
        name
            One of `Entry.files`; None: the mix.

        Raises
        ------
        NoSuchRecording
            There is no such recording, or it has no such file.
        RecordingRunning
            It is still being made.
        """
        entry = self._find(id)
        if entry.running:
            raise RecordingRunning(id)
        return self._shelf.file(entry, entry.mix if name is None else name)

    def paths(self, entry: Entry) -> tuple[Path, ...]:
        """Say where the sound of a recording is, the mix first, then the tracks."""
        return tuple(self._shelf.folder(entry.id) / name for name in entry.files)

    async def delete(self, id: str) -> None:
        """Delete a finished recording with all its files.

        Raises
        ------
        NoSuchRecording
        RecordingRunning
        """
        entry = self._find(id)
        if entry.running:
            raise RecordingRunning(id)
        del self._entries[id]
        async with self._saving:
            self._unsaved.pop(id, None)
            await asyncio.to_thread(self._shelf.remove, id)
        log.info("recording_deleted", recording=id)
        self.on_deleted(entry)

    def _find(self, id: str) -> Entry:
        entry = self._entries.get(id)
        if entry is None:
            raise NoSuchRecording(id)
        return self._latest(entry)

    def _latest(self, entry: Entry) -> Entry:
        """Give a recording that is being made as it is now."""
        running = self._running.get(entry.id)
        return entry if running is None else running.entry

    def _found_again(self, entry: Entry) -> bool:
        """Whether a lost recording has its sound after all: a disk that refused, and does so no more."""
        return entry.state == "lost" and self._shelf.has_mix(entry)

    def _start_task(self, work: Awaitable[Any]) -> None:
        """Run something beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, MediaError):  # a track for somebody who has left, or of a recording that has ended
            log.debug("recording_task_was_late", error=str(error))
        else:
            log.error("recording_task_failed", exc_info=error)

    async def _finish(self, running: ActiveRecording, reason: str) -> Entry:
        """Take over what is not written any more."""
        entry = await self._complete(running.entry, reason)
        self._running.pop(entry.id, None)
        return entry

    async def _complete(self, entry: Entry, reason: str) -> Entry:
        """Bring a recording to its end, and have it looked after."""
        try:
            entry = await asyncio.to_thread(self._shelf.complete, entry, reason)
        except (RecordingError, OSError) as error:
            return await self._lose(entry, str(error))
        self._entries[entry.id] = entry
        await self._keep(entry)
        self._finished.put_nowait(entry.id)
        return entry

    async def _lose(self, entry: Entry, reason: str) -> Entry:
        """Note that there is nothing to be heard of a recording."""
        log.error("recording_lost", recording=entry.id, error=reason)
        ended = entry.ended or self._now()
        entry = clip_spans(entry, (ended - entry.started).total_seconds())
        entry = msgspec.structs.replace(
            entry, state="lost", reason=without_paths(reason), ended=ended, seconds=0.0, tracks={}, told=True
        )
        self._entries[entry.id] = entry
        await self._keep(entry)
        self.on_lost(entry)
        return entry

    async def _keep(self, entry: Entry) -> None:
        """Save the JSON of a recording, if the disk lets us and nobody has deleted it meanwhile."""
        async with self._saving:
            if entry.id in self._entries:
                await self._write(entry)

    async def _write(self, entry: Entry) -> None:
        """Save; what the disk does not take is tried again."""
        try:
            await asyncio.to_thread(self._shelf.save, entry)
        except OSError as error:
            if self._unsaved.get(entry.id) != entry:
                log.error("recording_not_saved", recording=entry.id, error=str(error))
            self._unsaved[entry.id] = entry
        else:
            self._unsaved.pop(entry.id, None)

    async def _save_changes(self) -> None:
        """Save now and then what is known of the recordings that are being made."""
        while True:
            await asyncio.sleep(SAVE_S)
            await self._save()

    async def _save(self) -> None:
        for id in list(self._changed):
            self._changed.discard(id)
            async with self._saving:
                running = self._running.get(id)
                if running is not None and running.active:
                    await self._write(running.entry)
        for entry in list(self._unsaved.values()):
            async with self._saving:
                if self._unsaved.get(entry.id) is entry and entry.id in self._entries:
                    await self._write(entry)

    async def _look_after(self) -> None:
        """Convert what is finished, tell those who wait for it, one after another."""
        while True:
            id = await self._finished.get()
            try:
                if id in self._entries:
                    await self._make_ready(self._entries[id])
            except Exception as error:
                # Whatever it is, also a mistake of ours: the recordings behind it have no part in it.
                log.error("recording_not_ready", recording=id, error=str(error), exc_info=error)
            finally:
                self._finished.task_done()

    async def _make_ready(self, entry: Entry) -> None:
        shown = entry.state
        if shown == "converting":
            entry = await self._aftercare.convert(entry)
        there = await asyncio.to_thread(self._shelf.has_mix, entry)
        if entry.id not in self._entries:  # deleted meanwhile, but for what the conversion has made since
            await asyncio.to_thread(self._shelf.remove, entry.id)
            return
        if not there:
            await self._lose(entry, "the sound is gone")
            return
        entry = msgspec.structs.replace(entry, state="ready", size=await asyncio.to_thread(self._shelf.size, entry))
        await self._keep(entry)
        # Its files are the new ones from now on; it is called ready when the old ones are gone.
        if not self._update(msgspec.structs.replace(entry, state=shown)):
            return
        async with self._saving:
            await asyncio.to_thread(self._shelf.tidy, entry)
        if not self._update(entry):
            return
        told = msgspec.structs.replace(entry, told=True)
        self.on_ready(told)
        await self._aftercare.tell(told)
        if told.id in self._entries:
            await self._keep(told)
            self._update(told)
        await self._drop_expired()

    def _update(self, entry: Entry) -> bool:
        """Know more of a recording, unless somebody has deleted it meanwhile; tells which."""
        if entry.id not in self._entries:
            return False
        self._entries[entry.id] = _short(entry)
        return True

    async def _retain(self) -> None:
        """Look every hour for recordings that have become too old."""
        while True:
            await self._drop_expired()
            await asyncio.sleep(RETENTION_S)

    async def _drop_expired(self) -> None:
        stored = [
            Stored(entry.id, (entry.ended or entry.started).timestamp(), entry.size)
            for entry in self._entries.values()
            if entry.state in ("ready", "lost")
        ]
        gone = expired(
            stored,
            self._now().timestamp(),
            max_age_s=self.settings.max_age_days * DAY_S,
            max_bytes=self.settings.max_total_mb * 1_000_000,
        )
        for id in gone:
            with contextlib.suppress(NoSuchRecording):  # somebody else was faster
                await self.delete(id)


def _short(entry: Entry) -> Entry:
    """Leave out what would fill the memory."""
    return msgspec.structs.replace(entry, speech=())
