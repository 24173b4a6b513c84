"""Parser of RCML documents."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from softphone.errors import SoftphoneError
from softphone.markup import BadMarkup, Bounds, Element, parse
from softphone.text import shown

__all__ = [
    "BadRcml",
    "Continue",
    "DialConference",
    "DialNumber",
    "EndCall",
    "GatherDigits",
    "PlaySound",
    "PlayUrl",
    "RecordMessage",
    "SayText",
    "Spoken",
    "Verb",
    "Wait",
    "read",
]

V = TypeVar("V")

ANY_KEY = "0123456789*#"
KEYS = frozenset(ANY_KEY)

# What stands in <Dial>, and <Dial> itself around a number.
DIALLED = ("Client", "Conference", "Dial", "Number", "Sip")

BOUNDS = Bounds(65_536, elements=100, depth=8)

MAX_PARTICIPANTS = 40
LONGEST_NAME = 200
LONGEST_TEXT = 4000
LONGEST_PAUSE_S = 3600
# Of <Record>.
LONGEST_MESSAGE_S = 3600
LONGEST_URL = 2000
MOST_DIGITS = 255
LONGEST_TIMEOUT_S = 300


class BadRcml(SoftphoneError):
    """It is no RCML, or asks for what cannot be done here; the message says what."""


@dataclass(frozen=True, slots=True)
class DialConference:
    """Go into a conference, and stay."""

    name: str
    "As it is shown (`softphone.text.shown`): one name, however its document writes it."
    starts: bool = True
    "Whether the conference begins with it: it is a moderator."
    ends: bool = False
    "Whether the conference is over when it leaves."
    muted: bool = False
    beep: bool = True
    most: int = MAX_PARTICIPANTS


@dataclass(frozen=True, slots=True)
class DialNumber:
    """Talk with somebody else."""

    number: str
    "Or ``sip:<user>@<host>``."
    timeout_s: int = 30


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Hear a sound of the server's library, or an uploaded one."""

    sound: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class PlayUrl:
    """Hear a sound file that a web server has."""

    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class SayText:
    """Hear a text."""

    text: str
    voice: str = ""
    language: str = ""
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait."""

    seconds: int = 1


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on by another document."""

    url: str
    method: str = "POST"


Spoken = PlaySound | PlayUrl | SayText | Wait
"""What may be heard while keys are gathered."""


@dataclass(frozen=True, slots=True)
class GatherDigits:
    """Gather keys while something is heard, and go on by the document that is told them, or else by the next verb."""

    heard: tuple[Spoken, ...] = ()
    action: str = ""
    "Empty: the document that it stands in."
    method: str = "POST"
    timeout_s: int = 5
    "Of each key, from the one before it, or from the end of what is heard."
    finish: str = "#"
    "The keys that end it, which are not passed on."
    most: int = MOST_DIGITS


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """Record what is said, and go on by the document that is told of it; where nothing is said, by the next verb."""

    action: str = ""
    "Empty: the document that it stands in."
    method: str = "POST"
    timeout_s: int = 5
    "So long without a word end it."
    finish: str = ANY_KEY
    longest_s: int = LONGEST_MESSAGE_S
    beep: bool = True


Verb = DialConference | DialNumber | GatherDigits | RecordMessage | Spoken | EndCall | Continue


def read(document: bytes) -> list[Verb]:
    """Read what is to be done, in order.

    Raises
    ------
    BadRcml
        Nothing of it is to be done.
    """
    try:
        root = parse(document, BOUNDS)
    except BadMarkup as error:
        raise BadRcml(f"{error}") from error
    if root.tag != "Response":
        raise BadRcml(f"it begins with <{root.tag}>, not with <Response>")
    return [_verb(each) for each in root]


def _verb(element: Element) -> Verb:
    return _of(VERBS, element)


def _of(verbs: Mapping[str, Callable[[Element], V]], element: Element) -> V:
    try:
        make = verbs[element.tag]
    except KeyError:
        raise BadRcml(f"<{element.tag}> is not supported here, only {', '.join(sorted(verbs))}") from None
    return make(element)


def _dial(element: Element) -> Verb:
    within = list(element)
    if not within and _text(element).strip():
        within = [element]
    if len(within) != 1 or within[0].tag not in DIALLED:
        raise BadRcml(f"<Dial> is supported with a number, or one of {', '.join(sorted(DIALLED))} in it")
    (whom,) = within
    return _conference(whom) if whom.tag == "Conference" else _whom(whom, element)


def _whom(whom: Element, dial: Element) -> Verb:
    number = _text(whom).strip()
    if not re.fullmatch(r"[!-~]{1,200}", number):
        raise BadRcml(f"<{whom.tag}> names whom to call, by at most 200 characters without a blank")
    return DialNumber(number, _number(dial, "timeout", 30, 1, LONGEST_TIMEOUT_S))


def _conference(room: Element) -> Verb:
    most = _number(room, "maxParticipants", MAX_PARTICIPANTS, 1, 100_000)
    name = shown(_text(room), LONGEST_NAME)
    if not name or len(_text(room).strip()) > LONGEST_NAME:
        raise BadRcml(f"<Conference> names a room, by at most {LONGEST_NAME} characters that can be read")
    return DialConference(
        name,
        starts=_flag(room, "startConferenceOnEnter", True),
        ends=_flag(room, "endConferenceOnExit", False),
        muted=_flag(room, "muted", False),
        beep=_flag(room, "beep", True),
        most=most,
    )


def _play(element: Element) -> Spoken:
    sound = _text(element).strip()
    if not sound or len(sound) > LONGEST_URL:
        raise BadRcml("<Play> takes a URL, a sound of this server by name, or an uploaded one by number")
    loop = _number(element, "loop", 1, 1, 100)
    return PlayUrl(sound, loop) if "://" in sound else PlaySound(sound, loop)


def _keys(element: Element, default: str) -> str:
    finish = element.get("finishOnKey", default)
    if not set(finish) <= KEYS or len(finish) > len(KEYS):
        raise BadRcml(f"finishOnKey is of {''.join(sorted(KEYS))}, or empty, not {finish[:40]!r}")
    return finish


def _record(element: Element) -> Verb:
    if element.get("transcribe", "false").lower() == "true" or element.get("transcribeCallback"):
        raise BadRcml("<Record> makes no text of what is said: leave transcribe out")
    return RecordMessage(
        element.get("action", "").strip()[:LONGEST_URL],
        _method(element),
        _number(element, "timeout", 5, 1, LONGEST_TIMEOUT_S),
        _keys(element, ANY_KEY),
        _number(element, "maxLength", LONGEST_MESSAGE_S, 1, LONGEST_MESSAGE_S),
        _flag(element, "playBeep", True),
    )


def _gather(element: Element) -> Verb:
    return GatherDigits(
        tuple(_of(SPOKEN, each) for each in element),
        element.get("action", "").strip()[:LONGEST_URL],
        _method(element),
        _number(element, "timeout", 5, 1, LONGEST_TIMEOUT_S),
        _keys(element, "#"),
        _number(element, "numDigits", MOST_DIGITS, 1, MOST_DIGITS),
    )


def _say(element: Element) -> Spoken:
    text, voice = shown(_text(element), LONGEST_TEXT + 1), element.get("voice", "")
    if not text or len(text) > LONGEST_TEXT:
        raise BadRcml(f"<Say> has 1 to {LONGEST_TEXT} characters of text in it")
    language = element.get("language", "")
    return SayText(text, voice, language, _number(element, "loop", 1, 1, 100))


def _pause(element: Element) -> Spoken:
    return Wait(_number(element, "length", 1, 0, LONGEST_PAUSE_S))


def _redirect(element: Element) -> Verb:
    url = _text(element).strip()
    if not url or len(url) > LONGEST_URL:
        raise BadRcml("<Redirect> has a URL in it")
    return Continue(url, _method(element))


SPOKEN: Mapping[str, Callable[[Element], Spoken]] = {"Play": _play, "Say": _say, "Pause": _pause}

VERBS: Mapping[str, Callable[[Element], Verb]] = {
    **SPOKEN,
    "Dial": _dial,
    "Gather": _gather,
    "Record": _record,
    "Hangup": lambda _: EndCall(),
    "Reject": lambda _: EndCall(),
    "Redirect": _redirect,
}


def _method(element: Element) -> str:
    method = element.get("method", "POST").upper()
    if method not in ("GET", "POST"):
        raise BadRcml(f"method is GET or POST, not {method[:40]!r}")
    return method


def _text(element: Element) -> str:
    return element.text or ""


def _flag(element: Element, name: str, default: bool) -> bool:
    text = element.get(name, "")
    if text.lower() not in ("", "true", "false"):
        raise BadRcml(f"{name} is true or false, not {text[:40]!r}")
    return text.lower() == "true" if text else default


def _number(element: Element, name: str, default: int, least: int, most: int) -> int:
    text = element.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and least <= int(text) <= most):
        raise BadRcml(f"{name} is a number from {least} to {most}, not {text[:40]!r}")
    return int(text)
