"""An event as JSON: the same to event streams and webhooks."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from softphone.focus.feed import FeedEvent

__all__ = ["EventView", "event_view"]


class EventView(BaseModel):
    """One thing that happened."""

    id: int
    time: datetime
    type: str
    session: str
    party: str | None
    data: dict[str, Any]


def event_view(event: FeedEvent) -> EventView:
    """Show what happened."""
    return EventView(
        id=event.id,
        time=event.time,
        type=event.type.value,
        session=event.session,
        party=event.party,
        data=dict(event.data),
    )
