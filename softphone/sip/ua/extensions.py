"""Extensions of SIP, by their option tags (RFC 3261 section 19.2): one line each, and what serves it.

What is said of them is said here: Supported and Require, and the methods that they add to Allow.
"""

from collections.abc import Callable
from dataclasses import dataclass

from softphone.sip.message.message import Request, Response
from softphone.sip.ua.provisional import RELIABLE
from softphone.sip.ua.refresh import TIMER, SessionSettings, too_brief

__all__ = ["EXTENSIONS", "SUPPORTED", "SipExtension", "unsupported"]


@dataclass(frozen=True)
class SipExtension:
    """An extension that is served."""

    tag: str
    """Its option tag, in Supported and Require."""
    methods: tuple[str, ...]
    """Of the requests that it is about."""
    adds: tuple[str, ...] = ()
    """Methods that it has brought."""
    refuse: Callable[[Request, SessionSettings], Response | None] | None = None
    """Inspects one of the requests before anybody looks at it; None: nothing speaks against any."""


EXTENSIONS = (
    # Session timers (RFC 4028): `refresh` decides, `watch` has the timers.
    SipExtension(TIMER, ("INVITE", "UPDATE"), refuse=lambda request, session: too_brief(request, session.min_s)),
    # Reliable provisional responses (RFC 3262): `reliable` sends them, `early` acknowledges them.
    SipExtension(RELIABLE, ("INVITE",), adds=("PRACK",)),
    # Calls in the place of others (RFC 3891): `replacing` finds the other one.
    SipExtension("replaces", ("INVITE",)),
    # Proxies between a telephone and its registrar (RFC 3327): `softphone.sip.services.binding`.
    SipExtension("path", ("REGISTER",)),
    # REFER without NOTIFYs (RFC 4488): `referral`.
    SipExtension("norefersub", ("REFER",)),
    # Requests outside of a call that name it (RFC 4538), by `softphone.sip.dialog.target`; a name of none is as
    # if there were no name.
    SipExtension("tdialog", ("INVITE", "REFER", "SUBSCRIBE")),
)

SUPPORTED = ", ".join(each.tag for each in EXTENSIONS)
"""What Supported says of them all."""


def unsupported(request: Request) -> list[str]:
    """Return the option tags that a request requires and nobody serves (RFC 3261 section 8.2.2.3)."""
    served = {each.tag for each in EXTENSIONS}
    return [tag for tag in request.tokens("Require") if tag.lower() not in served]
