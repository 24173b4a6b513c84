"""Webhook events: the same events as on the event streams.

`softphone.webhooks` signs, repeats and bounds what is sent; here is who gets which event.
"""

import asyncio
from collections.abc import Sequence

from softphone.api.events.watching import event_view
from softphone.focus.feed import Feed, FeedEvent
from softphone.store.store import Store
from softphone.store.values import Webhook
from softphone.webhooks import Target, Webhooks

__all__ = ["Hooks"]


class Hooks:
    """The webhooks of a server; an async context manager.

    Parameters
    ----------
    feed
        What happens.
    store
        Where the webhooks are kept.
    sender
        Sends.
    """

    def __init__(self, feed: Feed, store: Store, sender: Webhooks) -> None:
        self._feed = feed
        self._events = feed.subscribe()
        self._store = store
        self._sender = sender
        self._hooks: dict[str, Webhook] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Hooks":
        """Read who is to be told, and begin."""
        self._hooks = {hook.id: hook for hook in await self._store.shelf.webhooks()}
        self._task = asyncio.create_task(self._tell_all(), name="hooks")
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Tell what has happened to the end, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._feed.after(self._events.last_id) is not None:
            self._tell(await anext(self._events))

    async def add(self, url: str, secret: str, events: Sequence[str]) -> Webhook:
        """Tell one more.

        Raises
        ------
        ConfigError
            The URL is none that can be sent to.
        Forbidden
            Its address is neither public nor allowed.
        StoreUnavailable
        """
        self._sender.reach.check(Target(url))
        hook = await self._store.shelf.add_webhook(url, secret, events)
        self._hooks[hook.id] = hook
        return hook

    async def change(self, hook_id: str, url: str, secret: str | None, events: Sequence[str]) -> Webhook:
        """Tell another, or of other events; None keeps the secret. What waits to be sent goes where it was to go.

        Raises
        ------
        NoSuchRow
        ConfigError
            The URL is none that can be sent to.
        Forbidden
            Its address is neither public nor allowed.
        StoreUnavailable
        """
        self._sender.reach.check(Target(url))
        before = await self._store.shelf.webhook(hook_id)
        await self._store.shelf.set_webhook(hook_id, url, secret or before.secret, events)
        hook = await self._store.shelf.webhook(hook_id)
        self._hooks[hook_id] = hook
        return hook

    async def remove(self, hook_id: str) -> None:
        """Tell one no more, not even what waits to be sent; raises NoSuchRow, StoreUnavailable."""
        await self._store.shelf.remove_webhook(hook_id)
        hook = self._hooks.pop(hook_id, None)
        if hook is not None:
            self._sender.forget(Target(hook.url, hook.secret))

    async def _tell_all(self) -> None:
        async for event in self._events:
            self._tell(event)

    def _tell(self, event: FeedEvent) -> None:
        wanted = [hook for hook in self._hooks.values() if not hook.events or event.type in hook.events]
        if wanted:
            body = event_view(event).model_dump_json().encode()
            for hook in wanted:
                self._sender.send(Target(hook.url, hook.secret), event.type, body)
