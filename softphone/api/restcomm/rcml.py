"""RCML: what a call is to do, as a document of XML says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from softphone.errors import SoftphoneError
from softphone.markup import BadMarkup, Bounds, Element, parse
from softphone.text import shown

__all__ = ["BadRcml", "Continue", "DialConference", "EndCall", "PlaySound", "SayText", "Verb", "Wait", "read"]

BOUNDS = Bounds(65_536, elements=100, depth=8)

MAX_PARTICIPANTS = 40
LONGEST_NAME = 200
LONGEST_TEXT = 4000
LONGEST_PAUSE_S = 3600


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
class PlaySound:
    """Hear a sound of the server's library, or an uploaded one."""

    sound: str
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


Verb = DialConference | PlaySound | SayText | Wait | EndCall | Continue


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
    try:
        make = VERBS[element.tag]
    except KeyError:
        raise BadRcml(f"<{element.tag}> is not supported here, only {', '.join(sorted(VERBS))}") from None
    return make(element)


def _dial(element: Element) -> Verb:
    if [each.tag for each in element] != ["Conference"]:
        raise BadRcml("<Dial> is supported with one <Conference> in it, and nothing else")
    (room,) = element
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


def _play(element: Element) -> Verb:
    sound = _text(element).strip()
    if not sound or "://" in sound:
        raise BadRcml("<Play> takes a sound of this server by name, or an uploaded one by number, and no URL")
    return PlaySound(sound, _number(element, "loop", 1, 1, 100))


def _say(element: Element) -> Verb:
    text, voice = shown(_text(element), LONGEST_TEXT + 1), element.get("voice", "")
    if not text or len(text) > LONGEST_TEXT:
        raise BadRcml(f"<Say> has 1 to {LONGEST_TEXT} characters of text in it")
    language = element.get("language", "")
    return SayText(text, voice, language, _number(element, "loop", 1, 1, 100))


def _pause(element: Element) -> Verb:
    return Wait(_number(element, "length", 1, 0, LONGEST_PAUSE_S))


def _redirect(element: Element) -> Verb:
    method = element.get("method", "POST").upper()
    if not _text(element).strip() or method not in ("GET", "POST"):
        raise BadRcml("<Redirect> has a URL in it, and GET or POST for a method")
    return Continue(_text(element).strip(), method)


VERBS: Mapping[str, Callable[[Element], Verb]] = {
    "Dial": _dial,
    "Play": _play,
    "Say": _say,
    "Pause": _pause,
    "Hangup": lambda _: EndCall(),
    "Reject": lambda _: EndCall(),
    "Redirect": _redirect,
}


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
