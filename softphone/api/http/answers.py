"""The answers of operations, for OpenAPI: failures all have one shape, `softphone.api.http.errors`."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from softphone.api.http.errors import invalid

__all__ = ["DESCRIPTIONS", "KEY_HEADER", "commands", "failures", "queries"]

KEY_HEADER = "Idempotency-Key"

DESCRIPTIONS = {
    400: "The request is wrong; the message says where.",
    401: "No valid access token.",
    403: "You may see it, but not do this.",
    404: "It is not, or no longer, there; or not for you.",
    408: "The request took too long to arrive.",
    409: "Not in a state for it.",
    413: "The request is too large.",
    415: "The body is in a Content-Encoding, which is not taken.",
    416: "The file has no such range.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many failures or requests; wait as Retry-After says.",
    501: "Not done here.",
    502: "The mail server refused, or the program that makes speech failed.",
    503: "Overloaded, being stopped, or without database: try again later.",
}
ALWAYS = (400, 401, 404, 408, 413, 415, 503)
COMMANDS = (403, 409, 422)


class FailureEntry(BaseModel):
    """One thing that was wrong."""

    model_config = ConfigDict(extra="allow", title="FailureEntry")

    error_code: Annotated[str, Field(alias="errorCode")]
    message: str


class FailureAnswer(FailureEntry):
    """An answer that is not the wished one; its own members repeat the first entry."""

    model_config = ConfigDict(extra="allow", title="Failure")

    errors: list[FailureEntry]


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the failures with these statuses."""
    return {status: {"model": FailureAnswer, "description": DESCRIPTIONS[status]} for status in sorted(statuses)}


async def described_key(
    _key: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            min_length=1,
            max_length=255,
            pattern=r"^[!-~]+$",
            description="The same key with the same request gives the first answer again, and does nothing twice.",
        ),
    ] = None,
) -> None:
    """Describe the header that `softphone.api.http.idempotency` acts on."""


async def known_parameters(connection: HTTPConnection) -> None:
    """Refuse a parameter that the operation does not have: who asks for a part of a list is not given all of it.

    Raises
    ------
    ApiError
        400: it names the first.
    """
    known = set(_query_parameters(connection.scope["route"].dependant))
    for name in connection.query_params:
        if name not in known:
            raise invalid(name, f"there is no such parameter here, but {', '.join(sorted(known)) or 'none'}")


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_parameters(each)


def queries(prefix: str, tag: str, *more: int) -> APIRouter:
    """Make a router of operations that change nothing; `more` are statuses beyond the usual ones."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        responses=failures(*ALWAYS, *more),
        dependencies=[Depends(known_parameters)],
        generate_unique_id_function=_name,
    )


def commands(prefix: str, tag: str, *more: int) -> APIRouter:
    """Make a router of operations that change something; `more` are statuses beyond the usual ones."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        responses=failures(*ALWAYS, *COMMANDS, *more),
        dependencies=[Depends(known_parameters), Depends(described_key)],
        generate_unique_id_function=_name,
    )


def _name(route: APIRoute) -> str:
    return f"{route.name}_of_call" if route.path_format.startswith("/api/v1/calls/{id}/") else route.name
