"""How a user's room behind the bridge number is dialled into."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from softphone.api.auth.bridge import bridge_codes
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/extensions/{number}/codes"

reading = queries(PREFIX, "extensions", 403)
doing = commands(PREFIX, "extensions")


class CodesView(BaseModel):
    """The number to call, and what to type: who types the host's code is the host."""

    phone_number: str
    host_code: str
    participant_code: str


@reading.get("")
async def read_codes(
    caller: CallerDep,
    context: ContextDep,
    number: Annotated[str, Path(max_length=32, description="Of a user; `~`: the caller's own.")],
) -> CodesView:
    """Tell the bridge number and a user's codes, to itself or to an administrator."""
    extension = caller if number == "~" else context.accounts.find(number)
    if extension is None:
        raise not_found("number")
    codes = bridge_codes(extension, caller, context)
    return CodesView(
        phone_number=context.accounts.main_number, host_code=codes.host, participant_code=codes.participant
    )
