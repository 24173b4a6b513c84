"""Reports on the quality of calls that telephones publish (RFC 6035): taken with thanks, and not kept."""

import secrets

from softphone.sip.message.message import Request, Response, response

__all__ = ["publish"]

PACKAGE = "vq-rtcpxr"
# How long a report is said to be kept.
KEPT_S = 60


def publish(request: Request) -> Response:
    """Answer a PUBLISH (RFC 3903 section 6): 200 to a report, 489 to any other event."""
    if (request.get("Event") or "").partition(";")[0].strip() != PACKAGE:
        return response(request, 489, headers=[("Allow-Events", PACKAGE)])
    wanted = request.expires
    lasts = KEPT_S if wanted is None else min(wanted, KEPT_S)
    tag = request.get("SIP-If-Match") or secrets.token_hex(8)
    return response(request, 200, headers=[("SIP-ETag", tag), ("Expires", str(lasts))])
