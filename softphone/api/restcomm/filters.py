"""What lists are limited by."""

import re
from datetime import UTC, datetime

from softphone.api.restcomm.errors import failure

__all__ = ["day", "like"]


def like(text: str, pattern: str) -> bool:
    """Compare as SQL does: ``%`` stands for any text, ``_`` for any character."""
    parts = (".*" if each == "%" else "." if each == "_" else re.escape(each) for each in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


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
