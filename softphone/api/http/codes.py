"""The codes of error answers, each with its HTTP status and its words: one table, which is RingCentral's list.

Clients decide by the status, show the message, and a few look at the code.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CODES", "ErrorCode"]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What is said with a code."""

    status: int
    message: str
    "``{}`` is what it is about."
    names: Literal["", "parameterName", "permissionName"] = ""
    "The attribute that says once more what it is about."


CODES = {
    "BIL-103": ErrorCode(403, "Feature [{}] is not available for current account"),
    "CMN-101": ErrorCode(400, "Parameter [{}] value is invalid.", "parameterName"),
    "CMN-102": ErrorCode(404, "Resource for parameter [{}] is not found", "parameterName"),
    "CMN-103": ErrorCode(400, "JSON can't be parsed."),
    "CMN-104": ErrorCode(400, "Cannot parse request"),
    "CMN-109": ErrorCode(403, "Feature not available."),
    "CMN-112": ErrorCode(403, "Feature [{}] is not available for current extension type"),
    "CMN-120": ErrorCode(404, "Invalid URI"),
    "CMN-121": ErrorCode(405, "Method is not allowed"),
    "CMN-202": ErrorCode(501, "Service is not supported"),
    "CMN-203": ErrorCode(500, "Internal server error"),
    "CMN-211": ErrorCode(503, "Service is overloaded"),
    "CMN-301": ErrorCode(429, "Request rate exceeded"),
    "CMN-401": ErrorCode(
        403, "In order to call this API endpoint, application needs to have [{}] permission", "permissionName"
    ),
    "CMN-402": ErrorCode(403, "Administrator permission is required"),
    "CMN-404": ErrorCode(403, "Access to another extension is not allowed"),
    "CMN-405": ErrorCode(401, "Login to extension required."),
    "CMN-408": ErrorCode(
        403, "In order to call this API endpoint, user needs to have [{}] permission", "permissionName"
    ),
    "OAU-112": ErrorCode(400, "Grant type is not supported."),
    "OAU-123": ErrorCode(401, "Authorization header value is invalid"),
    "OAU-128": ErrorCode(401, "Access token expired"),
    "OAU-129": ErrorCode(401, "Access token corrupted"),
    "OAU-134": ErrorCode(401, "Authorization header is not specified"),
    "OAU-140": ErrorCode(400, "Invalid resource owner credentials."),
    "OAU-146": ErrorCode(401, "Invalid client credentials."),
    "SPR-118": ErrorCode(400, "Parameter [{}] value is invalid: it has to be a number", "parameterName"),
    "SPR-129": ErrorCode(400, "Parameter [{}] value is invalid: all transports have to be alike", "parameterName"),
    "SUB-405": ErrorCode(403, "Not allowed subscribe for events of other extensions"),
    "SUB-406": ErrorCode(403, "Not allowed subscribe for events to extensions of other account"),
    "SUB-408": ErrorCode(403, "Not allowed subscribe for unknown user"),
    "SUB-505": ErrorCode(403, "Subscriptions limit exceeded"),
    "SUB-507": ErrorCode(404, "Subscription [{}] was expired"),
    "SUB-508": ErrorCode(400, "Invalid event filters: [{}]"),
    "SUB-525": ErrorCode(
        400, "WebHook did not answer 200 with the Validation-Token that it was sent, within 3 s and 1024 bytes"
    ),
    "TAS-106": ErrorCode(403, "Operation is not allowed"),
}
