"""Whether a Range header (RFC 9110 section 14) can be answered, so that it is refused in our own shape."""

import re

from softphone.api.errors import ApiError

__all__ = ["check_range"]

SPECIFICATION = re.compile(r"\s*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))\s*")

# Nobody needs more parts of a file at once.
MOST_PARTS = 16


def check_range(header: str | None, size: int) -> None:
    """Refuse what cannot be answered.

    Parameters
    ----------
    header
        ``Range``; None asks for all.
    size
        Of the file, in bytes.

    Raises
    ------
    ApiError
        400: it is no range of bytes; 416: the file has no such part.
    """
    if header is None:
        return
    unit, _, parts = header.partition("=")
    found = [SPECIFICATION.fullmatch(part) for part in parts.split(",")]
    if unit.strip().lower() != "bytes" or len(found) > MOST_PARTS:
        raise ApiError(400, "CMN-101", "Range must be in bytes, and of few parts.")
    for match in found:
        if match is None or (match["last"] and int(match["first"]) > int(match["last"])):
            raise ApiError(400, "CMN-101", "Range is malformed.")
        if int(match["suffix"] or 1) == 0 or int(match["first"] or 0) >= max(size, 1):
            raise ApiError(416, "CMN-101", "The file has no such part.", headers={"Content-Range": f"bytes */{size}"})
