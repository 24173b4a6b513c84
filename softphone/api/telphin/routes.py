"""Telphin's API: the properties of conference extensions, and its way to a token."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
from starlette.datastructures import FormData, QueryParams

from softphone.api.auth import access
from softphone.api.auth.tokens import describe_bearer, extension_of, grant_of, is_program, logged_in
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import described_key
from softphone.api.http.bodies import described
from softphone.api.http.properties import Properties, PropertiesChange, changes_of
from softphone.api.telphin.errors import FAILURES, refused
from softphone.store.errors import NoSuchRow
from softphone.store.properties import ConferenceProperties

__all__ = ["AccountToken", "of_the_account", "router"]


class AccountToken(BaseModel):
    """A token: for the account (RFC 6749 section 4.4), or for a user, who has to administer it (section 4.3)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    scope: Literal["all"] = "all"


router = APIRouter(
    tags=["extensions"],
    responses=FAILURES,
)

ExtensionId = Annotated[str, Path(alias="id", max_length=40)]


@router.post("/oauth/token")
async def issue_account_token(request: Request, context: ContextDep) -> AccountToken:
    """Give a program a token for the account, or for a user whose password it knows.

    The parameters may stand in either kind of form, or in the query.
    """
    now = time.monotonic()
    given = await request.form() or request.query_params
    grant = _text(given, "grant_type")
    if grant not in ("client_credentials", "password", "authorization_code"):
        raise refused("unsupported_grant_type", "client_credentials, password, or authorization_code")
    client = _text(given, "client_id")
    if not is_program(request, context, now, client, _text(given, "client_secret")):
        raise refused("invalid_client", "wrong client_id or client_secret")
    pair = context.grants.issue(client, _user(request, context, grant, given, now), now)
    return AccountToken(access_token=pair.access, expires_in=pair.access_s)


def _user(request: Request, context: ApiContext, grant: str, given: FormData | QueryParams, now: float) -> str:
    """Give the id of the extension that a token is of; empty: it is the program's own."""
    if grant == "client_credentials":
        return ""
    if grant == "password":
        extension = logged_in(request, context, _text(given, "username"), _text(given, "password"), now)
        if extension is None:
            raise refused("invalid_grant", "wrong username or password")
        return extension.id
    code, client, address, verifier = (
        _text(given, name) for name in ("code", "client_id", "redirect_uri", "code_verifier")
    )
    user = context.authorizations.redeem(code, client, address, verifier, now)
    if user is None:
        raise refused("invalid_grant", "the code is not good, or not for this")
    return user


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
