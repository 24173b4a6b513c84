"""The folder of recordings: one folder for each, its JSON beside its sound. Everything here waits for the disk."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import soundfile
import structlog

from mixer.errors import RecordingError
from mixer.recording import mend
from softphone.errors import NoSuchRecording
from softphone.recordings.active import clip_spans
from softphone.recordings.entry import METADATA, Entry, decode, encode

__all__ = ["RecordingFiles", "StoredFile"]

log = structlog.get_logger()

# As the sound beside it (`mixer.recording`): the group may read, others may not.
FILE_MODE = 0o640
MEDIA_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".opus": "audio/ogg"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file to be downloaded."""

    path: Path
    media_type: str
    filename: str
    "For who saves it."


class RecordingFiles:
    """A folder of recordings.

    Parameters
    ----------
    root
        The folder; made when missing, for our eyes only.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, id: str) -> Path:
        """Give the folder of a recording."""
        return self.root / id

    def make(self, entry: Entry) -> None:
        """Make the folder of a new recording; raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder(entry.id).mkdir(mode=0o700)
        self.save(entry)

    def save(self, entry: Entry) -> None:
        """Write the JSON of a recording, whole or not at all; raises OSError."""
        path = self.folder(entry.id) / METADATA
        part = path.with_suffix(".part")
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as file:
            file.write(encode(entry))
        os.replace(part, path)

    def read(self, id: str) -> Entry:
        """Read the JSON of a recording; raises OSError, msgspec.MsgspecError."""
        return decode((self.folder(id) / METADATA).read_bytes())

    def remove(self, id: str) -> None:
        """Delete a recording with all its files."""
        shutil.rmtree(self.folder(id), ignore_errors=True)

    def load(self) -> list[Entry]:
        """Read all recordings; what is none is left alone, and said."""
        found = []
        for path in sorted(self.root.glob(f"*/{METADATA}")):
            try:
                entry = self.read(path.parent.name)
            except (OSError, msgspec.MsgspecError) as error:
                log.warning("recording_unreadable", path=str(path), error=str(error))
                continue
            if entry.id == path.parent.name:
                found.append(entry)
        return found

    def complete(self, entry: Entry, reason: str) -> Entry:
        """Bring a recording whose writer is done to its end: files of the same length, what is missing left out.

        Raises
        ------
        RecordingError
            There is no mix.
        """
        folder = self.folder(entry.id)
        samples = mend(folder / entry.mix)
        tracks = {}
        for party, name in entry.tracks.items():
            try:
                mend(folder / name, samples)
                tracks[party] = name
            except RecordingError as error:
                if (folder / name).exists():
                    log.warning("track_lost", recording=entry.id, error=str(error))
        seconds = samples / soundfile.info(folder / entry.mix).samplerate
        entry = clip_spans(entry, seconds)
        return msgspec.structs.replace(
            entry,
            state="converting",
            tracks=tracks,
            reason=reason,
            seconds=seconds,
            ended=entry.started + timedelta(seconds=seconds),
        )

    def file(self, entry: Entry, name: str) -> StoredFile:
        """Find a file of a finished recording; raises NoSuchRecording when it has no such file."""
        path = self.folder(entry.id) / name
        if name not in entry.files or not path.is_file():
            raise NoSuchRecording(f"{entry.id}/{name}")
        return StoredFile(path, MEDIA_TYPES[path.suffix], f"{entry.id}-{name}")

    def has_mix(self, entry: Entry) -> bool:
        """Tell whether the mix of a recording is there."""
        return (self.folder(entry.id) / entry.mix).is_file()

    def tidy(self, entry: Entry) -> None:
        """Delete what conversion has left over."""
        for path in self.folder(entry.id).glob("*"):  # of a folder that somebody else has deleted: nothing
            if path.name not in (*entry.files, METADATA):
                with contextlib.suppress(OSError):
                    path.unlink()

    def size(self, entry: Entry) -> int:
        """Give the bytes that a recording takes on the disk: holes are free."""
        paths = [self.folder(entry.id) / name for name in entry.files]
        return sum(path.stat().st_blocks * 512 for path in paths if path.exists())
