"""Telphin's API: the properties of conference extensions, and its way to a token."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, QueryParams

from softphone.api.auth import access
from softphone.api.auth.tokens import describe_bearer, extension_of, grant_of, is_program
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import described_key
from softphone.api.http.bodies import described
from softphone.api.http.properties import Properties, PropertiesChange, changes_of
from softphone.api.telphin.errors import FAILURES, refused
from softphone.store.errors import NoSuchRow
from softphone.store.properties import ConferenceProperties
from softphone.store.values import Extension

__all__ = ["AccountToken", "TelphinExtension", "router"]


class AccountToken(BaseModel):
    """A token for the account, without an extension (RFC 6749 section 4.4)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    scope: Literal["all"] = "all"


class TelphinExtension(BaseModel):
    """An extension, with what of Telphin's view of it there is here."""

    id: Annotated[int | str, Field(description="A number, unless the account's id is none.")]
    name: str
    type: Literal["phone", "conference"]
    status: Literal["active"] = "active"
    label: str
    domain: str


router = APIRouter(
    tags=["extensions"],
    responses=FAILURES,
)

ExtensionId = Annotated[str, Path(alias="id", max_length=40)]


@router.post("/oauth/token")
async def issue_account_token(request: Request, context: ContextDep) -> AccountToken:
    """Give a program a token for the account; the parameters may stand in either kind of form, or in the query."""
    now = time.monotonic()
    given = await request.form() or request.query_params
    if _text(given, "grant_type") != "client_credentials":
        raise refused("unsupported_grant_type", "only client_credentials")
    client = _text(given, "client_id")
    if not is_program(request, context, now, client, _text(given, "client_secret")):
        raise refused("invalid_client", "wrong client_id or client_secret")
    pair = context.grants.issue(client, "", now)
    return AccountToken(access_token=pair.access, expires_in=pair.access_s)


def _text(given: FormData | QueryParams, name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else ""


async def of_the_account(
    request: Request, context: ContextDep, _: Annotated[str | None, Depends(describe_bearer)] = None
) -> None:
    """Let a program with a token of the account pass, and administrators."""
    header = request.headers.get("authorization", "")
    if grant_of(header, context).extension_id:
        access.administrator(extension_of(header, context))


async def conference_extension(
    named: ExtensionId, context: ContextDep, _: Annotated[None, Depends(of_the_account)]
) -> str:
    """Give the id of the conference extension with this id; with this number, when no extension has such an id."""
    extension = context.accounts.by_id(named) or context.accounts.extensions.get(named)
    extension_id = extension.id if extension is not None else named
    _present(extension_id, context)
    return extension_id


ConferenceExtensionDep = Annotated[str, Depends(conference_extension)]


def _present(extension_id: str, context: ApiContext) -> ConferenceProperties:
    properties = context.accounts.properties(extension_id)
    if properties is None:
        raise NoSuchRow(extension_id)
    return properties


@router.get("/api/ver1.0/client/@me/extension/", dependencies=[Depends(of_the_account)])
@router.get("/api/ver1.0/client/@me/extension", include_in_schema=False, dependencies=[Depends(of_the_account)])
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


def _view(extension: Extension, context: ApiContext) -> TelphinExtension:
    return TelphinExtension(
        id=int(extension.id) if extension.id.isdecimal() else extension.id,
        name=f"{context.accounts.main_number.lstrip('+')}*{extension.number}".lstrip("*"),
        type="conference" if extension.kind == "conference" else "phone",
        label=extension.name,
        domain=context.accounts.realm,
    )


@router.get("/api/ver1.0/extension/{id}/conference/")
@router.get("/api/ver1.0/extension/{id}/conference", include_in_schema=False)
@router.get("/extension/{id}/conference/")
@router.get("/extension/{id}/conference", include_in_schema=False)
async def read_properties(extension_id: ConferenceExtensionDep, context: ContextDep) -> Properties:
    """Show all properties."""
    return Properties.of(_present(extension_id, context))


@router.put(
    "/api/ver1.0/extension/{id}/conference/",
    openapi_extra=described(PropertiesChange),
    dependencies=[Depends(described_key)],
)
@router.put("/api/ver1.0/extension/{id}/conference", include_in_schema=False)
@router.put(
    "/extension/{id}/conference/", openapi_extra=described(PropertiesChange), dependencies=[Depends(described_key)]
)
@router.put("/extension/{id}/conference", include_in_schema=False)
async def change_properties(extension_id: ConferenceExtensionDep, request: Request, context: ContextDep) -> Properties:
    """Change some properties; a conference that runs goes on by the new ones."""
    return Properties.of(await context.store.set_properties(extension_id, await changes_of(request)))
