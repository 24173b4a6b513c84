"""A call that the server places on somebody's behalf, as a value: it has one name, wherever its party goes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from softphone.focus.token import session_of

__all__ = ["PlacedCall", "PlacedState"]


class PlacedState(Enum):
    """How far a call is."""

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    OVER = "over"


@dataclass(slots=True, eq=False)
class PlacedCall:
    """A call that the server has placed."""

    id: str
    "Of the session that was made for it: ``s-`` and 32 hex digits."
    caller: str
    "Number that the called see."
    number: str
    "Who is called."
    owner_id: str
    "Id of the extension that answers for it."
    on_end: Callable[[str], None] = field(repr=False)
    "Told why it is over."
    on_change: Callable[[], None] = field(default=lambda: None, repr=False)
    "Told of each state, and of the end."
    on_key: Callable[[str], None] = field(default=lambda _key: None, repr=False)
    "Told of each key that is pressed while the server is at the other end."
    parties: list[str] = field(default_factory=list)
    "Ids of its party in the sessions that it has been in, one after the other; none: nobody has answered."
    state: PlacedState = PlacedState.QUEUED
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    answered: datetime | None = None
    ended: datetime | None = None
    reason: str = ""
    "Why it is over."
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    "Set when somebody has answered, or nobody will."

    def __str__(self) -> str:
        return self.id

    @property
    def party(self) -> str:
        """Id of its party, where it is now; empty: nobody has answered."""
        return self.parties[-1] if self.parties else ""

    @property
    def session(self) -> str:
        """Id of the session that its party is in; before there is one, its own."""
        return session_of(self.party) if self.party else self.id

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is PlacedState.OVER

    def rings(self) -> None:
        """Note that a telephone rings."""
        if self.state is PlacedState.QUEUED:
            self._became(PlacedState.RINGING)

    def answers(self, party: str) -> None:
        """Note that somebody has answered, as this party."""
        self.parties, self.answered = [party], datetime.now(UTC)
        self._became(PlacedState.ANSWERED)
        self.settled.set()

    def end(self, reason: str) -> None:
        """Note that it is over."""
        if self.over:
            return
        self.reason, self.ended = reason, datetime.now(UTC)
        self.on_end(reason)
        self._became(PlacedState.OVER)
        self.settled.set()

    def _became(self, state: PlacedState) -> None:
        self.state, self.updated = state, datetime.now(UTC)
        self.on_change()
