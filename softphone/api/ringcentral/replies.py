"""Messages to a caller whose call is not taken: a text, or a standard one, spoken by the server."""

from collections.abc import Mapping

from pydantic import Field

from softphone.api.http.errors import invalid
from softphone.api.ringcentral.models import Camel

__all__ = ["ReplyWish", "text_of"]

UNITS: Mapping[str, str] = {"Minute": "minute", "Hour": "hour", "Day": "day"}
PATTERNS: Mapping[str, str] = {
    "OnMyWay": "I am on my way.",
    "OnTheOtherLineNoCall": "I am on the other line.",
    "CallMeBackLater": "Call me back in {time}.",
    "OnTheOtherLineCallMeBack": "I am on the other line. Call me back in {time}.",
    "WillCallYouBackLater": "I will call you back in {time}.",
    "CallMeBackTime": "Call me back in {time}.",
    "InAMeeting": "I am in a meeting. I will call you back in {time}.",
    "WillCallYouBack": "I will call you back in {time}.",
}


class ReplyPattern(Camel):
    """A usual text, with a time in it."""

    pattern: str
    time: int = Field(default=5, ge=1, le=999)
    time_unit: str = "Minute"


class ReplyWish(Camel):
    """What is told; one of the two."""

    reply_with_text: str = ""
    reply_with_pattern: ReplyPattern | None = None


def text_of(wish: ReplyWish) -> str:
    """Give the text; raises ApiError 400: there is none."""
    pattern = wish.reply_with_pattern
    if pattern is None:
        if not wish.reply_with_text.strip():
            raise invalid("replyWithText")
        return wish.reply_with_text
    text, unit = PATTERNS.get(pattern.pattern), UNITS.get(pattern.time_unit)
    if text is None or unit is None:
        raise invalid("replyWithPattern" if text is None else "timeUnit")
    return text.format(time=f"{pattern.time} {unit}{'s' if pattern.time > 1 else ''}")
