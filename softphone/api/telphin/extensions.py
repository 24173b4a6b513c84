"""The extensions of the account as Telphin's clients see them: listed, and conference extensions made."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import described_key
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import ApiError
from softphone.api.telphin.errors import FAILURES
from softphone.api.telphin.routes import of_the_account
from softphone.store.errors import Conflict
from softphone.store.values import Extension

__all__ = ["TelphinExtension", "router"]

router = APIRouter(tags=["extensions"], responses=FAILURES, dependencies=[Depends(of_the_account)])

PATH = "/api/ver1.0/client/@me/extension"


class TelphinExtension(BaseModel):
    """An extension; what there is not here is null."""

    id: Annotated[int | str, Field(description="A number, unless the account's id is none.")]
    name: str
    type: Literal["phone", "conference"]
    status: Literal["active"] = "active"
    label: str
    domain: str
    create_date: Annotated[str | None, Field(description="UTC: ``2026-02-03 10:15:20``.")]
    client_id: int | str
    extension_group_id: None = None
    caller_id_name: str
    extra_params: None = None
    dial_rule_id: None = None
    dial_rule_limit: None = None
    ani_rfc3325: Literal[False] = False
    did_as_transfer_caller_id: None = None
    message_did: None = None


class ExtensionWish(BaseModel):
    """A new conference extension; telephones are made in the configuration, for they have passwords."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[
        str,
        Field(
            pattern=r"^([0-9]{1,15}\*)?[0-9]{1,15}$", description="Its number, also behind the account's and a star."
        ),
    ]
    type: Literal["conference"]
    label: Annotated[str, Field(max_length=100)] = ""


@router.get(f"{PATH}/")
@router.get(PATH, include_in_schema=False)
async def list_extensions(
    context: ContextDep,
    kind: Annotated[Literal["phone", "conference"] | None, Query(alias="type")] = None,
    page: Annotated[int, Query(ge=1, le=2**31 - 1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[TelphinExtension]:
    """List the extensions, or those of a type, in the order of their numbers."""
    found = sorted(context.accounts.extensions.values(), key=lambda each: (len(each.number), each.number))
    views = [_view(each, context) for each in found]
    chosen = [each for each in views if kind in (None, each.type)]
    return chosen[(page - 1) * per_page : page * per_page]


@router.post(f"{PATH}/", status_code=201, openapi_extra=described(ExtensionWish), dependencies=[Depends(described_key)])
@router.post(PATH, status_code=201, include_in_schema=False)
async def make_extension(request: Request, context: ContextDep) -> TelphinExtension:
    """Make a conference extension, which can be called at once."""
    wish = await read(request, ExtensionWish)
    number = wish.name.rpartition("*")[2]
    try:
        made = await context.store.add_conference(number, wish.label)
    except Conflict as error:
        raise ApiError(400, "CMN-101", str(error)) from error
    return _view(made, context)


def _view(extension: Extension, context: ApiContext) -> TelphinExtension:
    return TelphinExtension(
        id=_number(extension.id),
        name=f"{context.accounts.main_number.lstrip('+')}*{extension.number}".lstrip("*"),
        type="conference" if extension.kind == "conference" else "phone",
        label=extension.name,
        domain=context.accounts.realm,
        create_date=None if extension.created is None else f"{extension.created:%Y-%m-%d %H:%M:%S}",
        client_id=_number(context.accounts.account_id),
        caller_id_name=extension.name,
    )


def _number(id: str) -> int | str:
    return int(id) if id.isdecimal() else id
