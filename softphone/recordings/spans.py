"""Spans of time of the parties of a recording, begun and ended; a change costs the same however many there are."""

from typing import Generic, TypeVar

import msgspec

from softphone.recordings.entry import PartySpan, Speech

__all__ = ["PartySpans"]

S = TypeVar("S", PartySpan, Speech)


class PartySpans(Generic[S]):
    """Spans in the order they began; of each party one at most goes on."""

    def __init__(self) -> None:
        self._spans: list[S] = []
        self._open: dict[str, int] = {}

    @property
    def all(self) -> tuple[S, ...]:
        """All so far."""
        return tuple(self._spans)

    def goes_on(self, party: str) -> bool:
        """Whether one of a party goes on."""
        return party in self._open

    def begin(self, span: S) -> None:
        """Add one; that of its party which goes on ends where it begins."""
        self.end(span.party, span.start_s)
        self._open[span.party] = len(self._spans)
        self._spans.append(span)

    def end(self, party: str, end_s: float) -> None:
        """End what goes on of a party, if anything does."""
        place = self._open.pop(party, None)
        if place is not None:
            self._spans[place] = msgspec.structs.replace(self._spans[place], end_s=end_s)
