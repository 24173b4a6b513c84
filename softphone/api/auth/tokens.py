"""Authentication over HTTP: bearer tokens (RFC 6750), and programs by their secrets."""

import base64
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from softphone.api.auth.grants import Grant
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import slow_down, unauthorized
from softphone.focus.commanding import Actor, acts
from softphone.focus.entrance.authentication import Logins
from softphone.store.values import Extension

__all__ = [
    "CallerDep",
    "basic_credentials",
    "bearer_token",
    "describe_bearer",
    "extension_of",
    "grant_of",
    "is_program",
    "logged_in",
]

T = TypeVar("T")

# For the OpenAPI description only: the answers of this helper are not in our error shape.
describe_bearer = OAuth2PasswordBearer("/restapi/oauth/token", auto_error=False)


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
