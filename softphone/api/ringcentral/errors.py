"""Failures in the shape that clients of RingCentral's API read, everywhere below ``/restapi``."""

from typing import Any

from softphone.api.http.errors import ApiError, coded, written_by

__all__ = ["lacks", "listed"]

# What OAuth's own clients read (RFC 6749 section 5.2): beside the list, not in it.
OAUTH = ("error", "error_description")


@written_by("/restapi")
def listed(error: ApiError) -> dict[str, Any]:
    """Write what went wrong: at the top the first entry of the list, or the word for a permission that lacks."""
    more = {name: value for name, value in error.extra.items() if name not in OAUTH}
    entry = {"errorCode": error.code, "message": error.message, **more}
    top = entry | {"errorCode": "InsufficientPermissions"} if "permissionName" in more else entry
    oauth = {name: error.extra[name] for name in OAUTH if name in error.extra}
    return {**oauth, **top, "errors": [entry]}


def lacks(permission: str) -> ApiError:
    """Answer that the user may not do that."""
    return coded("CMN-408", permission)
