"""Capabilities of this node: methods, and extensions by option tag (RFC 3261 section 19.2), one line each.

Allow and Supported are written here, and a request is refused here that requires more (section 8.2).
"""

from collections.abc import Callable
from dataclasses import dataclass

from softphone.errors import BadMessage
from softphone.sip.message.body import ACCEPTED, is_plain, read_sdp
from softphone.sip.message.message import Request, Response, response
from softphone.sip.ua.provisional import RELIABLE
from softphone.sip.ua.refresh import TIMER, SessionSettings, too_brief

__all__ = [
    "METHODS",
    "SUBSCRIPTION",
    "Capabilities",
    "default_answer",
    "refuse",
    "refuse_info",
]


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

METHODS = (
    *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE"),
    *(method for each in EXTENSIONS for method in each.adds),
)

SUBSCRIPTION = ("SUBSCRIBE", "NOTIFY")
"""Requests that may come within a dialog that is no call's (RFC 6665 section 4.5.1)."""

BODIES = (
    ("Accept", ", ".join(ACCEPTED)),
    ("Accept-Encoding", "identity"),
)
"""Of what an OPTIONS is answered with (RFC 3261 section 11.2)."""


@dataclass(frozen=True)
class Capabilities:
    """What a node serves beyond calls.

    Attributes
    ----------
    methods
        Of requests outside of calls.
    events
        Packages that can be subscribed to (RFC 6665).
    """

    methods: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    def headers(self, *, refer: bool | None = None) -> list[tuple[str, str]]:
        """Write Allow, Supported and Allow-Events; `refer` is whether a call takes REFER, None outside of calls."""
        others = [each for each in self.methods if each != "REFER"]
        refers = "REFER" in self.methods if refer is None else refer
        served = (*METHODS, *others, *(["REFER"] if refers else []))
        events = [("Allow-Events", ", ".join(self.events))] if self.events else []
        return [("Allow", ", ".join(served)), ("Supported", SUPPORTED), *events]


DESCRIBED = ("INVITE", "UPDATE", "PRACK")
"""Requests whose body is about the session; of what others carry (INFO) their receivers judge."""

SCHEMES = ("sip", "sips", "tel")


def refuse(request: Request, capabilities: Capabilities, session: SessionSettings) -> Response | None:
    """Inspect a request as RFC 3261 section 8.2 demands; None if nothing speaks against it.

    Max-Forwards is no business of who is not going to forward it.
    """
    if request.uri.scheme not in SCHEMES:
        return response(request, 416)
    if unknown := _unsupported(request):
        return response(request, 420, headers=[("Unsupported", ", ".join(unknown))])
    if request.method == "SUBSCRIBE" and capabilities.events:
        return _refuse_event(request, capabilities)
    checks = (each.refuse for each in EXTENSIONS if request.method in each.methods and each.refuse is not None)
    refusals = (refusal for check in checks if (refusal := check(request, session)) is not None)
    return (_refuse_body(request) if request.method in DESCRIBED else None) or next(refusals, None)


def _unsupported(request: Request) -> list[str]:
    """Return the option tags that a request requires and nobody serves (RFC 3261 section 8.2.2.3)."""
    served = {each.tag for each in EXTENSIONS}
    return [tag for tag in request.tokens("Require") if tag.lower() not in served]


def _refuse_event(request: Request, capabilities: Capabilities) -> Response | None:
    """Refuse a package that is not served here, whatever it is asked of (RFC 6665 section 4.2.1.1): 489 before 404."""
    if (request.get("Event") or "").partition(";")[0].strip() in capabilities.events:
        return None
    return response(request, 489, headers=[("Allow-Events", ", ".join(capabilities.events))])


def _refuse_body(request: Request) -> Response | None:
    try:
        read_sdp(request)
    except BadMessage as error:
        plain = is_plain(request.get("Content-Encoding") or "")
        accepted = ("Accept", ", ".join(ACCEPTED)) if plain else ("Accept-Encoding", "identity")
        return response(request, error.status, error.reason, headers=[accepted] if error.status == 415 else [])
    return None


def refuse_info(request: Request) -> Response | None:
    """Refuse an INFO of a package that was not asked for (RFC 6086 section 4.2.2): we ask for none."""
    if not (request.get("Info-Package") or "").strip():
        return None
    return response(request, 469, headers=[("Recv-Info", "")])


def default_answer(request: Request, capabilities: Capabilities) -> Response:
    """Answer a request that nobody else wants to answer."""
    if request.method == "OPTIONS":
        return response(request, 200, headers=[*capabilities.headers(), *BODIES])
    if request.method in METHODS or (request.method in SUBSCRIPTION and request.to.tag):
        return response(request, 481)
    return response(request, 405, headers=capabilities.headers(refer=False if request.to.tag else None))
