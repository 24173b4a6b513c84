"""Who is calling: the OAuth token endpoint (RFC 6749 sections 4.3, 6; RFC 7009) and bearer tokens (RFC 6750)."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.security import HTTPBasic, OAuth2PasswordBearer
from pydantic import BaseModel

from softphone.api.auth.grants import Grant, TokenPair
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.errors import ApiError, slow_down, unauthorized
from softphone.focus.commanding import Actor, acts
from softphone.focus.entrance.authentication import Logins
from softphone.store.values import Extension

__all__ = [
    "CallerDep",
    "basic_credentials",
    "describe_bearer",
    "extension_of",
    "grant_of",
    "is_program",
    "logged_in",
    "router",
]

router = APIRouter(tags=["authentication"], responses=failures(400, 401, 408, 413, 415, 429))

T = TypeVar("T")

SCOPE = "CallControl ReadAccounts VoipCalling"

# For the OpenAPI description only: the answers of these helpers are not in our error shape.
describe_client = HTTPBasic(auto_error=False)
describe_bearer = OAuth2PasswordBearer("/restapi/oauth/token", auto_error=False)


class TokenAnswer(BaseModel):
    """A pair of tokens (RFC 6749 section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    refresh_token: str
    refresh_token_expires_in: int
    scope: str
    owner_id: str
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What a client may send; everything else in the form is ignored."""

    grant_type: Annotated[str, Form()] = ""
    username: Annotated[str, Form()] = ""
    extension: Annotated[str, Form()] = ""
    password: Annotated[str, Form()] = ""
    refresh_token: Annotated[str, Form()] = ""
    client_id: Annotated[str, Form()] = ""
    client_secret: Annotated[str, Form()] = ""
    access_token_ttl: Annotated[int | None, Form()] = None
    refresh_token_ttl: Annotated[int | None, Form()] = None


def refused(status: int, error: str, code: str, message: str) -> ApiError:
    """Answer in both styles at once: RFC 6749 section 5.2 and the contract's list."""
    headers = {"WWW-Authenticate": 'Basic realm="softphone"'} if status == 401 else {}
    return ApiError(status, code, message, extra={"error": error, "error_description": message}, headers=headers)


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Read a Basic ``Authorization`` header (RFC 7617); None when it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def authenticated_client(
    request: Request, context: ApiContext, now: float, client_id: str = "", client_secret: str = ""
) -> str:
    """Give the id of the program that sent the request, in Basic credentials or in the form.

    Raises
    ------
    ApiError
        401: it is unknown or its secret wrong. 429: it was wrong too often from there.
    """
    given = basic_credentials(request.headers.get("authorization", "")) or (client_id, client_secret)
    if not is_program(request, context, now, *given):
        raise refused(401, "invalid_client", "OAU-146", "Invalid client credentials.")
    return given[0]


def is_program(request: Request, context: ApiContext, now: float, client_id: str, secret: str) -> bool:
    """Whether the secret of a program is right.

    Raises
    ------
    ApiError
        429: it was wrong too often from there.
    """
    if not secret:  # nothing was guessed
        return False
    return _throttled(context.programs, request, client_id, now, lambda: context.grants.client(client_id, secret))


def _throttled(logins: Logins, request: Request, user: str, now: float, check: Callable[[], T]) -> T:
    """Check a secret unless `user` was wrong too often; what `check` gives is true when it was right.

    Raises
    ------
    ApiError
        429: it has to wait.
    """
    address = request.client.host if request.client else ""
    if wait_s := logins.wait_s(address, user, now):
        raise slow_down(wait_s)
    right = check()
    (logins.succeeded if right else logins.failed)(address, user, now)
    return right


@router.post("/restapi/oauth/token", response_model=TokenAnswer, dependencies=[Depends(describe_client)])
async def issue_token(request: Request, form: Annotated[TokenForm, Depends()], context: ContextDep) -> TokenAnswer:
    """Give a pair of tokens for a password or a refresh token."""
    return _answer(_granted(request, form, context, time.monotonic()))


def _granted(request: Request, form: TokenForm, context: ApiContext, now: float) -> TokenPair:
    client = authenticated_client(request, context, now, form.client_id, form.client_secret)
    match form.grant_type:
        case "password":
            pair = _by_password(request, form, client, context, now)
        case "refresh_token":
            pair = context.grants.refresh(
                form.refresh_token, client, now, form.access_token_ttl, form.refresh_token_ttl
            )
        case _:
            raise refused(400, "unsupported_grant_type", "OAU-112", "Grant type is not supported.")
    if pair is None:
        raise refused(400, "invalid_grant", "OAU-140", "Invalid resource owner credentials.")
    return pair


def _user(form: TokenForm) -> str:
    # Some clients name the main number and the extension apart.
    return f"{form.username}*{form.extension}" if form.extension else form.username


def _by_password(request: Request, form: TokenForm, client: str, context: ApiContext, now: float) -> TokenPair | None:
    extension = logged_in(request, context, _user(form), form.password, now)
    if extension is None:
        return None
    return context.grants.issue(client, extension.id, now, form.access_token_ttl, form.refresh_token_ttl)


def logged_in(request: Request, context: ApiContext, user: str, password: str, now: float) -> Extension | None:
    """Give the extension whose name and password these are; None: they are nobody's.

    Raises
    ------
    ApiError
        429: they were wrong too often from there.
    """
    meant = context.accounts.find(user)
    name = meant.number if meant is not None else user.lower()
    return _throttled(context.logins, request, name, now, lambda: context.accounts.login(user, password))


def _answer(pair: TokenPair) -> TokenAnswer:
    return TokenAnswer(
        access_token=pair.access,
        expires_in=pair.access_s,
        refresh_token=pair.refresh,
        refresh_token_expires_in=pair.refresh_s,
        scope=SCOPE,
        owner_id=pair.extension_id,
        endpoint_id=f"ep-{pair.extension_id}",
    )


@router.post("/restapi/oauth/revoke", dependencies=[Depends(describe_client)])
async def revoke_token(
    request: Request,
    context: ContextDep,
    token: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
) -> Response:
    """End a pair of tokens, named by either of them (RFC 7009)."""
    client = authenticated_client(request, context, time.monotonic(), client_id, client_secret)
    context.grants.revoke(token, client)
    return Response()


def bearer_token(header: str) -> str:
    """Read the token of an ``Authorization`` header; the scheme in any case, or, as the documents show it, left out."""
    scheme, space, token = header.strip().partition(" ")
    if not space:
        return scheme
    if scheme.lower() != "bearer":
        raise unauthorized("OAU-123")
    return token.strip()


def grant_of(header: str, context: ApiContext) -> Grant:
    """Give the valid grant of the token that an ``Authorization`` header bears.

    Raises
    ------
    ApiError
        401: there is none.
    """
    if not header:
        raise unauthorized("OAU-134")
    grant = context.grants.find(bearer_token(header))
    if grant is None:
        raise unauthorized("OAU-129")
    if time.monotonic() >= grant.access_until:
        raise unauthorized("OAU-128")
    return grant


def extension_of(header: str, context: ApiContext) -> Extension:
    """Give the extension whose token an ``Authorization`` header bears.

    Raises
    ------
    ApiError
        401: there is none, or it is of a program and no extension.
    """
    return _extension(grant_of(header, context), context)


def _extension(grant: Grant, context: ApiContext) -> Extension:
    if not grant.extension_id:
        raise unauthorized("CMN-405")
    extension = context.accounts.by_id(grant.extension_id)
    if extension is None:
        raise unauthorized("OAU-129")
    return extension


async def caller(
    request: Request, context: ContextDep, _: Annotated[str | None, Depends(describe_bearer)] = None
) -> Extension:
    """Give the extension whose token the request bears; what is commanded by the request is commanded by it."""
    grant = grant_of(request.headers.get("authorization", ""), context)
    extension = _extension(grant, context)
    acts(Actor(f"extension {extension.number}", "http", grant.client_id, request.headers.get("user-agent", "")))
    return extension


CallerDep = Annotated[Extension, Depends(caller)]
