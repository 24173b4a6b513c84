"""Signing in on the browser page: a user's password for an access token, which the page keeps as long as it is open."""

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from softphone.api.auth.tokens import bearer_token, extension_of, logged_in
from softphone.api.context import ContextDep
from softphone.api.http.errors import ApiError
from softphone.api.web.errors import FAILURES
from softphone.api.web.joining import WebModel

__all__ = ["router"]

router = APIRouter(prefix="/web", tags=["web"], responses=FAILURES)

# Whose tokens they are, in place of a program of the configuration.
PAGE = "web page"


class LoginWish(WebModel):
    """Who signs in."""

    user: Annotated[str, Field(min_length=1, max_length=200, description="The number of an extension.")]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class LoginView(BaseModel):
    """An access token, for everything that the user may do."""

    token: str
    expires_s: Annotated[int, Field(description="Seconds from now; it is not renewed.")]
    number: str
    name: str


@router.post("/login")
async def sign_in(request: Request, wish: LoginWish, context: ContextDep) -> LoginView:
    """Give an access token for a user's password."""
    now = time.monotonic()
    extension = logged_in(request, context, wish.user.strip(), wish.password, now)
    if extension is None:
        raise ApiError(401, "wrong_login", "There is no such user, or this is not its password")
    pair = context.grants.issue(PAGE, extension.id, now)
    return LoginView(token=pair.access, expires_s=pair.access_s, number=extension.number, name=extension.name)


@router.delete("/login", status_code=204, response_class=Response)
async def sign_out(request: Request, context: ContextDep) -> Response:
    """End the access token that the request bears."""
    header = request.headers.get("authorization", "")
    extension_of(header, context)
    context.grants.revoke(bearer_token(header), PAGE)
    return Response(status_code=204)
