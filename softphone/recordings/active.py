"""A recording that is being made: who is there, who talks, when it was paused; and the media worker told."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from softphone.errors import MediaError
from softphone.media.contract.leg import RecordingEnded, RecordingInfo
from softphone.media.contract.messages import PauseRecording, Record, StopRecording, Track
from softphone.media.workers.client import Media
from softphone.recordings.entry import Entry, PartySpan, Span, Speech
from softphone.recordings.spans import PartySpans
from softphone.text import without_paths

__all__ = ["ActiveRecording", "Speaker", "track_name"]

S = TypeVar("S", PartySpan, Speech, Span)

# Ids of parties that can be names of files as they are.
PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,58}")


@dataclass(frozen=True, slots=True)
class Speaker:
    """A party that is recorded: its id, its leg, and how it is called."""

    party: str
    leg: int
    number: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Keeper:
    """What a running recording needs of the library."""

    start: Callable[[Awaitable[Any]], None]
    "Run something beside everything else."
    changed: Callable[[str], None]
    "Have the entry saved soon."
    finish: Callable[["ActiveRecording", str], Awaitable[Entry]]
    "Take the recording over; why it ended."


def track_name(party: str, known: int) -> str:
    """Name the track of a party; `known` are those that have one."""
    return party if PLAIN.fullmatch(party) and party != "mix" else f"party-{known + 1}"


class ActiveRecording:
    """One recording; made by `Library.start`.

    Attributes
    ----------
    number
        What the media workers call it.
    """

    def __init__(
        self,
        entry: Entry,
        folder: Path,
        media: Media,
        keeper: Keeper,
        *,
        tracks: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entry = entry
        self._parties, self._speech = PartySpans[PartySpan](), PartySpans[Speech]()
        self._given = dict(entry.tracks)
        self.number = 0
        self._folder, self._media, self._keeper, self._clock = folder, media, keeper, clock
        self._tracks = tracks
        self._began = clock()
        self._finished = False

    @property
    def entry(self) -> Entry:
        """What is known so far."""
        if self._finished:
            return self._entry
        return msgspec.structs.replace(
            self._entry, parties=self._parties.all, speech=self._speech.all, tracks=dict(self._given)
        )

    @property
    def id(self) -> str:
        """Of the recording, in the library, the history and the API."""
        return self._entry.id

    @property
    def path(self) -> Path:
        """The WAV file of the mix."""
        return self._folder / "mix.wav"

    @property
    def seconds(self) -> float:
        """How long it has been going on, pauses included."""
        return self._clock() - self._began

    @property
    def active(self) -> bool:
        """Whether it is being made, paused or not."""
        return not self._finished

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._entry.state == "paused"

    async def begin(self, room: int, speakers: Sequence[Speaker]) -> None:
        """Tell the worker to record a room and those who are in it; raises MediaError."""
        names = {speaker.leg: self._give_track(speaker.party) for speaker in speakers} if self._tracks else {}
        self._began = self._clock()
        self.number = (await self._media.ask(Record(room, str(self.path), names))).value
        for speaker in speakers:
            self._came(speaker)

    def joined(self, speaker: Speaker) -> None:
        """Take notice that somebody came in, and give the party a track."""
        if self._finished:
            return
        self._came(speaker)
        if self._tracks:
            self._keeper.start(self._media.ask(Track(self.number, speaker.leg, self._give_track(speaker.party))))

    def left(self, party: str) -> None:
        """Take notice that somebody left."""
        if not self._finished:
            self._parties.end(party, self._now())
            self._speech.end(party, self._now())
            self._change()

    def talking(self, party: str, on: bool) -> None:
        """Take notice that somebody began or ceased to talk."""
        if self._finished or on is self._speech.goes_on(party):
            return
        if on:
            self._speech.begin(Speech(party, self._now()))
        else:
            self._speech.end(party, self._now())
        self._change()

    async def pause(self) -> None:
        """Leave silence from now on; again it does nothing. Raises MediaError."""
        if self.active and not self.paused:
            await self._media.ask(PauseRecording(self.number, True))
            self._change(state="paused", pauses=(*self._entry.pauses, Span(self._now())))

    async def resume(self) -> None:
        """Go on; again it does nothing. Raises MediaError."""
        if self.active and self.paused:
            await self._media.ask(PauseRecording(self.number, False))
            self._change(state="recording", pauses=self._closed(self._entry.pauses))

    async def stop(self) -> Entry:
        """End it; its WAV files are complete when this returns, what is made of them comes later.

        Raises
        ------
        MediaError
            It has been ended already.
        """
        try:
            info = await self._media.ask(StopRecording(self.number))
        except MediaError:
            if self._finished:
                raise
            return await self.lost()
        return await self.ended(info)

    async def ended(self, event: RecordingEnded | RecordingInfo) -> Entry:
        """Take notice that the worker has ended it, and why."""
        return await self._finish(without_paths(event.reason))

    async def lost(self) -> Entry:
        """Take notice that the worker is no more: what is in the files is what there is."""
        return await self._finish("worker lost")

    async def _finish(self, reason: str) -> Entry:
        if not self._finished:
            self._entry = self.entry
            self._finished = True
            self._entry = await self._keeper.finish(self, reason)
        return self._entry

    def _came(self, speaker: Speaker) -> None:
        self._parties.begin(PartySpan(speaker.party, speaker.number, speaker.name, self._now()))
        self._change()

    def _give_track(self, party: str) -> str:
        """Name the track of a party: the same when it comes again."""
        before = self._given.get(party)
        name = before.removesuffix(".wav") if before else track_name(party, len(self._given))
        self._given[party] = f"{name}.wav"
        self._change()
        return name

    def _now(self) -> float:
        return round(self.seconds, 3)

    def _closed(self, spans: tuple[S, ...]) -> tuple[S, ...]:
        return _close(spans, self._now())

    def _change(self, **changes: object) -> None:
        self._entry = msgspec.structs.replace(self._entry, **changes)
        self._keeper.changed(self.id)


def clip_spans(entry: Entry, end_s: float) -> Entry:
    """End everything at the end of the sound at the latest, which a disk or a worker may have brought early."""
    return msgspec.structs.replace(
        entry,
        parties=_clip(entry.parties, end_s),
        speech=_clip(entry.speech, end_s),
        pauses=_clip(entry.pauses, end_s),
    )


def _clip(spans: tuple[S, ...], end_s: float) -> tuple[S, ...]:
    return tuple(
        msgspec.structs.replace(
            span,
            start_s=min(span.start_s, end_s),
            end_s=end_s if span.end_s is None else min(span.end_s, end_s),
        )
        for span in spans
    )


def _close(spans: tuple[S, ...], end_s: float) -> tuple[S, ...]:
    return tuple(
        msgspec.structs.replace(span, end_s=max(end_s, span.start_s)) if span.end_s is None else span for span in spans
    )
