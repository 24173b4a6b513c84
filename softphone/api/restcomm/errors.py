"""Failures as Restcomm writes them: many without a body, the others as a message, in the representation asked for."""

from fastapi import Response
from fastapi.responses import JSONResponse

from softphone.api.http.errors import ApiError, answered_by
from softphone.api.restcomm.rendering import named, xml
from softphone.api.restcomm.representation import JSON, XML

__all__ = ["failure", "unknown", "unproved"]

# Statuses that say all there is to say.
BARE = (401, 404, 406)


def failure(status: int, message: str = "") -> ApiError:
    """Answer with a status; without a message there is no body."""
    return ApiError(status, "", message)


def unproved() -> ApiError:
    """Answer that the account has not been proved to be the sender's."""
    return ApiError(401, "", "", headers={"WWW-Authenticate": 'Basic realm="Restcomm realm"'})


def unknown() -> ApiError:
    """Answer that there is no such thing."""
    return failure(404)


@answered_by(JSON)
def as_json(error: ApiError) -> Response:
    """Write what went wrong."""
    if _is_bare(error):
        return Response(status_code=error.status, headers=error.headers)
    return JSONResponse({"message": error.message}, error.status, error.headers)


@answered_by(XML)
def as_xml(error: ApiError) -> Response:
    """Write what went wrong."""
    if _is_bare(error):
        return Response(status_code=error.status, headers=error.headers)
    return xml(named("Message", error.message), error.status, error.headers)


def _is_bare(error: ApiError) -> bool:
    return error.status in BARE or not error.message
