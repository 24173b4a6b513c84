"""The records of calls: of two parties, and into and out of conferences."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import queries
from softphone.api.http.pages import After, Limit, Moment

__all__ = ["reading"]

reading = queries("/api/v1/history/calls", "history")


class CallView(BaseModel):
    """A call, over or not; of a conference: from when the party was in it."""

    id: str
    session_id: str
    direction: Literal["inbound", "outbound"]
    caller: str
    callee: str
    extension_id: str | None
    started: datetime
    answered: datetime | None
    ended: datetime | None
    reason: str | None


class CallList(BaseModel):
    """Calls, the newest first."""

    calls: list[CallView]
    next: str | None


@reading.get("")
async def list_calls(
    caller: CallerDep,
    context: ContextDep,
    session: Annotated[str | None, Query(max_length=64, description="Of this session only.")] = None,
    since: Moment = None,
    until: Moment = None,
    after: After = None,
    limit: Limit = 100,
) -> CallList:
    """List calls: an administrator's are all, others' their own."""
    own = None if caller.admin else caller.id
    page = await context.store.calls(
        session_id=session, extension_id=own, since=since, until=until, after=after, limit=limit
    )
    views = [CallView.model_validate(each, from_attributes=True) for each in page.items]
    return CallList(calls=views, next=page.next)
