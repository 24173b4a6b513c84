"""Extensions of SIP, by their option tags (RFC 3261 section 19.2): one line each, and what serves it."""

from collections.abc import Callable
from dataclasses import dataclass

from softphone.sip.message.message import Request, Response
from softphone.sip.ua.refresh import SessionSettings, too_brief

__all__ = ["EXTENSIONS", "SipExtension", "unsupported"]


@dataclass(frozen=True)
class SipExtension:
    """An extension that is served."""

    tag: str
    """Its option tag, in Supported and Require."""
    methods: tuple[str, ...]
    """Of the requests that it is about."""
    refuse: Callable[[Request, SessionSettings], Response | None]
    """Inspects one of them before anybody looks at it; None: nothing speaks against it."""


EXTENSIONS = (
    # Session timers (RFC 4028): `refresh` decides, `watch` has the timers.
    SipExtension("timer", ("INVITE", "UPDATE"), lambda request, session: too_brief(request, session.min_s)),
)


def unsupported(request: Request) -> list[str]:
    """Return the option tags that a request requires and nobody serves (RFC 3261 section 8.2.2.3)."""
    served = {each.tag for each in EXTENSIONS}
    return [tag for tag in request.tokens("Require") if tag.lower() not in served]
