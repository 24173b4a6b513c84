"""Subscriptions over HTTP and over the event gateway."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from softphone.api.auth.tokens import CallerDep, grant_of
from softphone.api.context import ApiContext, ContextDep, context_of
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import coded, invalid, not_found
from softphone.api.ringcentral.filters import BadFilter, EventFilter
from softphone.api.ringcentral.gateway_session import GatewaySession
from softphone.api.ringcentral.models import Camel, instant
from softphone.api.ringcentral.printing import Printed
from softphone.api.ringcentral.service import Notifications, NotificationsDep
from softphone.api.ringcentral.subscriptions import EventSubscription, lifetime_s
from softphone.errors import ConfigError
from softphone.store.values import Extension
from softphone.webhooks import Target
from softphone.webhooks.reach import Forbidden

__all__ = ["router"]

PATH = "/restapi/v1.0/subscription"

MOST_FILTERS = 100

router = APIRouter(
    prefix=PATH,
    tags=["subscriptions"],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 413, 415, 429),
)

SubscriptionId = Annotated[str, Path(alias="subscriptionId", max_length=64)]


class DeliveryWish(Camel):
    """By what way a program wants to be told."""

    transport_type: str = ""
    address: Annotated[str | None, Field(max_length=2000)] = None


class SubscriptionWish(Camel):
    """Of what, by what way, and how long in seconds a program wants to be told."""

    event_filters: Annotated[list[str] | None, Field(max_length=MOST_FILTERS)] = None
    delivery_mode: DeliveryWish | None = None
    expires_in: Annotated[int | None, Field(ge=1)] = None


class DeliveryModel(Camel):
    """By what way a program is told."""

    transport_type: Literal["WebHook", "WebSocket"]
    encryption: bool = False
    address: str | None = None


class SubscriptionModel(Camel):
    """A subscription."""

    uri: str
    id: str
    event_filters: list[str]
    creation_time: str
    expiration_time: str
    expires_in: int
    status: Literal["Active"] = "Active"
    delivery_mode: DeliveryModel


class SubscriptionList(BaseModel):
    """A user's subscriptions."""

    uri: str
    records: list[SubscriptionModel]


def _view(each: EventSubscription, request: Request, now: float) -> SubscriptionModel:
    return SubscriptionModel(
        uri=f"{_uri(request)}/{each.id}",
        id=each.id,
        event_filters=[str(one) for one in each.filters],
        creation_time=instant(datetime.fromtimestamp(each.created, UTC)),
        expiration_time=instant(datetime.fromtimestamp(each.expires, UTC)),
        expires_in=max(round(each.expires - now), 0),
        delivery_mode=DeliveryModel(transport_type=each.transport, address=each.address or None),
    )


def _uri(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{PATH}"


def meant(texts: list[str] | None, caller: Extension, context: ApiContext) -> list[EventFilter]:
    """Read the filters of a request, and put in whom they mean; one that comes twice counts once.

    Raises
    ------
    ApiError
        400: there is none, or one that is not known. 403: it is of somebody that the caller may not watch.
    """
    if not texts:
        raise invalid("eventFilters")
    found, bad = dict[EventFilter, None](), list[str]()
    for text in texts:
        try:
            found[_resolved(EventFilter.parse(text), caller, context)] = None
        except BadFilter:
            bad.append(text)
    if bad:
        raise coded("SUB-508", ", ".join(bad))
    return list(found)


def _resolved(said: EventFilter, caller: Extension, context: ApiContext) -> EventFilter:
    account = context.accounts.account_id
    if said.meant.account not in ("~", account):
        raise coded("SUB-406")
    if said.meant.extension in ("~", caller.id):
        return said.of(account, caller.id)
    if not caller.admin:
        raise coded("SUB-405" if said.meant.extension else "CMN-402")
    if said.meant.extension is None:
        return said.of(account, None)
    extension = context.accounts.by_id(said.meant.extension)
    if extension is None:
        raise coded("SUB-408")
    return said.of(account, extension.id)


def _checked_address(address: str | None, service: Notifications) -> str:
    """Give where a webhook is; raises ApiError where nothing can be sent to or may be."""
    try:
        target = Target(address or "")
        service.sender.reach.check(target)
    except (ConfigError, Forbidden) as error:
        raise invalid("deliveryMode.address", str(error)) from error
    return target.url


async def _agreed(address: str, service: Notifications) -> None:
    """Ask a webhook whether it wants to be told; raises ApiError where it does not say so."""
    try:
        agrees = await service.agrees(address, secrets.token_hex(16))
    except Forbidden as error:
        raise invalid("deliveryMode.address", str(error)) from error
    if not agrees:
        raise coded("SUB-525")


def _session(request: Request) -> GatewaySession | None:
    found = getattr(request.state, "gateway", None)
    return found if isinstance(found, GatewaySession) else None


def _made(
    request: Request, wish: SubscriptionWish, filters: list[EventFilter], caller: Extension, service: Notifications
) -> EventSubscription:
    """Make what a request wishes; raises ApiError where there is no such way."""
    if wish.delivery_mode is None:
        raise invalid("deliveryMode")
    session, way = _session(request), wish.delivery_mode.transport_type
    if way not in ("WebHook", "WebSocket") or (way == "WebSocket" and session is None):
        raise invalid("deliveryMode.transportType")
    program = grant_of(request.headers.get("authorization", ""), context_of(request)).client_id
    more: dict[str, Any] = (
        {"transport": "WebSocket", "session": session.token}
        if way == "WebSocket" and session is not None
        else {"transport": "WebHook", "address": _checked_address(wish.delivery_mode.address, service)}
    )
    now = service.now()
    return EventSubscription(
        caller.id, program, tuple(filters), created=now, lifetime_s=lifetime_s(wish.expires_in), **more
    )


def _found(id: str, caller: Extension, service: Notifications) -> EventSubscription:
    book, now = service.book, service.now()
    found = book.find(id, caller.id, now)
    if found is None:
        raise coded("SUB-507", id) if book.expired(id, now) else not_found("subscriptionId")
    return found


@router.post("", response_model_exclude_none=True, openapi_extra=described(SubscriptionWish))
@router.post("/", response_model_exclude_none=True, include_in_schema=False)
async def subscribe(
    request: Request, caller: CallerDep, context: ContextDep, service: NotificationsDep
) -> SubscriptionModel:
    """Tell a program what happens from now on, by a webhook, or over the gateway that the request comes by.

    A webhook is asked first: it has to answer 200 with the ``Validation-Token`` that it gets, within three seconds.
    """
    wish = await read(request, SubscriptionWish)
    made = _made(request, wish, meant(wish.event_filters, caller, context), caller, service)
    if not service.book.has_room(made, service.now()):
        raise coded("SUB-505")
    if made.address:
        await _agreed(made.address, service)
    if not service.book.add(made, service.now()):
        raise coded("SUB-505")
    return _view(made, request, service.now())


@router.get("", response_model_exclude_none=True)
@router.get("/", response_model_exclude_none=True, include_in_schema=False)
async def list_subscriptions(request: Request, caller: CallerDep, service: NotificationsDep) -> SubscriptionList:
    """List a user's subscriptions, the oldest first."""
    now = service.now()
    records = [_view(each, request, now) for each in service.book.of(caller.id, now)]
    return SubscriptionList(uri=_uri(request), records=records)


@router.get("/{subscriptionId}", response_model_exclude_none=True)
async def read_subscription(
    request: Request, subscription_id: SubscriptionId, caller: CallerDep, context: ContextDep, service: NotificationsDep
) -> SubscriptionModel:
    """Show a subscription."""
    return _view(_found(subscription_id, caller, service), request, service.now())


@router.put("/{subscriptionId}", response_model_exclude_none=True, openapi_extra=described(SubscriptionWish))
async def change_subscription(
    request: Request, subscription_id: SubscriptionId, caller: CallerDep, context: ContextDep, service: NotificationsDep
) -> SubscriptionModel:
    """Let a subscription last on, and tell of other things, or another address; what is not said stays."""
    wish = await read(request, SubscriptionWish)
    found = _found(subscription_id, caller, service)
    filters = None if wish.event_filters is None else meant(wish.event_filters, caller, context)
    address = await _other_address(found, wish.delivery_mode, service)
    found = _found(subscription_id, caller, service)  # it may have ended while a webhook was asked
    if filters is not None:
        service.book.change(found, filters)
    service.move(found, address)
    service.book.renew(found, service.now(), wish.expires_in)
    return _view(found, request, service.now())


async def _other_address(found: EventSubscription, wish: DeliveryWish | None, service: Notifications) -> str:
    """Give where a subscription is to be sent, which has agreed to it; raises ApiError."""
    if wish is None:
        return found.address
    if wish.transport_type not in ("", found.transport):
        raise invalid("deliveryMode.transportType")
    if found.transport == "WebSocket" or wish.address in (None, found.address):
        return found.address
    address = _checked_address(wish.address, service)
    await _agreed(address, service)
    return address


@router.post("/{subscriptionId}/renew", response_model_exclude_none=True)
async def renew_subscription(
    request: Request, subscription_id: SubscriptionId, caller: CallerDep, context: ContextDep, service: NotificationsDep
) -> SubscriptionModel:
    """Let a subscription last on as long as it was made for."""
    found = _found(subscription_id, caller, service)
    service.book.renew(found, service.now())
    return _view(found, request, service.now())


@router.delete("/{subscriptionId}", status_code=204)
async def unsubscribe(subscription_id: SubscriptionId, caller: CallerDep, service: NotificationsDep) -> Response:
    """Tell no more."""
    service.remove(_found(subscription_id, caller, service))
    return Response(status_code=204)
