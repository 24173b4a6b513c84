"""Everything that tells programs in RingCentral's shape what happens."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Annotated, cast

import msgspec
from fastapi import Depends
from starlette.requests import HTTPConnection

from softphone.api.ringcentral.gateway import Gateways
from softphone.api.ringcentral.notifications import Body, SessionNotifier
from softphone.api.ringcentral.presence_notices import PresenceNotifier
from softphone.api.ringcentral.subscriptions import EventSubscription, Subscriptions
from softphone.focus.focus import Focus
from softphone.store.accounts import Accounts
from softphone.webhooks import Target, Webhooks

__all__ = ["Notifications", "NotificationsDep", "notifications_of"]

VALIDATION = "Validation-Token"


class Notifications:
    """Subscriptions, the gateway, and what they are told; an async context manager.

    Parameters
    ----------
    focus, accounts
        Of whom is told.
    sender
        Tells webhooks.
    server_id
        How this server calls itself.
    now
        Unix seconds.

    Attributes
    ----------
    book
        The subscriptions.
    gateways
        Who is connected.
    """

    def __init__(
        self,
        focus: Focus,
        accounts: Accounts,
        sender: Webhooks,
        *,
        server_id: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.sender = sender
        self.book = Subscriptions()
        self.gateways = Gateways(self.book)
        self._feed = focus.feed
        whom = focus, accounts, self.book, self._deliver
        self._listeners = [
            SessionNotifier(*whom, server_id=server_id, now=now).on_event,
            PresenceNotifier(*whom, now=now).on_event,
        ]
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> "Notifications":
        """Begin to tell."""
        await self._exit.enter_async_context(self.gateways)
        self._feed.listeners += self._listeners
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Tell nobody any more."""
        for listener in self._listeners:
            self._feed.listeners.remove(listener)
        await self._exit.aclose()

    def _deliver(self, subscription: EventSubscription, body: Body) -> None:
        if subscription.session:
            self.gateways.tell(subscription.session, body)
        else:
            kind = str(body["event"]).partition("/account/")[2].partition("/")[2]
            self.sender.send(Target(subscription.address), kind, msgspec.json.encode(body), delivery=body["uuid"])

    def remove(self, subscription: EventSubscription) -> None:
        """Tell one no more, not even what waits to be sent."""
        self.book.remove(subscription.id)
        self._forget(subscription.address)

    def move(self, subscription: EventSubscription, address: str) -> None:
        """Tell a webhook elsewhere from now on; what still waits for where it was is dropped."""
        before, subscription.address = subscription.address, address
        self._forget(before)

    def _forget(self, address: str) -> None:
        """Drop what waits for a webhook that no subscription has any more."""
        if address and not self.book.sends_to(address):
            self.sender.forget(Target(address))

    async def agrees(self, address: str, token: str) -> bool:
        """Ask a webhook whether it wants to be told; raises Forbidden."""
        return await self.sender.echoes(Target(address), VALIDATION, token)


def notifications_of(connection: HTTPConnection) -> Notifications:
    """Give the value that :func:`softphone.api.app.create_app` put there."""
    return cast(Notifications, connection.app.state.notifications)


NotificationsDep = Annotated[Notifications, Depends(notifications_of)]
