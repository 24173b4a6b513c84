"""What a Range header (RFC 9110 section 14) asks for, so that what cannot be given is refused in our own shape."""

import re

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from softphone.api.http.errors import ApiError

__all__ = ["WholeFile", "is_range"]

SPECIFICATION = re.compile(r"\s*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))\s*")

# Nobody needs more parts of a file at once.
MOST_PARTS = 16


class WholeFile(FileResponse):
    """A file, whatever the header Range says."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as if there were no such header."""
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def is_range(header: str | None, size: int) -> bool:
    """Tell whether a header is to be followed; one that is wrong, or of another unit, is ignored (section 14.2).

    Parameters
    ----------
    header
        ``Range``; None asks for all.
    size
        Of the file, in bytes.

    Raises
    ------
    ApiError
        416: the file has none of the parts.
    """
    unit, _, parts = (header or "").partition("=")
    found = [SPECIFICATION.fullmatch(part) for part in parts.split(",")]
    if unit.strip().lower() != "bytes" or len(found) > MOST_PARTS or not all(map(_is_right, found)):
        return False
    there = [_is_there(match, size) for match in found if match]
    if not any(there):
        raise ApiError(416, "CMN-101", "The file has no such part.", headers={"Content-Range": f"bytes */{size}"})
    return all(there)


def _is_right(match: re.Match[str] | None) -> bool:
    return match is not None and not (match["last"] and int(match["first"]) > int(match["last"]))


def _is_there(match: re.Match[str], size: int) -> bool:
    return int(match["suffix"] or 1) > 0 and int(match["first"] or 0) < max(size, 1)
