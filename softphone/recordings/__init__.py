"""Recordings of conferences: made, looked after when they are finished, kept for as long as they should be."""

from softphone.recordings.entry import Entry
from softphone.recordings.library import Library
from softphone.recordings.running import Running, Speaker
from softphone.recordings.shelf import StoredFile

__all__ = ["Entry", "Library", "Running", "Speaker", "StoredFile"]
