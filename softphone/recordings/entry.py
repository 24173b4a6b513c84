"""The record of a recording: the JSON beside its files; and the choice of recordings to delete.

All offsets are seconds since the start of the recording, which is where the sound stands in every one of its files: a
pause is silence there, not a cut.
"""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

__all__ = [
    "METADATA",
    "Entry",
    "Format",
    "PartySpan",
    "Span",
    "Speech",
    "State",
    "Stored",
    "decode",
    "encode",
    "expired",
]

# Its file, in the folder of the recording.
METADATA = "recording.json"

State = Literal["recording", "paused", "converting", "ready", "lost"]
Format = Literal["wav", "flac", "opus"]


class Span(Struct, frozen=True):
    """A stretch of time; without an end it goes on."""

    start_s: float
    end_s: float | None = None


class PartySpan(Struct, frozen=True):
    """A party was there."""

    party: str
    number: str
    name: str
    start_s: float
    end_s: float | None = None


class Speech(Struct, frozen=True):
    """A party talked."""

    party: str
    start_s: float
    end_s: float | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A recording.

    Attributes
    ----------
    id
        Of letters, digits and dashes: the name of its folder.
    conference
        Telephony session id.
    mailbox
        Id of the extension that it is a message for, and which alone may have it; empty: it is none.
    state
        "lost": nothing of it can be heard, and `reason` says why.
    started, ended
        UTC.
    seconds
        Of sound, pauses included; 0 while it runs.
    reason
        Why it ended: "stopped", "room removed", "restart" (the server died), "worker lost", or what the disk said.
    mix
        File name of what was said by all; prompts are not in it.
    tracks
        File names of what each party said, as long as the mix; by party id.
    size
        Bytes of all files, once it is ready.
    told
        Whether whoever waits for it was told that it is ready: the command has ended, the webhook is on its way.
    """

    id: str
    conference: str
    mailbox: str = ""
    state: State = "recording"
    started: datetime
    ended: datetime | None = None
    seconds: float = 0.0
    reason: str = ""
    format: Format = "wav"
    mix: str = "mix.wav"
    tracks: dict[str, str] = {}
    parties: tuple[PartySpan, ...] = ()
    speech: tuple[Speech, ...] = ()
    pauses: tuple[Span, ...] = ()
    size: int = 0
    told: bool = True

    @property
    def running(self) -> bool:
        """Whether it is being made."""
        return self.state in ("recording", "paused")

    def is_of(self, extension: str, conferences: Container[str]) -> bool:
        """Whether an extension may have it: a message for it; else one of these conferences, which are its own."""
        return self.mailbox == extension if self.mailbox else self.conference in conferences

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the sound files, the mix first."""
        return (self.mix, *self.tracks.values())


class Stored(Struct, frozen=True):
    """What retention looks at: a finished recording, when it ended (Unix seconds) and how large it is (bytes)."""

    id: str
    ended: float
    size: int


def encode(entry: Entry) -> bytes:
    """Give the JSON of an entry."""
    return msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n"


def decode(text: bytes) -> Entry:
    """Read the JSON of an entry; raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=Entry)


def expired(stored: Iterable[Stored], now: float, *, max_age_s: float, max_bytes: int) -> list[str]:
    """Choose the recordings to delete.

    Parameters
    ----------
    stored
        The finished recordings.
    now
        Unix seconds.
    max_age_s
        How long a recording is kept after its end; 0: for ever.
    max_bytes
        How much all may take together; 0: any amount. The newest stays even when it alone is more.

    Returns
    -------
    list of str
        Ids, the oldest first.
    """
    by_age = sorted(stored, key=lambda each: each.ended)
    total = sum(each.size for each in by_age)
    gone = []
    for index, each in enumerate(by_age):
        too_old = max_age_s > 0 and now - each.ended > max_age_s
        too_much = 0 < max_bytes < total and index < len(by_age) - 1
        if too_old or too_much:
            gone.append(each.id)
            total -= each.size
    return gone
