"""What we understand, said in every message that asks for it, and what is refused before anybody looks at it."""

from dataclasses import dataclass

from softphone.errors import BadMessage
from softphone.sip.message.body import ACCEPTED, is_plain, read_sdp
from softphone.sip.message.message import Request, Response, response
from softphone.sip.ua.extensions import EXTENSIONS, SUPPORTED, unsupported
from softphone.sip.ua.refresh import SessionSettings

__all__ = ["METHODS", "SUBSCRIPTION", "Capabilities", "default_answer", "refuse", "refuse_info"]

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
    if unknown := unsupported(request):
        return response(request, 420, headers=[("Unsupported", ", ".join(unknown))])
    if request.method == "SUBSCRIBE" and capabilities.events:
        return _refuse_event(request, capabilities)
    checks = (each.refuse for each in EXTENSIONS if request.method in each.methods and each.refuse is not None)
    refusals = (refusal for check in checks if (refusal := check(request, session)) is not None)
    return (_refuse_body(request) if request.method in DESCRIBED else None) or next(refusals, None)


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
