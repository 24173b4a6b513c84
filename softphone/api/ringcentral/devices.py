"""Telephones: which a user has, and what they are given to register with."""

from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from softphone.address import host_port
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import coded, invalid, not_found
from softphone.api.ringcentral.models import DEVICE_KINDS, Camel, DeviceType, device_id
from softphone.api.ringcentral.paths import ACCOUNT, API, OwnDep, check_account, listed, number, uri_of
from softphone.api.ringcentral.printing import Printed
from softphone.store.values import Extension

__all__ = ["ROUTERS"]

Transport = Literal["UDP", "TCP", "TLS", "WS", "WSS"]

STATUSES = (400, 401, 403, 404, 408, 413, 415, 429, 503)
account = APIRouter(
    prefix=ACCOUNT + "/{accountId}",
    tags=["devices"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(*STATUSES),
)
client = APIRouter(
    prefix=API + "/client-info", tags=["devices"], default_response_class=Printed, responses=failures(*STATUSES)
)
ROUTERS = (account, client)


class TransportWish(BaseModel):
    """How a telephone wants to be connected."""

    transport: str = ""


class DeviceWish(Camel):
    """Which device it says that it is."""

    id: str | int | None = None
    serial: str = ""
    computer_name: str = ""


class ProvisionWish(Camel):
    """What a program asks for a telephone; older ones send no list."""

    sip_info: list[TransportWish] | TransportWish = Field(default_factory=list)
    device: DeviceWish = DeviceWish()


@account.get("/extension/{extensionId}/device")
async def list_devices(request: Request, extension: OwnDep, context: ContextDep) -> dict[str, Any]:
    """List the telephones of a user, to itself or to an administrator."""
    kinds = DEVICE_KINDS.values() if extension.kind == "user" else ()
    found = [_view(extension, kind, request, context) for kind in kinds]
    return listed(uri_of(request, context, "extension", extension.id, "device"), found)


async def meant_device(
    identity: Annotated[str, Path(alias="deviceId", max_length=40)], caller: CallerDep, context: ContextDep
) -> tuple[Extension, DeviceType]:
    """Give whose a device is, and of which kind, to its user or to an administrator."""
    extension = context.accounts.by_id(identity[1:])
    if identity[:1] not in DEVICE_KINDS or extension is None or extension.kind != "user":
        raise not_found("deviceId")
    if not caller.admin and extension.id != caller.id:
        raise coded("CMN-404")
    return extension, DEVICE_KINDS[identity[0]]


DeviceDep = Annotated[tuple[Extension, DeviceType], Depends(meant_device)]


@account.get("/device/{deviceId}")
async def read_device(request: Request, device: DeviceDep, context: ContextDep) -> dict[str, Any]:
    """Show a telephone."""
    return _view(*device, request, context)


@account.get("/device/{deviceId}/sip-info")
async def read_sip_info(request: Request, device: DeviceDep, context: ContextDep) -> dict[str, Any]:
    """Tell what a telephone of the kind ``OtherPhone`` registers with: always the same."""
    extension, kind = device
    if kind != "OtherPhone":
        raise not_found("deviceId")
    made = context.accounts.provisioned.fixed(extension)
    plain, secure = (_proxy(each, request, context) for each in ("UDP", "TLS"))
    return {
        "domain": context.accounts.realm,
        "outboundProxies": [{"region": "Default", "proxy": plain, **({"proxyTLS": secure} if secure else {})}],
        "userName": _user(extension, context),
        "password": made.password,
        "authorizationId": made.name,
    }


@client.post("/sip-provision", openapi_extra=described(ProvisionWish))
async def provision(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, Any]:
    """Give the caller what a telephone of its registers with: each time another name and password."""
    wish = await read(request, ProvisionWish)
    transport = _transport(wish)
    _check_device(wish.device, caller)
    made = context.accounts.provisioned.fresh(caller)
    proxy = _proxy(transport, request, context)
    if not proxy:
        raise invalid("sipInfo.transport", "it is not spoken here")
    info = {
        "username": _user(caller, context),
        "password": made.password,
        "authorizationTypes": ["SipDigest"],
        "authorizationId": made.name,
        "domain": context.accounts.realm,
        "outboundProxy": proxy,
        "outboundProxyBackup": proxy,
        "transport": transport,
        "certificate": "",
        "switchBackInterval": 3600,
        "stunServers": [],
    }
    shown = {"serial": wish.device.serial, "computerName": wish.device.computer_name}
    return {
        "device": _view(caller, "WebPhone", request, context) | shown,
        "sipInfo": [info],
        "sipFlags": {
            "voipFeatureEnabled": True,
            "voipCountryBlocked": False,
            "outboundCallsEnabled": bool(context.config.trunks),
            "dscpEnabled": False,
            "dscpSignaling": 26,
            "dscpVoice": 46,
            "dscpVideo": 34,
        },
        "sipErrorCodes": ["408", "502", "503", "504"],
        "pollingInterval": 86400,
    }


def _transport(wish: ProvisionWish) -> Transport:
    """Say how a telephone is to be connected; all that it names have to be alike."""
    wishes = wish.sip_info if isinstance(wish.sip_info, list) else [wish.sip_info]
    named = {each.transport.upper() for each in wishes}
    found = next((each for each in get_args(Transport) if each in named), None)
    if found is None or not named <= set(get_args(Transport)):
        raise invalid("sipInfo.transport")
    if len(named) > 1:
        raise coded("SPR-129", "sipInfo")
    chosen: Transport = found
    return chosen


def _check_device(device: DeviceWish, caller: Extension) -> None:
    """Refuse a device that is not the caller's own."""
    if device.id is None:
        return
    identity = str(device.id)
    if not (identity.isdecimal() and identity.isascii()):
        raise coded("SPR-118", "device.id")
    if identity not in {device_id(caller.id, kind) for kind in DEVICE_KINDS.values()}:
        raise not_found("device.id")


def _user(extension: Extension, context: ApiContext) -> str:
    """Give the user name of From and To: the longest that means the extension, without its ``+``."""
    return max(context.accounts.names(extension), key=len).lstrip("+")


def _proxy(transport: Transport, request: Request, context: ApiContext) -> str:
    """Say where a telephone connects to; empty: nowhere.

    Where this server has no certificate, a proxy before it may end TLS: it is where the API was asked.
    """
    port = context.sip_ports().get(transport.lower())
    if port is None:
        return request.url.netloc if transport == "WSS" else ""
    host, _ = context.focus.node
    return host_port(host, port)


def _view(extension: Extension, kind: DeviceType, request: Request, context: ApiContext) -> dict[str, Any]:
    identity = device_id(extension.id, kind)
    return {
        "uri": uri_of(request, context, "device", identity),
        "id": identity,
        "type": kind,
        "sku": "DV-1",
        "status": "Online" if context.registrations.reached(context.accounts.names(extension)) else "Offline",
        "name": kind,
        "serial": "",
        "computerName": "",
        "extension": {
            "uri": uri_of(request, context, "extension", extension.id),
            "id": number(extension.id),
            "extensionNumber": extension.number,
        },
        "phoneLines": [],
        "linePooling": "None",
        "useAsCommonPhone": False,
    }
