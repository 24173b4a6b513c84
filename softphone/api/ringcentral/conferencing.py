"""How people dial in, in the shape of RingCentral's API: the bridge number and the codes of a user."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from softphone.api.auth.access import bridge_codes
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.errors import not_found
from softphone.api.ringcentral.models import ConferencingModel, FeatureModel, ServiceInfoModel
from softphone.api.ringcentral.routes import check_account
from softphone.store.values import Extension

__all__ = ["router"]

PREFIX = "/restapi/v1.0/account"

router = APIRouter(
    prefix=PREFIX + "/{accountId}",
    tags=["conferencing"],
    dependencies=[Depends(check_account)],
    responses=failures(400, 401, 403, 404, 408, 413, 415, 503),
)


async def meant_extension(
    extension_id: Annotated[str, Path(alias="extensionId", max_length=40)], caller: CallerDep, context: ContextDep
) -> Extension:
    """Give the extension of a path; ``~`` is the caller."""
    extension = caller if extension_id == "~" else context.accounts.by_id(extension_id)
    if extension is None:
        raise not_found("extensionId")
    return extension


@router.get("/extension/{extensionId}/conferencing")
async def read_conferencing(
    request: Request, extension: Annotated[Extension, Depends(meant_extension)], caller: CallerDep, context: ContextDep
) -> ConferencingModel:
    """Tell the bridge number and a user's codes, to itself or to an administrator."""
    codes = bridge_codes(extension, caller, context)
    return ConferencingModel(
        uri=f"{_uri(request, context)}/extension/{extension.id}/conferencing",
        phone_number=context.accounts.main_number.lstrip("+"),
        host_code=codes.host,
        participant_code=codes.participant,
    )


@router.get("/service-info")
async def read_service_info(request: Request, context: ContextDep) -> ServiceInfoModel:
    """Tell whether the account has a bridge number to dial in by."""
    conferencing = FeatureModel(feature_name="Conferencing", enabled=bool(context.accounts.main_number))
    return ServiceInfoModel(uri=f"{_uri(request, context)}/service-info", service_features=[conferencing])


def _uri(request: Request, context: ApiContext) -> str:
    return f"{str(request.base_url).rstrip('/')}{PREFIX}/{context.accounts.account_id}"
