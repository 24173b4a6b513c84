"""Entrance of one caller, as a value: code, recorded name, admission or refusal.

`Entrance.handle` is told what happened and answers what to do, in order. Codes are known elsewhere: `Check` asks
whether one is right, and `Checked` tells. Steps::

    START ──► CODE ◄──wrong── CHECK ──right──► NAME ──► OVER
                └──#, pause───►┘  └──────────────────────►┘  (let through, or sent away)

A code ends with ``#``, at its full length where that is known, or with a pause; ``*`` begins it anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mixer.rules.effects import Prompt
from mixer.rules.events import Time

__all__ = [
    "RULES",
    "Ask",
    "Begin",
    "Check",
    "Checked",
    "Code",
    "Effect",
    "Entrance",
    "EntranceSettings",
    "Event",
    "Gone",
    "Digit",
    "NameRecorded",
    "Passed",
    "RecordName",
    "EndNameRecording",
    "EntranceStep",
    "TurnedAway",
    "CodeVerdict",
]

# No code is longer: what goes on for so long is somebody leaning on the keys.
MAX_CODE = 32


@dataclass(frozen=True, repr=False)
class Code:
    """What a caller typed; it does not show in logs, because nothing shows it but its own attribute."""

    digits: str

    def __repr__(self) -> str:
        return "Code(…)"


class CodeVerdict(Enum):
    """What a code is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    CLOSED = "closed"
    "So many wrong codes were tried that none is taken."


class EntranceStep(Enum):
    """Where the caller is."""

    START = "start"
    CODE = "code"
    CHECK = "check"
    NAME = "name"
    OVER = "over"


@dataclass(frozen=True)
class EntranceSettings:
    """What is asked of a caller.

    Parameters
    ----------
    ask_code
        Whether a code is needed.
    ask_name
        Whether the name is asked after a right code; also told by `Checked`, for the code may decide the room.
    prompt
        How the code is asked for: ``conf-getpin`` for a room's, ``conf-getconfno`` on a bridge number.
    tries
        Wrong or missing codes before the goodbye.
    length
        Digits of a code, where all have as many; 0: ``#`` or a pause ends it.
    first_key_s
        How long the first key may take, from the beginning of the prompt.
    pause_s
        The pause that ends a code.
    name_s
        How long a name may be.
    name_timeout_s
        How long asking and recording may take in all; then the caller goes on without a name.
    """

    ask_code: bool = True
    ask_name: bool = False
    prompt: str = "conf-getpin"
    tries: int = 3
    length: int = 0
    first_key_s: float = 20.0
    pause_s: float = 5.0
    name_s: float = 5.0
    name_timeout_s: float = 30.0


# Events.


@dataclass(frozen=True)
class Begin:
    """The call is answered."""


@dataclass(frozen=True)
class Digit:
    """A key was pressed, one of ``0-9 * # A-D``."""

    digit: str


@dataclass(frozen=True)
class Checked:
    """The answer to `Check`."""

    verdict: CodeVerdict
    ask_name: bool = False


@dataclass(frozen=True)
class NameRecorded:
    """The answer to `RecordName`: the `Sound` id of the name; empty when there is none."""

    name: str


@dataclass(frozen=True)
class Gone:
    """The call is over."""


Event = Begin | Digit | Checked | NameRecorded | Gone | Time

# Effects.


@dataclass(frozen=True)
class Ask:
    """Say this; a key interrupts it."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True)
class Check:
    """Find out what a code is worth, and tell by `Checked`."""

    code: Code


@dataclass(frozen=True)
class RecordName:
    """Say this, then record what the caller says, for no longer than `max_s`, and tell by `NameRecorded`."""

    prompts: tuple[Prompt, ...]
    max_s: float


@dataclass(frozen=True)
class EndNameRecording:
    """The name is complete: end what `RecordName` began, and tell."""


@dataclass(frozen=True)
class Passed:
    """The caller may come in, under the name of this `Sound` id; empty: it has none."""

    name: str = ""


@dataclass(frozen=True)
class TurnedAway:
    """Say this and hang up: there were too many wrong ``codes``, or the room is ``closed`` to any.

    Parameters
    ----------
    reason
        One of the two.
    say
        What is said.
    """

    reason: str
    say: tuple[Prompt, ...]


Effect = Ask | Check | RecordName | EndNameRecording | Passed | TurnedAway


class Entrance:
    """One caller's way in.

    Parameters
    ----------
    settings
        What is asked.
    """

    def __init__(self, settings: EntranceSettings) -> None:
        self.settings = settings
        self.step = EntranceStep.START
        self.deadline: float | None = None
        "When a `Time` event is due; None while nothing waits for time."
        self._digits = ""
        self._tries = 0

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Say what follows from an event.

        Parameters
        ----------
        event
            What happened.
        now
            When, in seconds of any one clock.
        """
        return RULES[self.step][type(event)](self, event, now)

    def _begin(self, event: Begin, now: float) -> list[Effect]:
        if self.settings.ask_code:
            return self._ask(now)
        return self._after_code(self.settings.ask_name, now)

    def _ask(self, now: float, *before: Prompt) -> list[Effect]:
        self.step, self._digits = EntranceStep.CODE, ""
        self.deadline = now + self.settings.first_key_s
        return [Ask((*before, self.settings.prompt))]

    def _code_key(self, event: Digit, now: float) -> list[Effect]:
        late = self._code_time(Time(), now)
        if late:
            return late
        if event.digit == "#":
            return self._complete(now)
        if event.digit == "*":
            self._digits = ""
        elif event.digit.isdecimal():
            self._digits += event.digit
        self.deadline = now + (self.settings.pause_s if self._digits else self.settings.first_key_s)
        return self._complete(now) if len(self._digits) == (self.settings.length or MAX_CODE) else []

    def _code_time(self, event: Time, now: float) -> list[Effect]:
        return self._complete(now) if self.deadline is not None and now >= self.deadline else []

    def _complete(self, now: float) -> list[Effect]:
        """Take the code as it is; none at all is a wrong one."""
        if not self._digits:
            return self._wrong(now)
        self.step, self.deadline = EntranceStep.CHECK, None
        code, self._digits = Code(self._digits), ""
        return [Check(code)]

    def _checked(self, event: Checked, now: float) -> list[Effect]:
        if event.verdict is CodeVerdict.RIGHT:
            return self._after_code(event.ask_name or self.settings.ask_name, now)
        if event.verdict is CodeVerdict.CLOSED:
            return self._turn_away("closed", "conf-toomanycodes")
        return self._wrong(now)

    def _wrong(self, now: float) -> list[Effect]:
        self._tries += 1
        if self._tries >= self.settings.tries:
            return self._turn_away("codes", "conf-invalidpin")
        return self._ask(now, "conf-invalidpin")

    def _turn_away(self, reason: str, prompt: str) -> list[Effect]:
        self.step, self.deadline = EntranceStep.OVER, None
        return [TurnedAway(reason, (prompt, "vm-goodbye"))]

    def _after_code(self, ask_name: bool, now: float) -> list[Effect]:
        if not ask_name:
            return self._pass("")
        self.step, self.deadline = EntranceStep.NAME, now + self.settings.name_timeout_s
        return [RecordName(("vm-rec-name", "beep"), self.settings.name_s)]

    def _name_key(self, event: Digit, now: float) -> list[Effect]:
        return [EndNameRecording()] if event.digit == "#" else []

    def _named(self, event: NameRecorded, now: float) -> list[Effect]:
        return self._pass(event.name)

    def _name_time(self, event: Time, now: float) -> list[Effect]:
        late = self.deadline is not None and now >= self.deadline
        return [EndNameRecording(), *self._pass("")] if late else []

    def _pass(self, name: str) -> list[Effect]:
        self.step, self.deadline = EntranceStep.OVER, None
        return [Passed(name)]

    def _gone(self, event: Gone, now: float) -> list[Effect]:
        self.step, self.deadline, self._digits = EntranceStep.OVER, None, ""
        return []

    def _nothing(self, event: Event, now: float) -> list[Effect]:
        return []


Rule = Callable[[Entrance, Any, float], list[Effect]]
_NOTHING: Mapping[type[Event], Rule] = {
    Begin: Entrance._nothing,
    Digit: Entrance._nothing,
    Checked: Entrance._nothing,
    NameRecorded: Entrance._nothing,
    Gone: Entrance._gone,
    Time: Entrance._nothing,
}
# Every event at every step.
RULES: Mapping[EntranceStep, Mapping[type[Event], Rule]] = {
    EntranceStep.START: {**_NOTHING, Begin: Entrance._begin},
    EntranceStep.CODE: {**_NOTHING, Digit: Entrance._code_key, Time: Entrance._code_time},
    EntranceStep.CHECK: {**_NOTHING, Checked: Entrance._checked},
    EntranceStep.NAME: {
        **_NOTHING,
        Digit: Entrance._name_key,
        NameRecorded: Entrance._named,
        Time: Entrance._name_time,
    },
    EntranceStep.OVER: _NOTHING,
}
