"""Filters of lists."""

import fnmatch
import re
from datetime import UTC, datetime

from softphone.api.restcomm.errors import failure

__all__ = ["day", "like"]

# Of a pattern of SQL in one of the shell's, which is compared in time that does not explode with its wildcards.
GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


def like(text: str, pattern: str) -> bool:
    """Compare as SQL does: ``%`` stands for any text, ``_`` for any character; it goes back over no ``%``."""
    return re.fullmatch(fnmatch.translate(pattern.translate(GLOB)), text) is not None


def day(text: str | None) -> datetime | None:
    """Read the beginning of a day, ``YYYY-MM-DD`` in UTC; raises ApiError 400."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None or text >= "9999":
            raise ValueError(text)
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise failure(400) from None
