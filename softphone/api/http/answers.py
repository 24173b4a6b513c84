"""What an operation can answer, for OpenAPI: the failures all have one shape, `softphone.api.http.errors`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["KEY_HEADER", "commands", "failures", "queries"]

KEY_HEADER = "Idempotency-Key"

DESCRIPTIONS = {
    400: "The request is wrong; the message says where.",
    401: "No valid access token.",
    403: "You may see it, but not do this.",
    404: "It is not, or no longer, there; or not for you.",
    408: "The request took too long to arrive.",
    409: "Not in a state for it.",
    413: "The request is too large.",
    416: "The file has no such range.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many failures; wait as Retry-After says.",
    502: "The mail server refused.",
    503: "Overloaded, being stopped, or without database: try again later.",
}
ALWAYS = (400, 401, 404, 408, 413, 503)
COMMANDS = (403, 409, 422)


class FailureEntry(BaseModel):
    """One thing that was wrong."""

    model_config = ConfigDict(extra="allow", title="FailureEntry")

    error_code: Annotated[str, Field(alias="errorCode")]
    message: str


class FailureAnswer(FailureEntry):
    """An answer that is not the wished one; its own members repeat the first entry."""

    model_config = ConfigDict(extra="allow", title="FailureAnswer")

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


def queries(prefix: str, tag: str, *more: int) -> APIRouter:
    """Make a router of operations that change nothing; `more` are statuses beyond the usual ones."""
    return APIRouter(prefix=prefix, tags=[tag], responses=failures(*ALWAYS, *more), generate_unique_id_function=_name)


def commands(prefix: str, tag: str, *more: int) -> APIRouter:
    """Make a router of operations that change something; `more` are statuses beyond the usual ones."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        responses=failures(*ALWAYS, *COMMANDS, *more),
        dependencies=[Depends(described_key)],
        generate_unique_id_function=_name,
    )


def _name(route: APIRoute) -> str:
    return route.name
