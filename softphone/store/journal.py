"""The journal: every event goes to a file in the data folder before it goes to the database.

The file is the queue. What happens is appended in one write (microseconds, into the page cache: it survives the death
of the process, not of the machine), and read back from the front by whoever writes to the database; memory holds one
batch. When everything is written, the file begins anew. A line torn by a crash is cut off at the next start.

The first line holds the node, which names this journal in the database, and the sequence number that comes next.
"""

import fcntl
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from softphone.store.events import Event, JournalEntry

__all__ = ["Journal", "JournalFull"]

log = structlog.get_logger()

# A party that joins, mutes itself twice and leaves takes about a kilobyte: 64 MiB are sixty thousand parties, a long
# day without a database, and a file that no disk is hurt by.
MAX_BYTES = 64 * 2**20

# A file that was written to the database is begun anew above this: small enough to be read again at every start.
FRESH_BYTES = 2**20

# Read at once: some eighty lines. One transaction holds them, and signalling waits no longer than that takes.
CHUNK_BYTES = 2**14


class Header(Struct, frozen=True):
    """The first line."""

    node: str
    next: int


class JournalFull(OSError):
    """The journal is as large as it may be."""


class Journal:
    """Events on disk, in the order in which they happened.

    Parameters
    ----------
    path
        The file; made (mode 0600) when missing.
    max_bytes
        The file grows no larger.

    Raises
    ------
    OSError
        The file cannot be made, read or written, or another process uses it.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(path.with_suffix(".lock"))
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self) -> None:
        path = self._path
        self.last_sign: datetime | None = None
        "When somebody last wrote here or touched the file before us; None: nobody did."
        if not path.exists():
            self._begin(Header(uuid.uuid4().hex, 1))
        else:
            self.last_sign = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self._file = os.open(path, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._cut_torn_line()
        header, self._read = self._header()
        self.node = header.node
        self._next = header.next
        self._pending_read = self._read
        self._find_next()

    def _begin(self, header: Header) -> None:
        """Put a journal with nothing but `header` in place of what is there."""
        fresh = self._path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, msgspec.json.encode(header) + b"\n")
        finally:
            os.close(handle)
        fresh.replace(self._path)

    def _cut_torn_line(self) -> None:
        end = self._size
        while end:
            start = max(0, end - CHUNK_BYTES)
            newline = os.pread(self._file, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < self._size:
            os.ftruncate(self._file, end)
            self._size = end

    def _header(self) -> tuple[Header, int]:
        """Read the first line, and where it ends; a file without one is put aside."""
        line, newline, _ = os.pread(self._file, CHUNK_BYTES, 0).partition(b"\n")
        try:
            return msgspec.json.decode(line, type=Header), len(line) + len(newline)
        except msgspec.DecodeError:
            aside = self._path.with_suffix(".broken")
            log.error("history_journal_broken", kept_as=str(aside))
            os.close(self._file)
            self._path.replace(aside)
            self._begin(Header(uuid.uuid4().hex, 1))
            self._file = os.open(self._path, os.O_RDWR)
            self._size = os.fstat(self._file).st_size
            return self._header()

    def _find_next(self) -> None:
        """Go on counting after the last line that is there, and see when it was written."""
        first = self._read
        while entries := self.read():
            self._next = max(self._next, entries[-1].sequence + 1)
            # The kernel's stamps of files are some milliseconds behind our clock.
            self.last_sign = max(self.last_sign or entries[-1].event.at, entries[-1].event.at)
            self._read = self._pending_read
        self._read = self._pending_read = first

    def number_from(self, sequence: int) -> None:
        """Use no sequence number below `sequence`: the database has seen them."""
        self._next = max(self._next, sequence)

    @property
    def pending_bytes(self) -> int:
        """How much was not confirmed."""
        return self._size - self._read

    def entry(self, event: Event) -> JournalEntry:
        """Give an event its number."""
        number, self._next = self._next, self._next + 1
        return JournalEntry(number, event)

    def append(self, entry: JournalEntry) -> None:
        """Write an event behind all others.

        Raises
        ------
        JournalFull
        OSError
            The disk is full or failing; the file is as it was.
        """
        line = msgspec.json.encode(entry) + b"\n"
        if self._size + len(line) > self._max_bytes:
            raise JournalFull(f"{self._path} is full")
        try:
            written = os.pwrite(self._file, line, self._size)
            if written < len(line):
                raise OSError(f"{self._path}: only a part of a line could be written")
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def read(self) -> list[JournalEntry]:
        """Read the first events that are not confirmed, some hundred at a time; a line that makes no sense is skipped.

        Raises
        ------
        OSError
        """
        while lines := self._lines():
            self._pending_read = self._read + len(lines)
            if entries := [entry for line in lines.splitlines() if (entry := _decode(line)) is not None]:
                return entries
            self._read = self._pending_read
        return []

    def _lines(self) -> bytes:
        """Read whole lines, at least one if there is one."""
        data, length = b"", CHUNK_BYTES
        while self._read + len(data) < self._size and b"\n" not in data:
            data = os.pread(self._file, length, self._read)
            length *= 2
        return data[: data.rfind(b"\n") + 1]

    def confirm(self) -> None:
        """Take what was last read as done; a long file that is wholly done begins anew.

        Raises
        ------
        OSError
            It cannot begin anew; what was confirmed stays so.
        """
        self._read = self._pending_read
        if self._read == self._size and self._size > FRESH_BYTES:
            self._renew()

    def _renew(self) -> None:
        self._begin(Header(self.node, self._next))
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._read = self._pending_read = self._size

    def touch(self) -> None:
        """Leave a sign of life: after a crash it says until when we were there."""
        os.utime(self._file)

    def close(self) -> None:
        """Close the file; when everything was confirmed it is left empty."""
        try:
            if self._read == self._size:
                self._renew()
        finally:
            os.close(self._file)
            os.close(self._lock)


def _locked(path: Path) -> int:
    """Lock a file until it is closed or we die; the journal itself is replaced now and then."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise OSError(f"{path.parent}: another server uses this data folder") from None
    return handle


def _decode(line: bytes) -> JournalEntry | None:
    try:
        return msgspec.json.decode(line, type=JournalEntry)
    except msgspec.DecodeError:
        log.error("history_journal_line_skipped", bytes=len(line))
        return None
