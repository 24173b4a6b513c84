"""JSON request bodies that may be empty, absent, or invalid."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from softphone.api.http.errors import coded, invalid

__all__ = ["described", "read"]

Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, model: type[Model]) -> Model:
    """Read the body as `model`; no body at all is an empty object, whatever the content type says.

    Raises
    ------
    ApiError
        400: not JSON, or a member has a wrong value.
    """
    body = await request.body()
    try:
        return model.model_validate_json(body.strip() or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise coded("CMN-103") from error
        raise invalid(".".join(str(part) for part in first["loc"]) or "body") from error


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Describe an optional body for OpenAPI, because :func:`read` takes it past the framework."""
    schema = model.model_json_schema()
    return {"requestBody": {"content": {"application/json": {"schema": _inlined(schema)}}, "required": False}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definitions of a schema where they are referred to: a description that we add ourselves has no others."""
    definitions = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        match part:
            case {"$ref": str(reference)}:
                return resolved(definitions[reference.rpartition("/")[2]])
            case dict():
                return {name: resolved(value) for name, value in part.items()}
            case list():
                return [resolved(value) for value in part]
        return part

    whole: dict[str, Any] = resolved(schema)
    return whole
