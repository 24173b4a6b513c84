"""The invitations that were sent, and what became of them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import queries
from softphone.api.http.pages import After, Limit

__all__ = ["reading"]

reading = queries("/api/v1/invitations", "invitations")


class SentInvitation(BaseModel):
    """Somebody was invited."""

    id: str
    extension_id: str
    recipient: str
    channel: str
    state: Literal["made", "sent", "failed"]
    error: str
    created: datetime
    changed: datetime


class SentInvitations(BaseModel):
    """Invitations, the newest first."""

    invitations: list[SentInvitation]
    next: str | None


@reading.get("")
async def list_invitations(
    caller: CallerDep,
    context: ContextDep,
    after: After = None,
    limit: Limit = 100,
) -> SentInvitations:
    """List sent invitations: an administrator's are all, others' their own."""
    page = await context.store.invitations(extension_id=None if caller.admin else caller.id, after=after, limit=limit)
    views = [SentInvitation.model_validate(each, from_attributes=True) for each in page.items]
    return SentInvitations(invitations=views, next=page.next)
