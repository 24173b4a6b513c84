"""Telephony events of subscriptions: calls and conferences, one changed party at a time."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from softphone.api.ringcentral.filters import EventFilter, EventKind
from softphone.api.ringcentral.models import instant, legacy_id, party_view
from softphone.api.ringcentral.subscriptions import EventSubscription, Subscriptions
from softphone.focus.errors import NoSuchSession
from softphone.focus.feed import EventType, FeedEvent
from softphone.focus.focus import Focus
from softphone.focus.session import CallEnd, Party, PartyStatus, TelephonySession
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["Deliver", "SessionNotifier", "party_told", "whole"]

log = structlog.get_logger()

Body = dict[str, Any]
Deliver = Callable[[EventSubscription, Body], None]

# Of what changes of a party these are shown there.
SHOWN = frozenset({"muted", "held", "parked", "role", "number", "name"})


def whole(subscription: EventSubscription, said: EventFilter, body: Mapping[str, Any], at: datetime) -> Body:
    """Put what happened into what a subscription is sent."""
    return {
        "uuid": str(uuid.uuid4()),
        "event": said.path,
        "timestamp": instant(at),
        "subscriptionId": subscription.id,
        "ownerId": subscription.owner_id,
        "body": body,
    }


def party_told(party: Party, reader: Extension, accounts: Accounts) -> Body:
    """Show a party as events do: the reader's own says whose it is, others do not."""
    told = party_view(party, reader, accounts).model_dump(by_alias=True, exclude_none=True, mode="json")
    owner, _ = told.pop("owner", {}), told.pop("talking", None)
    told["status"]["rcc"] = False
    told["missedCall"] = party.end is CallEnd.CALLEE and party.status is PartyStatus.DISCONNECTED and not party.answered
    return {**owner, **told}


class SessionNotifier:
    """Tells subscriptions of telephony sessions what happens to parties, while they are as they are told.

    Parameters
    ----------
    focus, accounts
        Of whom it tells.
    book
        Who is told.
    deliver
        Sends.
    server_id
        How this server calls itself.
    now
        Unix seconds.
    """

    def __init__(
        self,
        focus: Focus,
        accounts: Accounts,
        book: Subscriptions,
        deliver: Deliver,
        *,
        server_id: str,
        now: Callable[[], float],
    ) -> None:
        self._focus, self._accounts, self._book, self._deliver = focus, accounts, book, deliver
        self._server_id, self._now = server_id, now

    def on_event(self, event: FeedEvent) -> None:
        """Tell of an event that is about a party of a session that is there."""
        if event.party is None or not _shown(event) or not self._book:
            return
        try:
            session = self._focus.session(event.session)
        except NoSuchSession:
            return
        party = session.parties.get(event.party)
        if party is not None:
            self._tell(event, session, party)

    def _tell(self, event: FeedEvent, session: TelephonySession, party: Party) -> None:
        audience = {session.owner_id, *(each for each in self._book.extensions() if session.calls_of(each))}
        wanting = list(self._book.wanting(EventKind.SESSIONS, audience, self._now()))
        if not wanting:
            return
        number = session.next_number()
        for subscription, filters in wanting:
            for said in filters:
                told = self._party(party, said, session)
                if told is not None and said.takes(told):
                    body = self._body(event, session, number, told)
                    self._deliver(subscription, whole(subscription, said, body, event.time))
                    break

    def _party(self, party: Party, said: EventFilter, session: TelephonySession) -> Body | None:
        """Show a party to whom a filter is of; of the whole account each of its extensions is its own."""
        reader = said.meant.extension or party.extension_id or session.owner_id or ""
        extension = self._accounts.by_id(reader)
        return None if extension is None else party_told(party, extension, self._accounts)

    def _body(self, event: FeedEvent, session: TelephonySession, number: int, told: Body) -> Body:
        return {
            "sequence": number,
            "sessionId": legacy_id(session.id),
            "telephonySessionId": session.id,
            "serverId": self._server_id,
            "eventTime": instant(event.time),
            "origin": {"type": session.origin.value},
            "parties": [told],
        }


def _shown(event: FeedEvent) -> bool:
    if event.type is EventType.PARTY_CHANGED:
        return not SHOWN.isdisjoint(event.data)
    return event.type is EventType.PARTY_STATUS
