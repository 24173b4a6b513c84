"""Error answers: in the shape of our API, which is RingCentral's, unless a contract writes them by its own.

``{"errorCode", "message", "errors": [{...}]}``, the top-level pair repeating the first entry; clients show the message
and decide by the HTTP status.
"""

import itertools
from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from softphone.api.http.codes import CODES
from softphone.errors import AudioError, LibraryError, NoSuchRecording, SoftphoneError
from softphone.focus.errors import (
    FocusError,
    NoSuchBan,
    NoSuchExtension,
    NoSuchInvitation,
    NoSuchParty,
    NoSuchPass,
    NoSuchPlayback,
    NoSuchSession,
    NoSuchStream,
    NotAllowed,
    NotOffered,
    Overloaded,
    SpeechFailed,
)
from softphone.invite import InviteError, MailError
from softphone.store.errors import Conflict, NoSuchRow, PropertyError, StoreError
from softphone.text import shown

__all__ = [
    "ApiError",
    "answered_by",
    "coded",
    "install",
    "invalid",
    "not_found",
    "slow_down",
    "unauthorized",
    "written_by",
]


LONGEST_MESSAGE = 500


class ApiError(Exception):
    """An answer that is not the wished one.

    Parameters
    ----------
    status
        HTTP status.
    code
        For programs, e.g. ``CMN-102``.
    message
        For people.
    extra
        Further attributes of the entry, such as ``parameterName``; repeated at the top.
    headers
        Of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        extra: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        # What a request had in it may be told back: names of members, values.
        self.message = shown(message, LONGEST_MESSAGE)
        self.extra = {name: shown(value, LONGEST_MESSAGE) for name, value in (extra or {}).items()}
        self.headers = dict(headers or {})

    def response(self, path: str = "") -> Response:
        """Write the answer, for a request of a path."""
        write = next((write for prefix, write in _WRITERS.items() if path.startswith(prefix)), None)
        return write(self) if write is not None else _as_json(_listed, self)


Writer = Callable[[ApiError], dict[str, Any]]
Answerer = Callable[[ApiError], Response]

# By prefix of the path: how a contract of its own shape says what went wrong.
_WRITERS: dict[str, Answerer] = {}


def answered_by(*prefixes: str) -> Callable[[Answerer], Answerer]:
    """Let failures of requests below these paths be answered by the decorated function: in JSON or otherwise."""

    def enter(answer: Answerer) -> Answerer:
        _WRITERS.update(dict.fromkeys(prefixes, answer))
        return answer

    return enter


def _as_json(write: Writer, error: ApiError) -> JSONResponse:
    return JSONResponse(write(error), error.status, error.headers)


def written_by(*prefixes: str) -> Callable[[Writer], Writer]:
    """Let failures of requests below these paths be written by the decorated function: a contract has its own shape."""

    def enter(write: Writer) -> Writer:
        answered_by(*prefixes)(partial(_as_json, write))
        return write

    return enter


def _listed(error: ApiError) -> dict[str, Any]:
    entry = {"errorCode": error.code, "message": error.message, **error.extra}
    return {**entry, "errors": [entry]}


def coded(code: str, what: str = "", *, why: str = "", headers: Mapping[str, str] | None = None) -> ApiError:
    """Answer with a code of the list.

    Parameters
    ----------
    what
        That it is about: a parameter, a permission, a feature.
    why
        More than the list says.
    headers
        Of the answer.
    """
    kind = CODES[code]
    message = kind.message.format(what)
    if why:
        message = f"{message.removesuffix('.')}: {why}"
    return ApiError(kind.status, code, message, extra={kind.names: what} if kind.names else None, headers=headers)


def not_found(parameter: str) -> ApiError:
    """Answer that what `parameter` names does not exist."""
    return coded("CMN-102", parameter)


def invalid(parameter: str, why: str = "") -> ApiError:
    """Answer that the value of `parameter` will not do."""
    return coded("CMN-101", parameter, why=why)


def unauthorized(code: str) -> ApiError:
    """Answer that the request bears no valid token."""
    return coded(code, headers={"WWW-Authenticate": 'Bearer realm="softphone"'})


def slow_down(wait_s: int) -> ApiError:
    """Answer that there were too many requests; the next one may come in `wait_s` seconds."""
    return coded("CMN-301", headers={"Retry-After": str(wait_s)})


# What it is that is not there, as the parameters of our own paths name it, and as others do that have it as theirs.
MISSING: dict[type[SoftphoneError], tuple[str, ...]] = {
    NoSuchSession: ("id", "telephonySessionId"),
    NoSuchParty: ("party", "partyId"),
    NoSuchBan: ("number",),
    NoSuchExtension: ("extension",),
    NoSuchInvitation: ("dial",),
    NoSuchPass: ("pass",),
    NoSuchPlayback: ("playback",),
    NoSuchRecording: ("recording",),
    NoSuchStream: ("stream",),
    NoSuchRow: ("id",),
}


def from_softphone(error: SoftphoneError, parameters: Container[str] = ()) -> ApiError:
    """Translate what the focus, the store or the library refused to a request with these parameters in its path."""
    if names := MISSING.get(type(error)):
        return not_found(next((name for name in names if name in parameters), names[0]))
    match error:
        case PropertyError():
            return ApiError(400, "CMN-101", str(error), extra={"parameterName": error.name})
        case AudioError() | InviteError():
            return ApiError(400, "CMN-101", str(error))
        case NotAllowed():
            return ApiError(403, "CMN-408", str(error) or "Operation is not allowed for current user")
        case Overloaded():
            return overloaded("Service is overloaded")
    return _from_state(error)


def _from_state(error: SoftphoneError) -> ApiError:
    match error:
        case NotOffered():
            return ApiError(403, "CMN-109", str(error))
        case MailError() | SpeechFailed():
            return ApiError(502, "CMN-211", str(error))
        case Conflict() | LibraryError() | FocusError():
            return ApiError(409, "TAS-106", str(error) or "Operation is not allowed")
        case StoreError():
            return overloaded("The database is away")
    return coded("CMN-203")


def overloaded(message: str) -> ApiError:
    """Answer that the same may succeed in a few seconds."""
    return ApiError(503, "CMN-211", message, headers={"Retry-After": "5"})


def from_http(error: HTTPException) -> ApiError:
    """Translate what the framework refused."""
    code = {404: "CMN-120", 405: "CMN-121"}.get(error.status_code, "CMN-104")
    headers = dict(error.headers or {})
    if "GET" in (allowed := headers.get("Allow", "").split(", ")):
        headers["Allow"] = ", ".join(sorted({*allowed, "HEAD"}))
    return ApiError(error.status_code, code, CODES[code].message, headers=headers)


def from_validation(error: RequestValidationError) -> ApiError:
    """Translate a wrong parameter."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return coded("CMN-103")
    # What our own models say tells the mend; what the library says does not tell it in our words.
    told = str(first["ctx"]["error"]) if first["type"] == "value_error" else ""
    return invalid(_parameter(first["loc"]), told)


def _parameter(place: tuple[int | str, ...]) -> str:
    """Name what is wrong: a member of a list by the name of the list and its place, ``events.0``."""
    for before, part in itertools.pairwise(place):
        if isinstance(part, int):
            # What follows says which of several kinds of member was tried.
            return f"{before}.{part}"
    return str(place[-1])


def install(app: FastAPI) -> None:
    """Make `app` answer every failure in this shape."""

    @app.exception_handler(ApiError)
    async def on_api_error(request: HTTPConnection, error: ApiError) -> Response:
        answer = error.response(request.url.path)
        if isinstance(request, WebSocket):
            await request.send_denial_response(answer)
        return answer

    @app.exception_handler(SoftphoneError)
    async def on_softphone_error(request: Request, error: SoftphoneError) -> Response:
        return from_softphone(error, request.path_params).response(request.url.path)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        return from_http(error).response(request.url.path)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return from_validation(error).response(request.url.path)

    @app.exception_handler(Exception)
    async def on_failure(request: Request, _error: Exception) -> Response:
        return coded("CMN-203").response(request.url.path)
