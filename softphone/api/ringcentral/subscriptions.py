"""Subscriptions: who wants to be told of what, by what way, until when. Values, with the time as an argument.

They live in memory: with the server they end, as with their time.
"""

import math
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from softphone.api.ringcentral.filters import EventFilter, EventKind
from softphone.focus.ended import EndedMemory

__all__ = ["MOST_OF_ONE", "EventSubscription", "Subscriptions", "Transport", "lifetime_s"]

Transport = Literal["WebHook", "WebSocket"]

# Of a user and program, and of a session of the gateway.
MOST_OF_ONE = 20
# Seconds: what a webhook has if it does not say, and at most; as many has a subscription over the gateway, which ends
# with its session anyway.
USUAL_S = 604_800
LONGEST_S = 315_360_000
# How long it is known of an id that it has expired, and of how many.
KNOWN_S = 3600.0
KNOWN = 10_000


def lifetime_s(wish_s: int | None) -> int:
    """Give how long a subscription lasts that wishes so."""
    return USUAL_S if wish_s is None else min(wish_s, LONGEST_S)


@dataclass(slots=True, eq=False)
class EventSubscription:
    """Who wants to be told of what."""

    owner_id: str
    "Extension id."
    program: str
    filters: tuple[EventFilter, ...]
    transport: Transport
    created: float
    "Unix seconds, as all times here."
    lifetime_s: int
    address: str = ""
    "Of a webhook."
    session: str = ""
    "Token of the session of the gateway."
    renewed: float = 0.0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    "What it was told last of the presence of each extension."

    @property
    def expires(self) -> float:
        """When it ends."""
        return max(self.created, self.renewed) + self.lifetime_s

    @property
    def share(self) -> str:
        """Of whom there are at most so many."""
        return self.session or f"{self.owner_id} by {self.program}"


class Subscriptions:
    """All of a node."""

    def __init__(self) -> None:
        self._all: dict[str, EventSubscription] = {}
        # By the extension that a filter is of; None: by one of the whole account.
        self._of: dict[str | None, dict[str, EventSubscription]] = {}
        self._shares: Counter[str] = Counter()
        self._expired = EndedMemory(KNOWN_S, KNOWN)
        self._soonest = math.inf

    def __len__(self) -> int:
        return len(self._all)

    def add(self, subscription: EventSubscription, now: float) -> bool:
        """Have one more; False: its owner has enough."""
        if not self.has_room(subscription, now):
            return False
        self._shares[subscription.share] += 1
        self._all[subscription.id] = subscription
        self._enter(subscription)
        return True

    def has_room(self, subscription: EventSubscription, now: float) -> bool:
        """Whether its owner can have one more."""
        self.expire(now)
        return self._shares.get(subscription.share, 0) < MOST_OF_ONE

    def change(self, subscription: EventSubscription, filters: Sequence[EventFilter]) -> None:
        """Let one tell of something else."""
        self._strike(subscription)
        subscription.filters = tuple(filters)
        self._enter(subscription)

    def renew(self, subscription: EventSubscription, now: float, wish_s: int | None = None) -> None:
        """Let one last on, or, if it so wishes, end sooner."""
        subscription.renewed = now
        subscription.lifetime_s = subscription.lifetime_s if wish_s is None else lifetime_s(wish_s)
        self._soonest = min(self._soonest, subscription.expires)

    def _enter(self, subscription: EventSubscription) -> None:
        self._soonest = min(self._soonest, subscription.expires)
        for each in subscription.filters:
            self._of.setdefault(each.meant.extension, {})[subscription.id] = subscription

    def _strike(self, subscription: EventSubscription) -> None:
        for each in subscription.filters:
            theirs = self._of.get(each.meant.extension, {})
            theirs.pop(subscription.id, None)
            if not theirs:
                self._of.pop(each.meant.extension, None)

    def find(self, id: str, owner_id: str, now: float) -> EventSubscription | None:
        """Give one of an extension's."""
        self.expire(now)
        found = self._all.get(id)
        return found if found is not None and found.owner_id == owner_id else None

    def expired(self, id: str, now: float) -> bool:
        """Whether there was one of that id until lately."""
        return self._expired.holds(id, now)

    def of(self, owner_id: str, now: float) -> Sequence[EventSubscription]:
        """Give those of an extension, the oldest first."""
        self.expire(now)
        return [each for each in self._all.values() if each.owner_id == owner_id]

    def remove(self, id: str) -> EventSubscription | None:
        """Have one no more."""
        found = self._all.pop(id, None)
        if found is not None:
            self._strike(found)
            self._shares[found.share] -= 1
            if not self._shares[found.share]:
                del self._shares[found.share]
        return found

    def remove_session(self, token: str) -> None:
        """Have none any more of a session of the gateway."""
        for id in [each.id for each in self._all.values() if each.session == token]:
            self.remove(id)

    def expire(self, now: float) -> None:
        """Let those go whose time is over."""
        if now < self._soonest:
            return
        for each in [each for each in self._all.values() if now >= each.expires]:
            self.remove(each.id)
            self._expired.add(each.id, now)
        self._soonest = min((each.expires for each in self._all.values()), default=math.inf)

    def sends_to(self, address: str) -> bool:
        """Whether a webhook is told of something."""
        return any(each.address == address for each in self._all.values())

    def extensions(self) -> Iterable[str]:
        """Give the extensions that somebody is told of, each by itself."""
        return [each for each in self._of if each is not None]

    def meant(self, extension: str | None) -> bool:
        """Whether anybody is told of an extension; None: of all."""
        return extension in self._of

    def wanting(
        self, kind: EventKind, extensions: Iterable[str | None], now: float
    ) -> Iterator[tuple[EventSubscription, Sequence[EventFilter]]]:
        """Give those that want to be told of one of these extensions, or of all; with the filters that say so."""
        self.expire(now)
        meant = {None, *extensions}
        for each in {id: each for one in meant for id, each in self._of.get(one, {}).items()}.values():
            if said := [one for one in each.filters if one.kind is kind and one.meant.extension in meant]:
                yield each, said
