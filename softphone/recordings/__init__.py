"""Recordings of conferences: made, looked after when they are finished, kept for as long as they should be."""

from softphone.recordings.active import ActiveRecording, Speaker
from softphone.recordings.entry import Entry
from softphone.recordings.files import StoredFile
from softphone.recordings.library import Library

__all__ = ["Entry", "Library", "ActiveRecording", "Speaker", "StoredFile"]
