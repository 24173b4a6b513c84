"""Wrong codes that callers typed: too many close a room, or the bridge number, for a while."""

from fastapi import Response

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/wrong-codes"

reading = queries(PREFIX, "extensions")
doing = commands(PREFIX, "extensions")


@doing.delete("", status_code=204)
async def forget_wrong_codes(caller: CallerDep, context: ContextDep) -> Response:
    """Forget them all: every room takes codes again."""
    administrator(caller)
    context.codes.forgive()
    return Response(status_code=204)
