"""Presence events of subscriptions: the state of an extension each time it has changed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from softphone.api.ringcentral.filters import EventFilter, EventKind
from softphone.api.ringcentral.notifications import Body, Deliver, whole
from softphone.api.ringcentral.presence import calls_of, dialogs_of, presence_of
from softphone.api.ringcentral.subscriptions import EventSubscription, Subscriptions
from softphone.focus.errors import NoSuchSession
from softphone.focus.feed import EventType, FeedEvent
from softphone.focus.focus import Focus
from softphone.focus.session import SessionOrigin
from softphone.store.accounts import Accounts

__all__ = ["PresenceNotifier"]


class PresenceNotifier:
    """Tells subscriptions of presence how extensions are, once all that happens at a time has happened.

    Parameters
    ----------
    focus, accounts
        Of whom it tells.
    book
        Who is told.
    deliver
        Sends.
    now
        Unix seconds.
    """

    def __init__(
        self, focus: Focus, accounts: Accounts, book: Subscriptions, deliver: Deliver, *, now: Callable[[], float]
    ) -> None:
        self._focus, self._accounts, self._book, self._deliver, self._now = focus, accounts, book, deliver, now
        self._changed: dict[str, None] = {}
        self._numbers: Counter[str] = Counter()

    def on_event(self, event: FeedEvent) -> None:
        """Note whose calls an event may have changed; they are told of soon."""
        if event.type not in (EventType.PARTY_STATUS, EventType.PARTY_CHANGED) or not self._book:
            return
        try:
            session = self._focus.session(event.session)
        except NoSuchSession:
            return
        two = session.origin is SessionOrigin.CALL  # each of them is shown with the other
        for party in session.parties.values() if two else filter(None, [session.parties.get(event.party or "")]):
            if party.extension_id is not None:
                self._note(party.extension_id)

    def _note(self, extension: str) -> None:
        if not self._changed:
            asyncio.get_running_loop().call_soon(self.tell)
        self._changed[extension] = None

    def tell(self) -> None:
        """Tell how those are that have changed."""
        changed, self._changed = self._changed, {}
        for extension in changed:
            for subscription, filters in self._book.wanting(EventKind.PRESENCE, [extension], self._now()):
                self._tell(extension, subscription, filters[0])

    def _tell(self, extension: str, subscription: EventSubscription, said: EventFilter) -> None:
        body = self._body(extension, said)
        if subscription.told.get(extension) == body:
            return
        subscription.told[extension] = body
        self._numbers[extension] += 1
        numbered = {"extensionId": extension, **body, "sequence": self._numbers[extension]}
        self._deliver(subscription, whole(subscription, said, numbered, datetime.fromtimestamp(self._now(), UTC)))

    def _body(self, extension: str, said: EventFilter) -> Body:
        calls = calls_of(extension, self._focus)
        told = presence_of(
            calls,
            busy=self._accounts.handling(extension).do_not_disturb,
            detailed=said.detailed,
            sip=dialogs_of(calls, self._focus) if said.sip_data else None,
        )
        return {**told, "totalActiveCalls": len(calls)}
