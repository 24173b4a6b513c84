"""Events of conferences and calls, as values that are journalled and later written to the database."""

from datetime import datetime

from msgspec import Struct

from softphone.store.values import CallDirection, ConferenceKind

__all__ = ["JournalEntry", "Event"]


class _Event(Struct, frozen=True, tag=True, kw_only=True):
    at: datetime
    "UTC."


class ConferenceCreated(_Event, frozen=True):
    """A conference waits for its first party."""

    conference_id: str
    kind: ConferenceKind
    owner_id: str | None
    extension_id: str | None
    name: str = ""


class ConferenceEnded(_Event, frozen=True):
    """A conference is over, and with it whatever was still open in it."""

    conference_id: str
    reason: str


class Joined(_Event, frozen=True):
    """A party came."""

    conference_id: str
    party_id: str
    number: str
    name: str
    extension_id: str | None
    role: str
    muted: bool


class Left(_Event, frozen=True):
    """A party went."""

    conference_id: str
    party_id: str
    reason: str


class Muted(_Event, frozen=True):
    """A microphone was turned off."""

    conference_id: str
    party_id: str


class Unmuted(_Event, frozen=True):
    """A microphone was turned on."""

    conference_id: str
    party_id: str


class RecordingStarted(_Event, frozen=True):
    """Sound begins to be written."""

    recording_id: str
    conference_id: str
    party_id: str | None
    path: str


class RecordingPaused(_Event, frozen=True):
    """Nothing is written for a while."""

    recording_id: str


class RecordingResumed(_Event, frozen=True):
    """It goes on."""

    recording_id: str


class RecordingCompleted(_Event, frozen=True, tag="RecordingEnded"):
    """The files are complete."""

    recording_id: str
    seconds: float
    reason: str
    path: str | None
    tracks: tuple[str, ...]


class RecordingLost(_Event, frozen=True):
    """There is nothing to be heard of it."""

    recording_id: str
    reason: str


class RecordingDeleted(_Event, frozen=True):
    """The files are gone."""

    recording_id: str


class CallStarted(_Event, frozen=True):
    """Somebody is being rung."""

    call_id: str
    session_id: str
    direction: CallDirection
    caller: str
    callee: str
    extension_id: str | None


class CallAnswered(_Event, frozen=True):
    """Somebody answered."""

    call_id: str


class CallMeasured(_Event, frozen=True):
    """What the sound of a call that is over went through; None: not known."""

    call_id: str
    loss_percent: float
    jitter_ms: float
    rtt_ms: float | None
    mos: float


class CallOver(_Event, frozen=True, tag="CallEnded"):
    """A call is over."""

    call_id: str
    reason: str


class Restarted(_Event, frozen=True):
    """The process that wrote what came before is gone; `at` is its last sign of life."""


Event = (
    ConferenceCreated
    | ConferenceEnded
    | Joined
    | Left
    | Muted
    | Unmuted
    | RecordingStarted
    | RecordingPaused
    | RecordingResumed
    | RecordingCompleted
    | RecordingLost
    | RecordingDeleted
    | CallStarted
    | CallAnswered
    | CallOver
    | CallMeasured
    | Restarted
)


class JournalEntry(Struct, frozen=True):
    """A line of the journal."""

    sequence: int
    "Counts all events of a journal, without gaps; with the journal's node it names an event for ever."
    event: Event
