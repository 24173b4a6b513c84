"""The queue of prompts of one conference, as a value `(event, now) -> effects`.

Each party has a line of its own, and so has the room. Within a line, one thing is said after the other. The lines do
not wait for each other: who presses a key is answered at once, also while the room hears something.

Three rules keep people from being talked to all day:

* Notices (somebody came, somebody left) begin at most every `NOTICE_EVERY_S` seconds, and only when the room has heard
  everything else. What comes meanwhile is said as one: equal notices once; different ones that end in ``conf-hasjoin``
  or ``conf-hasleft`` as a count, "five people have joined"; others one after the other, each once.
* At most `MOST_WAITING` prompts wait in a line. Then the oldest that nothing depends on is left out.
* A prompt that asks for keys is cut off by the first key, together with those like it that wait behind it.

The end of a playback is told by an event. Should that never come, the line goes on by itself, a little later than the
files should have ended.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from mixer.rules.effects import Prompt
from mixer.rules.events import Time

__all__ = [
    "Close",
    "BargeIn",
    "PartyGone",
    "StartPlayback",
    "PlaybackOver",
    "PromptEffect",
    "PromptEvent",
    "PromptQueue",
    "Said",
    "Speak",
    "Spoken",
    "Stop",
]

# Long enough for "two hundred people have joined", short enough that a single newcomer is told in time.
NOTICE_EVERY_S = 2.0

# Somebody who presses keys faster than we speak wants to hear what came of the last ones.
MOST_WAITING = 4

# The worker begins to play a tick or two after it is told to, and its event has to travel.
LATE_S = 0.5

# What is said of many, after their number, instead of a notice for each.
COUNTED = {"conf-hasjoin": "conf-people-joined", "conf-hasleft": "conf-people-left"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """Prompts made ready to be played, one file after the other."""

    paths: tuple[Path, ...]
    seconds: float
    "Of all together."


@dataclass(frozen=True, slots=True)
class Speak:
    """Something is to be said.

    Parameters
    ----------
    to
        A party; None: everybody in the room.
    prompts
        Played without a pause, one after the other.
    notice
        Of somebody who came or left. To the room, it may be merged with others; to a party, it is said as anything is.
    recorded
        Whether it may be in the recording.
    barge_in
        Whether a key of the party cuts it off.
    must
        Whether it is said however many are waiting.
    tag
        When something waits for its end (a hang-up, a recording), a word for it: `Said` returns it. Implies `must`.
    tags
        Of the notices that were merged into this.
    """

    to: str | None
    prompts: tuple[Prompt, ...]
    notice: bool = False
    recorded: bool = False
    barge_in: bool = False
    must: bool = False
    tag: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A party pressed a key."""

    party: str


@dataclass(frozen=True, slots=True)
class PartyGone:
    """A party is no more; nothing is said to it, and no `Said` comes."""

    party: str


@dataclass(frozen=True, slots=True)
class PlaybackOver:
    """What `StartPlayback` began is over, whatever the reason. After a `Stop` it has no effect."""

    playback: int


@dataclass(frozen=True, slots=True)
class Close:
    """The conference is over: all are silent, and what waits is forgotten. Goodbyes may follow."""


PromptEvent = Speak | BargeIn | PartyGone | PlaybackOver | Close | Time


@dataclass(frozen=True, slots=True)
class StartPlayback:
    """Begin to play `spoken` to a party, or (None) to the room, and tell its end by `PlaybackOver(playback)`."""

    playback: int
    to: str | None
    spoken: Spoken
    recorded: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what `StartPlayback` began."""

    playback: int


@dataclass(frozen=True, slots=True)
class Said:
    """A `Speak` with a tag is over; `whole` unless a key cut it off or it never began."""

    tag: str
    to: str | None
    whole: bool


PromptEffect = StartPlayback | Stop | Said


@dataclass(slots=True)
class _Playing:
    playback: int
    speak: Speak


@dataclass(slots=True)
class _Line:
    waiting: deque[Speak] = field(default_factory=deque)
    playing: _Playing | None = None


class PromptQueue:
    """The prompts of one conference, or of one caller at the entrance.

    Parameters
    ----------
    resolve
        Finds the files of prompts and how long they are (`softphone.focus.voice.prompts.SoundLibrary.resolve`).
    """

    def __init__(self, resolve: Callable[[Sequence[Prompt]], Spoken]) -> None:
        self._resolve = resolve
        self._lines: dict[str | None, _Line] = {}
        self._notices: list[Speak] = []
        self._next_notice = float("-inf")
        self._playbacks = 0
        self._playing: dict[int, str | None] = {}
        self._ends: list[tuple[float, int]] = []

    @property
    def deadline(self) -> float | None:
        """When a `Time` event is due; None while nothing waits for time."""
        # What was over before its time is still in the heap, until its turn comes.
        while self._ends and self._ends[0][1] not in self._playing:
            heappop(self._ends)
        waits = [ends for ends, _ in self._ends[:1]]
        if self._notices and None not in self._lines:
            waits.append(self._next_notice)
        return min(waits, default=None)

    def handle(self, event: PromptEvent, now: float) -> list[PromptEffect]:
        """Say what follows from an event; what was due before `now` comes first.

        Parameters
        ----------
        event
            What happened.
        now
            When, in seconds of any one clock.

        Returns
        -------
        list[PromptEffect]
            To be carried out in this order.

        Raises
        ------
        ValueError
            A number that is to be spoken is negative.
        """
        effects = self._expire(now)
        effects += EVENTS[type(event)](self, event, now)
        return effects + self._give_notice(now)

    def _expire(self, now: float) -> list[PromptEffect]:
        effects: list[PromptEffect] = []
        while self._ends and self._ends[0][0] <= now:
            effects += self._over(heappop(self._ends)[1], now)
        return effects + self._give_notice(now)

    # Events.

    def _speak(self, event: Speak, now: float) -> list[PromptEffect]:
        if event.notice and event.to is None:
            self._notices.append(event)
            return []
        line = self._lines.setdefault(event.to, _Line())
        line.waiting.append(event)
        if line.playing is not None:
            _thin_out(line)
        return self._go_on(event.to, line, now)

    def _key(self, event: BargeIn, now: float) -> list[PromptEffect]:
        line = self._lines.get(event.party)
        if line is None or line.playing is None or not line.playing.speak.barge_in:
            return []
        cut = [line.playing.speak, *(speak for speak in line.waiting if speak.barge_in)]
        line.waiting = deque(speak for speak in line.waiting if not speak.barge_in)
        stop: list[PromptEffect] = [Stop(line.playing.playback)]
        self._fall_silent(line)
        return stop + _said(cut, whole=False) + self._go_on(event.party, line, now)

    def _party_gone(self, event: PartyGone, now: float) -> list[PromptEffect]:
        line = self._lines.pop(event.party, None)
        return self._silence(line) if line is not None else []

    def _ended(self, event: PlaybackOver, now: float) -> list[PromptEffect]:
        return self._over(event.playback, now)

    def _close(self, event: Close, now: float) -> list[PromptEffect]:
        stops = [stop for line in self._lines.values() for stop in self._silence(line)]
        self._lines.clear()
        self._notices.clear()
        return stops

    def _time(self, event: Time, now: float) -> list[PromptEffect]:
        return []

    # Lines.

    def _over(self, playback: int, now: float) -> list[PromptEffect]:
        """Go on after a playback, if it is still being played."""
        if playback not in self._playing:
            return []
        to = self._playing[playback]
        line = self._lines[to]
        over = [line.playing.speak] if line.playing else []
        self._fall_silent(line)
        return _said(over, whole=True) + self._go_on(to, line, now)

    def _silence(self, line: _Line) -> list[PromptEffect]:
        """Stop what is being said in a line."""
        stops: list[PromptEffect] = [Stop(line.playing.playback)] if line.playing else []
        self._fall_silent(line)
        return stops

    def _fall_silent(self, line: _Line) -> None:
        if line.playing is not None:
            del self._playing[line.playing.playback]
            line.playing = None

    def _go_on(self, to: str | None, line: _Line, now: float) -> list[PromptEffect]:
        """Begin what is next, unless something is being said; a line with nothing left is given up."""
        effects: list[PromptEffect] = []
        while line.playing is None and line.waiting:
            effects += self._begin(line, line.waiting.popleft(), now)
        if line.playing is None:
            self._lines.pop(to, None)
        return effects

    def _begin(self, line: _Line, speak: Speak, now: float) -> list[PromptEffect]:
        spoken = self._resolve(speak.prompts)
        if not spoken.paths:
            return _said([speak], whole=True)
        self._playbacks += 1
        line.playing = _Playing(self._playbacks, speak)
        self._playing[self._playbacks] = speak.to
        heappush(self._ends, (now + spoken.seconds + LATE_S, self._playbacks))
        return [StartPlayback(self._playbacks, speak.to, spoken, speak.recorded)]

    def _give_notice(self, now: float) -> list[PromptEffect]:
        """Tell the room who came and left, when it is quiet and was not told just now."""
        if not self._notices or None in self._lines or now < self._next_notice:
            return []
        recorded = all(notice.recorded for notice in self._notices)
        prompts = _merged([notice.prompts for notice in self._notices])
        tags = tuple(notice.tag for notice in self._notices)
        self._notices.clear()
        self._next_notice = now + NOTICE_EVERY_S
        line = self._lines[None] = _Line(deque([Speak(None, prompts, recorded=recorded, tags=tags)]))
        return self._go_on(None, line, now)


EVENTS: Mapping[type[PromptEvent], Callable[[PromptQueue, Any, float], list[PromptEffect]]] = {
    Speak: PromptQueue._speak,
    BargeIn: PromptQueue._key,
    PartyGone: PromptQueue._party_gone,
    PlaybackOver: PromptQueue._ended,
    Close: PromptQueue._close,
    Time: PromptQueue._time,
}


def _thin_out(line: _Line) -> None:
    """Leave out the oldest that nothing depends on, as long as more wait than may."""
    for speak in list(line.waiting):
        if len(line.waiting) > MOST_WAITING and not (speak.must or speak.tag):
            line.waiting.remove(speak)


def _said(over: Sequence[Speak], *, whole: bool) -> list[PromptEffect]:
    return [Said(tag, speak.to, whole) for speak in over for tag in (speak.tag, *speak.tags) if tag]


def _merged(notices: Sequence[tuple[Prompt, ...]]) -> tuple[Prompt, ...]:
    """Many notices as one: a notice that is alone of its kind stays what it was."""
    kinds: dict[Prompt | tuple[Prompt, ...], list[tuple[Prompt, ...]]] = {}
    for prompts in notices:
        counted = bool(prompts) and prompts[-1] in COUNTED
        kinds.setdefault(prompts[-1] if counted else prompts, []).append(prompts)
    return tuple(prompt for kind, same in kinds.items() for prompt in _as_one(kind, same))


def _as_one(kind: Prompt | tuple[Prompt, ...], same: Sequence[tuple[Prompt, ...]]) -> tuple[Prompt, ...]:
    if len(same) == 1 or not isinstance(kind, str):
        return same[0]
    return (len(same), COUNTED[kind])
