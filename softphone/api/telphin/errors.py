"""Failures in the shape that clients of Telphin's API read: ``{"message": ...}``; of a token also ``error``."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from softphone.api.http.answers import DESCRIPTIONS
from softphone.api.http.errors import ApiError, written_by

__all__ = ["FAILURES", "refused"]

TEXTS = {status: DESCRIPTIONS[status] for status in (400, 401, 408, 413, 415, 422)} | {
    403: "Not with this token.",
    404: "There is no such conference extension.",
    429: "Too many failures; wait as Retry-After says.",
    503: "The database is away: try again later.",
}


class TelphinError(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="allow", title="Message")

    message: str


FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": TelphinError, "description": text} for status, text in TEXTS.items()
}


@written_by("/api/ver1.0/", "/extension/", "/oauth/")
def plain(error: ApiError) -> dict[str, Any]:
    """Write what went wrong."""
    reason = {"error": error.extra["error"]} if "error" in error.extra else {}
    return {**reason, "message": "Not found" if error.status == 404 else error.message}


def refused(error: str, message: str) -> ApiError:
    """Answer that no token is given (RFC 6749 section 5.2)."""
    return ApiError(400, "OAU-146", message, extra={"error": error})
