"""Presence and active calls, of an extension or of all."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.ringcentral.errors import lacks
from softphone.api.ringcentral.paths import ACCOUNT, OwnDep, check_account, listed, number, uri_of
from softphone.api.ringcentral.presence import (
    ActiveCall,
    calls_by_extension,
    calls_of,
    dialogs_of,
    log_record,
    presence_of,
)
from softphone.api.ringcentral.printing import Printed
from softphone.store.values import Extension

__all__ = ["router"]

router = APIRouter(
    prefix=ACCOUNT + "/{accountId}",
    tags=["presence"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 413, 415, 429, 503),
)

Detailed = Annotated[bool, Query(alias="detailedTelephonyState")]
WithSip = Annotated[bool, Query(alias="sipData")]


def _calls(context: ApiContext) -> dict[str, list[ActiveCall]]:
    return calls_by_extension(room.session for room in context.focus.rooms.values())


# The document asks by POST, and every client by GET.
@router.get("/extension/{extensionId}/presence", operation_id="read_presence")
@router.post("/extension/{extensionId}/presence", operation_id="ask_presence")
async def read_presence(
    request: Request, extension: OwnDep, context: ContextDep, detailed: Detailed = False, sip: WithSip = False
) -> dict[str, Any]:
    """Say whether an extension talks, to itself or to an administrator; in detail with its calls."""
    return _view(extension, calls_of(extension.id, context.focus), request, context, detailed=detailed, sip=sip)


@router.get("/presence")
async def read_all_presence(
    request: Request, caller: CallerDep, context: ContextDep, detailed: Detailed = False, sip: WithSip = False
) -> dict[str, Any]:
    """Say which users talk; the calls of others are told to administrators alone."""
    calls = _calls(context)
    users = (each for each in context.accounts.extensions.values() if each.kind == "user")
    records = [
        _view(
            each,
            calls.get(each.id, []),
            request,
            context,
            detailed=detailed and (caller.admin or each.id == caller.id),
            sip=sip,
        )
        for each in users
    ]
    return listed(uri_of(request, context, "presence"), records)


@router.get("/extension/{extensionId}/active-calls")
async def list_active_calls(request: Request, extension: OwnDep, context: ContextDep) -> dict[str, Any]:
    """List the calls that an extension has now, to itself or to an administrator."""
    uri = uri_of(request, context, "extension", extension.id, "active-calls")
    return listed(uri, [log_record(call, uri) for call in calls_of(extension.id, context.focus)])


@router.get("/active-calls")
async def list_all_active_calls(request: Request, caller: CallerDep, context: ContextDep) -> dict[str, Any]:
    """List the calls that all extensions have now, to administrators."""
    if not caller.admin:
        raise lacks("FullCompanyCallLog")
    uri = uri_of(request, context, "active-calls")
    return listed(uri, [log_record(call, uri) for calls in _calls(context).values() for call in calls])


def _view(
    extension: Extension, calls: list[ActiveCall], request: Request, context: ApiContext, *, detailed: bool, sip: bool
) -> dict[str, Any]:
    uri = uri_of(request, context, "extension", extension.id)
    told = presence_of(
        calls,
        busy=context.accounts.handling(extension.id).do_not_disturb,
        detailed=detailed,
        sip=dialogs_of(calls, context.focus) if sip else None,
    )
    who = {"extensionNumber": extension.number, "id": number(extension.id), "uri": uri}
    # In the order of the document, which is that of the names.
    return dict(sorted({**told, "extension": who, "uri": f"{uri}/presence"}.items()))
