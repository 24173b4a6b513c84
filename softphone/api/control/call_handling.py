"""Call handling of a user: do not disturb, call waiting, forwarding; set by the user or an administrator."""

from typing import Annotated, Self

from fastapi import Depends, Path, Request
from pydantic import BaseModel, Field

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import commands, queries
from softphone.api.http.bodies import described
from softphone.api.http.errors import not_found
from softphone.api.http.properties import changes_of
from softphone.store.call_handling import NUMBER, CallHandling
from softphone.store.values import Extension

__all__ = ["ROUTERS"]

reading = queries("/api/v1/extensions/{number}/call-handling", "extensions", 403)
doing = commands("/api/v1/extensions/{number}/call-handling", "extensions")
ROUTERS = (reading, doing)

Number = Annotated[str, Field(pattern=rf"^({NUMBER.pattern})?$", description="Empty: calls are not forwarded.")]


class HandlingView(BaseModel):
    """What becomes of calls to a user."""

    do_not_disturb: bool
    call_waiting: bool
    forward_always: str
    forward_busy: str
    forward_no_answer: str
    no_answer_s: int

    @classmethod
    def of(cls, handling: CallHandling) -> Self:
        """Show what the store has."""
        return cls.model_validate(handling, from_attributes=True)


class HandlingChange(BaseModel):
    """Any of it; what is not named stays. For the description: the store checks it."""

    do_not_disturb: bool = False
    call_waiting: bool = True
    forward_always: Number = ""
    forward_busy: Number = ""
    forward_no_answer: Number = ""
    no_answer_s: Annotated[int, Field(ge=1, le=600)] = 20


async def meant_user(
    caller: CallerDep,
    context: ContextDep,
    number: Annotated[str, Path(max_length=32, description="Of a user; `~`: the caller's own.")],
) -> Extension:
    """Give the user of a path: the caller itself, or any to an administrator."""
    user = caller if number == "~" else context.accounts.find(number)
    if user is not caller:
        administrator(caller)
    if user is None or user.kind != "user":
        raise not_found("number")
    return user


UserDep = Annotated[Extension, Depends(meant_user)]


@reading.get("")
async def read_handling(user: UserDep, context: ContextDep) -> HandlingView:
    """Show what becomes of calls to the user."""
    return HandlingView.of(context.accounts.handling(user.id))


@doing.put("", openapi_extra=described(HandlingChange))
async def change_handling(user: UserDep, request: Request, context: ContextDep) -> HandlingView:
    """Change some of it; it holds for the next call."""
    return HandlingView.of(await context.store.set_handling(user.id, await changes_of(request)))
