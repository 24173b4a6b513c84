"""Failures in the shape that clients of Telphin's API read: ``{"message": ...}``; of a token also ``error``."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from softphone.api.http.errors import ApiError, written_by

__all__ = ["FAILURES", "refused"]

TEXTS = {
    400: "The request is wrong; the message says where.",
    401: "No valid access token.",
    403: "Not with this token.",
    404: "There is no such conference extension.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The body is in a Content-Encoding, which is not taken.",
    422: "The Idempotency-Key was used for another request.",
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
