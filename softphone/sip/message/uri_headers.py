"""Headers of a URI (RFC 3261 section 19.1.5): they become headers of the request to it, and are not in its Request-URI.

Taken are those that say what the call is for. The section warns of the others: those that say who sends the request,
which way it goes and what dialog it is of are ours alone, and so is the body.
"""

from dataclasses import replace
from urllib.parse import unquote

from softphone.errors import BadMessage
from softphone.sip.message.message import Headers
from softphone.sip.message.uri import MAX_NAMED, Uri

__all__ = ["CARRIED", "REPLACES", "headers_of", "split_headers"]

REPLACES = "Replaces"

CARRIED = (REPLACES, "Referred-By", "Subject", "Priority", "Alert-Info", "Call-Info", "User-to-User")
"""The headers that are taken into the request."""

_NAMES = {name.lower(): name for name in CARRIED}
# Nothing that would end the line, or the header (RFC 3261 section 25.1: hvalue is escaped, what it says is a value).
_ENDS = ("\r", "\n", "\0")


def headers_of(uri: Uri) -> Headers:
    """List the headers of a URI, unescaped, as (name, value).

    Raises
    ------
    BadMessage
        One is no header.
    """
    found: list[tuple[str, str]] = []
    for piece in filter(None, uri.headers.split("&")):
        name, equals, value = piece.partition("=")
        value = unquote(value)
        if not name or not equals or any(end in value for end in _ENDS):
            raise BadMessage("Bad URI header", subject=str(uri)[:MAX_NAMED])
        found.append((unquote(name), value))
    return found


def split_headers(uri: Uri) -> tuple[Uri, Headers]:
    """Give a URI without its headers, and those of them that go into the request.

    A call that is to replace another needs a callee that knows how (RFC 3891 section 4): else it would ring anew.

    Raises
    ------
    BadMessage
        One is no header.
    """
    if not uri.headers:
        return uri, ()
    named = [(_NAMES[name.lower()], value) for name, value in headers_of(uri) if name.lower() in _NAMES]
    if any(name == REPLACES for name, _ in named):
        named.append(("Require", "replaces"))
    return replace(uri, headers="", text=""), named
