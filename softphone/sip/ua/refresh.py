"""Session timers (RFC 4028): negotiation of the interval and of the refresher.

A value: it is told of requests and responses with the time, says which headers go into ours, and when what is due.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from softphone.sip.message.message import Headers, Message, Request, Response, response

__all__ = ["TIMER", "Due", "Refresh", "SessionSettings", "too_brief"]

# RFC 4028 section 5: no session shorter than this may be asked for.
SHORTEST_S = 90
# Section 10: who waits for a refresh hangs up this long before the end, or a third of the interval.
MARGIN_S = 32
# After a refresh that was refused but for the dialog itself: as long as a 491 or a Retry-After takes.
AGAIN_S = 10.0

TIMER = "timer"

_EXPIRES = re.compile(r"\s*([0-9]{1,9})\s*(?:;(.*))?", re.DOTALL)
_REFRESHER = re.compile(r"(?:^|;)\s*refresher\s*=\s*(uac|uas)\s*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True)
class SessionSettings:
    """How calls are watched.

    Attributes
    ----------
    expires_s
        What we ask for as length of a session; 0: we ask for none, and take what the peer asks for.
    min_s
        The shortest that we take; at least 90.
    probe_s
        How often a peer that sends nothing, since it holds us or only listens, is asked by OPTIONS whether it is there;
        0: never.
    """

    expires_s: int = 1800
    min_s: int = SHORTEST_S
    probe_s: float = 60.0


class Due(Enum):
    """What the time brings."""

    REFRESH = auto()
    """Send an UPDATE, or an INVITE with the same offer."""
    OVER = auto()
    """The session has expired: BYE."""


def too_brief(request: Request, min_s: int) -> Response | None:
    """Refuse a request for a session that is too short for us (section 9); who has no timers could not mend it."""
    asked = _seconds(request)
    if asked is None or asked >= min_s or not _supports(request):
        return None
    return response(request, 422, headers=[("Min-SE", str(min_s))])


class Refresh:
    """The session timer of one dialog.

    Attributes
    ----------
    interval_s
        The length that was agreed on; None while the session has no end.
    ours
        Whether it is on us to refresh it.
    deadline
        When :meth:`expire` wants to be called; None: not at all.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self._wish_s = settings.expires_s
        self._min_s = max(settings.min_s, SHORTEST_S)
        self.interval_s: int | None = None
        self.ours = False
        self.deadline: float | None = None
        self._end = 0.0

    # --- our requests

    def asked(self) -> Headers:
        """Say what an INVITE or UPDATE of ours asks for (section 7.1, 7.4)."""
        length_s = self.interval_s or self._wish_s
        if not length_s:
            return []
        # Who refreshes says who goes on refreshing; of a new call the peer may choose.
        refresher = "" if self.interval_s is None else f";refresher={'uac' if self.ours else 'uas'}"
        length = f"{max(length_s, self._min_s)}{refresher}"
        return [("Session-Expires", length), ("Min-SE", str(self._min_s))]

    def lengthened(self, answer: Response) -> bool:
        """Take a 422 to our request; whether to ask again, for as long as it wants at least (section 7.3)."""
        least = _number(answer, "Min-SE") if answer.status == 422 else None
        if least is None or least <= max(self._min_s, self.interval_s or self._wish_s):
            return False
        self._min_s = least
        return True

    def agreed(self, answer: Response, now: float) -> None:
        """Take the 2xx to our INVITE or UPDATE (section 7.2): without a length in it the session has no end."""
        self._begin(_seconds(answer), _refresher(answer) != "uas", now)

    def refused(self, now: float) -> None:
        """Take another answer to our refresh: the session stands, and there is time to try again."""
        if self.deadline is not None:
            self.deadline = min(now + AGAIN_S, self._end)

    # --- the peer's requests

    def answered(self, request: Request, now: float) -> Headers:
        """Decide on the peer's INVITE or UPDATE; gives the headers of our 2xx (section 9)."""
        supports, asked = _supports(request), _seconds(request)
        if asked is None and not (supports and self._wish_s):
            self._begin(None, False, now)
            return []
        least = max(self._min_s, _number(request, "Min-SE") or 0)
        length_s = max(min(asked or self._wish_s, self._wish_s or asked or 0), least)
        theirs = supports and _refresher(request) == "uac"
        self._begin(length_s, not theirs, now)
        length = ("Session-Expires", f"{length_s};refresher={'uac' if theirs else 'uas'}")
        return [length, *([("Require", TIMER)] if theirs else [])]

    # --- time

    def expire(self, now: float) -> Due | None:
        """Say what is due when ``deadline`` has come."""
        if self.deadline is None or now < self.deadline:
            return None
        if now >= self._end:
            self.deadline = None
            return Due.OVER
        self.deadline = self._end
        return Due.REFRESH

    def _begin(self, length_s: int | None, ours: bool, now: float) -> None:
        self.interval_s, self.ours = length_s, ours
        if length_s is None:
            self.deadline = None
            return
        self._end = now + length_s - min(MARGIN_S, length_s / 3)
        self.deadline = now + length_s / 2 if ours else self._end


def _supports(message: Message) -> bool:
    return TIMER in [each.lower() for name in ("Supported", "Require") for each in message.tokens(name)]


def _seconds(message: Message) -> int | None:
    found = _EXPIRES.fullmatch(message.get("Session-Expires") or "")
    return int(found[1]) if found else None


def _number(message: Message, name: str) -> int | None:
    found = _EXPIRES.fullmatch(message.get(name) or "")
    return int(found[1]) if found else None


def _refresher(message: Message) -> str:
    found = _EXPIRES.fullmatch(message.get("Session-Expires") or "")
    said = _REFRESHER.search(found[2] or "") if found else None
    return said[1].lower() if said else ""
