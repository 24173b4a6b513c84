"""Frozen values that the store takes and returns; database rows never leave it. All times are UTC.

Secrets (PINs, codes, digests, keys of webhooks) are left out of every ``repr``, so that no log shows them by accident.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from softphone.store.properties import ConferenceProperties

__all__ = [
    "Account",
    "CallRecord",
    "Codes",
    "ConferenceRecord",
    "ConferenceKind",
    "Credential",
    "Extension",
    "ExtensionKind",
    "InvitationRecord",
    "MuteInterval",
    "Page",
    "Participation",
    "PropertiesChanged",
    "RecordingRecord",
    "SoundRecord",
    "Webhook",
]

T = TypeVar("T")

ExtensionKind = Literal["user", "conference"]
ConferenceKind = Literal["token", "extension", "bridge"]
CallDirection = Literal["inbound", "outbound"]
RecordingState = Literal["recording", "paused", "ready", "interrupted", "lost", "deleted"]
InvitationState = Literal["made", "sent", "failed"]


@dataclass(frozen=True, slots=True)
class Account:
    """A customer: its extensions share a main number and a bridge."""

    id: str
    main_number: str
    "E.164, or empty."


@dataclass(frozen=True, slots=True)
class Extension:
    """A number of the account."""

    id: str
    number: str
    name: str
    kind: ExtensionKind
    admin: bool = False
    conferencing: bool = True
    join_before_host: bool | None = None
    "Of a user: whether who comes into its room before it does waits no more for it; None: as the server is set."
    created: datetime | None = field(default=None, compare=False)
    "When it was made; of one from before this was kept, when that began. None: it is not in the store yet."


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves that somebody is an extension: HA1 of SIP digest (RFC 7616 section 3.4.2), never the password."""

    extension_id: str
    realm: str
    algorithm: str
    "In lower case: ``md5`` or ``sha-256``, and how the user name is written (`softphone.store.seed.spellings`)."
    ha1: str = field(repr=False)
    "Hex."


@dataclass(frozen=True, slots=True)
class Codes:
    """The numbers that open the personal room of a user behind the account's bridge number."""

    host: str = field(repr=False)
    participant: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SoundRecord:
    """An uploaded sound file."""

    id: int
    name: str
    path: str
    seconds: float
    created: datetime


@dataclass(frozen=True, slots=True)
class ConferenceRecord:
    """A conference from its creation to its end."""

    id: str
    "The telephony session id."
    kind: ConferenceKind
    owner_id: str | None
    extension_id: str | None
    "Of the conference extension, or of the user behind the bridge number, whose room it is."
    created: datetime
    started: datetime | None
    "When the first party came."
    ended: datetime | None
    reason: str | None
    "Why it ended; ``restart`` when the server died under it, with `ended` its last sign of life."
    name: str = ""
    "What people call it: of a room the number; empty: it has none."


@dataclass(frozen=True, slots=True)
class MuteInterval:
    """A stretch in which a microphone was off."""

    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Participation:
    """One party of a conference, from its coming to its going."""

    conference_id: str
    party_id: str
    number: str
    name: str
    extension_id: str | None
    role: str
    joined: datetime
    left: datetime | None
    reason: str | None
    mutes: tuple[MuteInterval, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording of a conference, or of one party of it."""

    id: str
    conference_id: str
    party_id: str | None
    path: str
    state: RecordingState
    started: datetime
    ended: datetime | None
    seconds: float | None
    "Of sound; None while it runs, or when the server died under it."
    reason: str | None
    tracks: tuple[str, ...]
    "Files of single parties, time-aligned with `path`."


@dataclass(frozen=True, slots=True)
class CallQuality:
    """What the sound of a call went through that is over."""

    loss_percent: float
    jitter_ms: float
    rtt_ms: float | None
    "None: its telephone did not report."
    mos: float


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call: of two parties, or one that the server made for a conference."""

    id: str
    session_id: str
    direction: CallDirection
    caller: str
    callee: str
    extension_id: str | None
    started: datetime
    answered: datetime | None
    ended: datetime | None
    reason: str | None
    loss_percent: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    mos: float | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whom to tell about events."""

    id: str
    url: str = field(repr=False)
    "May hold a key of its own."
    secret: str = field(repr=False)
    "Signs what is sent (HMAC); kept as it is, for it is needed as it is."
    events: tuple[str, ...]
    "Event types; empty: all."
    created: datetime


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """Somebody was invited."""

    id: str
    extension_id: str
    "Whose room."
    recipient: str
    channel: str
    "Such as ``mail``."
    state: InvitationState
    error: str
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, the newest first."""

    items: tuple[T, ...]
    next: str | None
    "Give it back as `after` for the next part; None: this was the last."


@dataclass(frozen=True, slots=True)
class PropertiesChanged:
    """The room of an extension is held otherwise from now on."""

    extension_id: str
    properties: ConferenceProperties | None
    "Of a conference extension."
