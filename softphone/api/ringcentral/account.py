"""The account, its features, and its extensions."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.ringcentral.paths import ACCOUNT, OwnDep, check_account, listed, number, uri_of
from softphone.api.ringcentral.printing import Printed
from softphone.store.values import Extension

__all__ = ["extension_view", "router"]

router = APIRouter(
    prefix=ACCOUNT + "/{accountId}",
    tags=["account"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 413, 415, 429, 503),
)

COUNTRY = {"id": "1", "name": "United States", "isoCode": "US", "callingCode": "1"}
PLAN = {"id": "1", "name": "Office"}

# What an extension is to RingCentral's clients; of rooms it has no more than the word.
TYPES = {"user": "User", "conference": "Room"}


def _features(context: ApiContext) -> dict[str, bool]:
    """Say what the account has."""
    return {
        "Conferencing": bool(context.accounts.main_number),
        "Presence": True,
        "VoipCalling": True,
        "WebPhone": True,
        "OnDemandCallRecording": True,
        "CallPark": True,
    }


@router.get("")
async def read_account(request: Request, context: ContextDep) -> dict[str, Any]:
    """Show the account."""
    return {
        "uri": uri_of(request, context),
        "id": number(context.accounts.account_id),
        "mainNumber": context.accounts.main_number,
        "status": "Confirmed",
        "setupWizardState": "Completed",
        "serviceInfo": {"uri": uri_of(request, context, "service-info"), "servicePlan": PLAN},
        "regionalSettings": {"homeCountry": COUNTRY},
    }


@router.get("/service-info")
async def read_service_info(request: Request, context: ContextDep) -> dict[str, Any]:
    """Tell what the account has; ``Conferencing``: whether there is a bridge number to dial in by."""
    return {
        "uri": uri_of(request, context, "service-info"),
        "servicePlanName": PLAN["name"],
        "brand": {"id": "1", "name": "softphone", "homeCountry": COUNTRY},
        "contractedCountry": COUNTRY,
        "servicePlan": {**PLAN, "edition": "Standard"},
        "billingPlan": {"id": "1", "name": "None", "durationUnit": "Month", "duration": 1, "type": "Regular"},
        "serviceFeatures": [{"featureName": name, "enabled": on} for name, on in _features(context).items()],
        "limits": {"maxExtensionNumberLength": max(map(len, context.accounts.extensions), default=1)},
    }


@router.get("/extension")
async def list_extensions(request: Request, _caller: CallerDep, context: ContextDep) -> dict[str, Any]:
    """List the extensions of the account, as far as everybody may know them."""
    found = (_known(each, request, context) for each in context.accounts.extensions.values())
    return listed(uri_of(request, context, "extension"), list(found))


@router.get("/extension/{extensionId}")
async def read_extension(request: Request, extension: OwnDep, context: ContextDep) -> dict[str, Any]:
    """Show an extension, to itself or to an administrator."""
    return extension_view(extension, request, context)


def _known(extension: Extension, request: Request, context: ApiContext) -> dict[str, Any]:
    return {
        "uri": uri_of(request, context, "extension", extension.id),
        "id": number(extension.id),
        "extensionNumber": extension.number,
        "name": extension.name,
        "type": TYPES[extension.kind],
        "status": "Enabled",
        "hidden": False,
    }


def extension_view(extension: Extension, request: Request, context: ApiContext) -> dict[str, Any]:
    """Show all of an extension."""
    first, _, last = extension.name.partition(" ")
    features = _features(context) | {
        "Conferencing": extension.kind == "user" and extension.conferencing and bool(context.accounts.main_number)
    }
    return _known(extension, request, context) | {
        "account": {"uri": uri_of(request, context), "id": context.accounts.account_id},
        "contact": {"firstName": first, "lastName": last},
        "setupWizardState": "Completed",
        "permissions": {"admin": {"enabled": extension.admin}, "internationalCalling": {"enabled": False}},
        "regionalSettings": {"homeCountry": COUNTRY},
        "serviceFeatures": [_feature(name, on) for name, on in features.items()],
    }


def _feature(name: str, on: bool) -> dict[str, Any]:
    return {"featureName": name, "enabled": on} | ({} if on else {"reason": "AccountLimitation"})
