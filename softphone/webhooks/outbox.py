"""Undelivered webhooks in a file: a queue that survives the process.

Each line says that a delivery is to be made, or that one is done with. Who opens the file gets what is left, in order.
"""

import os
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

__all__ = ["Outbox", "Parcel"]

log = structlog.get_logger()

# The file is begun anew when it is longer than this and mostly of what is done with.
FRESH_BYTES = 2**20


class Parcel(Struct, frozen=True, tag="send"):
    """One delivery; `id` names it, `body` is JSON, `anywhere` as of :class:`softphone.webhooks.reach.Target`."""

    id: str
    url: str
    secret: str
    event: str
    body: str
    anywhere: bool = False

    def __repr__(self) -> str:
        """Name it, without the secret."""
        return f"Parcel({self.id!r}, {self.event!r})"


class Delivered(Struct, frozen=True, tag="done"):
    """A delivery was made, or given up."""

    id: str


Line = Parcel | Delivered


class Outbox:
    """The file; writing it takes microseconds (the page cache), and nobody waits for a disk.

    A disk that refuses is logged once: until it takes something again, what is queued lives in memory only.

    Parameters
    ----------
    path
        Where; made (mode 0600) when missing. None: in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._waiting: dict[str, Parcel] = {}
        self._size = self._needed = 0
        self._refused = False

    @property
    def waiting(self) -> tuple[Parcel, ...]:
        """What is to be sent, the oldest first."""
        return tuple(self._waiting.values())

    def holds(self, id: str) -> bool:
        """Whether a delivery is still to be made."""
        return id in self._waiting

    def open(self) -> None:
        """Read what an earlier process has left; raises OSError when the file can neither be read nor made."""
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            for text in self._path.read_bytes().splitlines():
                self._take(text)
        self._begin_anew(self._path)

    def add(self, parcel: Parcel) -> None:
        """Note what is to be sent."""
        self._put(parcel)
        self._append(parcel)

    def done(self, id: str) -> None:
        """Note that a delivery needs no more attempt."""
        if self._drop(id):
            self._append(Delivered(id))

    def _put(self, parcel: Parcel) -> None:
        self._drop(parcel.id)
        self._waiting[parcel.id] = parcel
        self._needed += len(parcel.body)

    def _drop(self, id: str) -> bool:
        parcel = self._waiting.pop(id, None)
        self._needed -= len(parcel.body) if parcel else 0
        return parcel is not None

    def _take(self, text: bytes) -> None:
        """Read a line; one that was torn by a crash says nothing."""
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError:
            log.warning("outbox_line_skipped", bytes=len(text))
            return
        if isinstance(line, Parcel):
            self._put(line)
        else:
            self._drop(line.id)

    def _append(self, line: Line) -> None:
        if self._path is None:
            return
        try:
            if self._refused or self._size > max(FRESH_BYTES, 4 * self._needed):
                self._begin_anew(self._path)
            else:
                self._write(self._path, msgspec.json.encode(line) + b"\n", os.O_APPEND)
            self._refused = False
        except OSError as error:
            if not self._refused:
                log.error("outbox_not_written", path=str(self._path), error=str(error))
            self._refused = True

    def _begin_anew(self, path: Path) -> None:
        """Put a file with nothing but what waits in place of what is there."""
        fresh = path.with_suffix(".new")
        self._size = 0
        self._write(fresh, b"".join(msgspec.json.encode(each) + b"\n" for each in self._waiting.values()), os.O_TRUNC)
        fresh.replace(path)

    def _write(self, path: Path, data: bytes, how: int) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
        try:
            if os.write(handle, data) < len(data):
                raise OSError(f"{path}: only a part could be written")
        finally:
            os.close(handle)
        self._size += len(data)
