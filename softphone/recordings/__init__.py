"""Recordings of conferences: recorder, conversion, hook, and retention."""

from softphone.recordings.active import ActiveRecording, Speaker
from softphone.recordings.entry import Entry
from softphone.recordings.files import StoredFile
from softphone.recordings.library import Library

__all__ = ["Entry", "Library", "ActiveRecording", "Speaker", "StoredFile"]
