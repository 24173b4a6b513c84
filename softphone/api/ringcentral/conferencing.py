"""Dial-in data of a user's conferences."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from softphone.api.auth.access import bridge_codes
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import invalid
from softphone.api.ringcentral.account import COUNTRY
from softphone.api.ringcentral.models import Camel
from softphone.api.ringcentral.paths import ACCOUNT, MeantDep, check_account, uri_of
from softphone.api.ringcentral.printing import PrintedWide
from softphone.store.values import Codes, Extension

__all__ = ["router"]

router = APIRouter(
    prefix=ACCOUNT + "/{accountId}",
    tags=["conferencing"],
    dependencies=[Depends(check_account)],
    default_response_class=PrintedWide,
    responses=failures(400, 401, 403, 404, 408, 413, 415, 429, 503),
)


class NumberWish(Camel):
    """A number that people dial in by."""

    phone_number: str
    default: bool = False


class ConferencingWish(Camel):
    """What of it is to be otherwise."""

    phone_numbers: list[NumberWish] | None = Field(default=None, max_length=100)
    allow_join_before_host: bool | None = None


@router.get("/extension/{extensionId}/conferencing")
async def read_conferencing(
    request: Request,
    extension: MeantDep,
    caller: CallerDep,
    context: ContextDep,
    country: Annotated[str, Query(alias="countryId", max_length=20)] = "",
) -> dict[str, Any]:
    """Tell the bridge number and a user's codes, to itself or to an administrator."""
    if country not in ("", COUNTRY["id"]):
        raise invalid("countryId")
    return _view(extension, bridge_codes(extension, caller, context), request, context)


@router.put("/extension/{extensionId}/conferencing", openapi_extra=described(ConferencingWish))
async def change_conferencing(
    request: Request, extension: MeantDep, caller: CallerDep, context: ContextDep
) -> dict[str, Any]:
    """Choose among what there is: one number; and whether people wait for the host."""
    codes = bridge_codes(extension, caller, context)
    wish = await read(request, ConferencingWish)
    for each in wish.phone_numbers or []:
        if not context.accounts.is_main_number(each.phone_number):
            raise invalid("phoneNumbers.phoneNumber")
    if wish.allow_join_before_host is not None:
        extension = await context.store.set_join_before_host(extension.id, wish.allow_join_before_host)
    return _view(extension, codes, request, context) | _more(extension, context)


def _view(extension: Extension, codes: Codes, request: Request, context: ApiContext) -> dict[str, Any]:
    """Show what the documented answer has, and no more."""
    return {
        "uri": uri_of(request, context, "extension", extension.id, "conferencing"),
        "phoneNumber": _bare(context),
        "hostCode": codes.host,
        "participantCode": codes.participant,
    }


def _more(extension: Extension, context: ApiContext) -> dict[str, Any]:
    """Show what can be chosen."""
    number = {"phoneNumber": _bare(context), "default": True, "hasGreeting": True, "premium": False}
    own, usual = extension.join_before_host, context.config.conference.join_before_host
    return {
        "allowJoinBeforeHost": usual if own is None else own,
        "phoneNumbers": [{**number, "country": COUNTRY}],
    }


def _bare(context: ApiContext) -> str:
    return context.accounts.main_number.lstrip("+")
