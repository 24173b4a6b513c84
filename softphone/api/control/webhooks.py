"""Webhooks of the account, managed by administrators.

Each event is one signed POST of the JSON that the event streams show; see `softphone.webhooks` for headers, signature,
repetition and allowed addresses.
"""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel, Field

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.control.models import Strict
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import ApiError
from softphone.api.http.pages import Part, WholeDep, microseconds
from softphone.errors import ConfigError
from softphone.focus.feed import EventType
from softphone.store.values import Webhook
from softphone.webhooks.reach import Forbidden
from softphone.webhooks.signing import new_secret

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/webhooks"

reading = queries(PREFIX, "webhooks", 403)
doing = commands(PREFIX, "webhooks")

# As many as an account can have use for; every event is sent to each.
MOST = 100

HookId = Annotated[str, Path(alias="webhook", max_length=64)]
Secret = Annotated[str, Field(min_length=16, max_length=200, pattern=r"^[!-~]+$")]


class WebhookWish(Strict):
    """Who is to be told of what."""

    url: Annotated[str, Field(max_length=2000, examples=["https://hooks.example/softphone"])]
    events: Annotated[
        list[Annotated[EventType, Field(strict=False)]], Field(max_length=len(EventType), description="None: all.")
    ] = []
    secret: Annotated[Secret | None, Field(description="Signs what is sent; null: one is made.")] = None


class WebhookView(BaseModel):
    """A webhook; its secret is shown once, when it is made."""

    id: str
    url: str
    events: list[str]
    created: datetime


class NewWebhook(WebhookView):
    """A webhook just made."""

    secret: str


class WebhookList(Part):
    """All webhooks, the oldest first."""

    webhooks: list[WebhookView]


def _view(hook: Webhook) -> WebhookView:
    return WebhookView(id=hook.id, url=hook.url, events=list(hook.events), created=hook.created)


@reading.get("")
async def list_webhooks(caller: CallerDep, context: ContextDep, parts: WholeDep) -> WebhookList:
    """List the webhooks."""
    administrator(caller)
    found = parts.of(
        "webhooks", await context.store.shelf.webhooks(), lambda hook: (microseconds(hook.created), hook.id)
    )
    return WebhookList(webhooks=[_view(hook) for hook in found.items], next=found.next)


@reading.get("/{webhook}")
async def read_webhook(caller: CallerDep, context: ContextDep, hook_id: HookId) -> WebhookView:
    """Show a webhook."""
    administrator(caller)
    return _view(await context.store.shelf.webhook(hook_id))


@doing.post("", status_code=201)
async def create_webhook(caller: CallerDep, context: ContextDep, wish: WebhookWish) -> NewWebhook:
    """Tell somebody what happens from now on."""
    administrator(caller)
    if len(await context.store.shelf.webhooks()) >= MOST:
        raise ApiError(409, "TAS-106", f"There are {MOST} webhooks already")
    secret = wish.secret or new_secret()
    try:
        hook = await context.hooks.add(wish.url, secret, [event.value for event in wish.events])
    except (ConfigError, Forbidden) as error:
        raise ApiError(400, "CMN-101", str(error), extra={"parameterName": "url"}) from error
    return NewWebhook(**_view(hook).model_dump(), secret=secret)


@doing.put("/{webhook}")
async def change_webhook(caller: CallerDep, context: ContextDep, hook_id: HookId, wish: WebhookWish) -> WebhookView:
    """Tell another, or of other events; without a secret it stays the one it was."""
    administrator(caller)
    try:
        hook = await context.hooks.change(hook_id, wish.url, wish.secret, [event.value for event in wish.events])
    except (ConfigError, Forbidden) as error:
        raise ApiError(400, "CMN-101", str(error), extra={"parameterName": "url"}) from error
    return _view(hook)


@doing.delete("/{webhook}", status_code=204)
async def delete_webhook(caller: CallerDep, context: ContextDep, hook_id: HookId) -> Response:
    """Tell nobody there any more."""
    administrator(caller)
    await context.hooks.remove(hook_id)
    return Response(status_code=204)
