"""Which representation is asked for, JSON or XML, and where: both may stand anywhere in a path.

Every path is led to one spelling, ``/restcomm/2012-04-24.json/...`` or ``/restcomm/2012-04-24.xml/...``, in which the
resources stand without a suffix: that is what is routed, and what says how failures are written.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["JSON", "VERSION", "XML", "Representation", "spelled"]

VERSION = "2012-04-24"
PREFIX = "/restcomm"
JSON = f"{PREFIX}/{VERSION}.json"
XML = f"{PREFIX}/{VERSION}.xml"

OURS = re.compile(rf"(?:{PREFIX})?/{VERSION}(?:\.json|\.xml)?(?:/.*)?", re.DOTALL)
SUFFIX = ".json"


def spelled(path: str, accept: str = "") -> str:
    """Give the one spelling of a path; of another API it stays as it is.

    JSON is what a path asks for in which any segment ends in ``.json``, wherever it leads; and an Accept header with
    ``json`` in it. Everything else asks for XML.
    """
    if OURS.fullmatch(path) is None:
        return path
    segments = path.removeprefix(PREFIX).rstrip("/").split("/")[1:]
    as_json = any(each.endswith(SUFFIX) for each in segments) or ("json" in accept.lower() and XML not in path)
    rest = [_bare(each) for each in segments[1:]]
    return "/".join([JSON if as_json else XML, *rest])


def _bare(segment: str) -> str:
    while segment.endswith(SUFFIX):
        segment = segment.removesuffix(SUFFIX)
    return segment


class Representation:
    """ASGI middleware: leads each path to its one spelling.

    Parameters
    ----------
    app
        What routes it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] == "http" and VERSION in scope["path"]:
            accept = ",".join(Headers(scope=scope).getlist("accept"))
            path = spelled(scope["path"], accept)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)
