"""The OAuth token endpoints: passwords, JSON Web Tokens, refreshing, revoking (RFC 6749, 7009, 7523)."""

import time
from dataclasses import dataclass
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.security import HTTPBasic
from pydantic import BaseModel

from softphone.api.auth import authorize
from softphone.api.auth.assertions import BadAssertion
from softphone.api.auth.grants import TICKET_S, TokenPair
from softphone.api.auth.tokens import basic_credentials, describe_bearer, grant_of, is_program, logged_in
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.codes import CODES
from softphone.api.http.errors import ApiError

__all__ = ["GATEWAY", "ROUTERS", "SCOPE"]

log = structlog.get_logger()

router = APIRouter(tags=["authentication"], responses=failures(400, 401, 408, 413, 415, 429))
ROUTERS = (router, authorize.router)

SCOPE = "CallControl ReadAccounts ReadPresence VoipCalling SubscriptionWebhook WebSocketsSubscription"

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

# Where the event gateway is.
GATEWAY = "/restapi/v1.0/ws"

# For the OpenAPI description only: the answers of this helper are not in our error shape.
describe_client = HTTPBasic(auto_error=False)


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
    session_id: str


class TicketAnswer(BaseModel):
    """What opens a connection to the event gateway."""

    uri: str
    ws_access_token: str
    expires_in: int = TICKET_S


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What a client may send; everything else in the form is ignored."""

    grant_type: Annotated[str, Form()] = ""
    username: Annotated[str, Form()] = ""
    extension: Annotated[str, Form()] = ""
    password: Annotated[str, Form()] = ""
    refresh_token: Annotated[str, Form()] = ""
    assertion: Annotated[str, Form()] = ""
    code: Annotated[str, Form()] = ""
    redirect_uri: Annotated[str, Form()] = ""
    code_verifier: Annotated[str, Form()] = ""
    client_id: Annotated[str, Form()] = ""
    client_secret: Annotated[str, Form()] = ""
    access_token_ttl: Annotated[int | None, Form()] = None
    refresh_token_ttl: Annotated[int | None, Form()] = None


def refused(error: str, code: str) -> ApiError:
    """Answer in both styles at once: RFC 6749 section 5.2 and the contract's list."""
    status, message = CODES[code].status, CODES[code].message
    headers = {"WWW-Authenticate": 'Basic realm="softphone"'} if status == 401 else {}
    return ApiError(status, code, message, extra={"error": error, "error_description": message}, headers=headers)


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
    if not context.grants.is_public(*given) and not is_program(request, context, now, *given):
        raise refused("invalid_client", "OAU-146")
    return given[0]


@router.post("/restapi/oauth/token", response_model=TokenAnswer, dependencies=[Depends(describe_client)])
async def issue_token(request: Request, form: Annotated[TokenForm, Depends()], context: ContextDep) -> TokenAnswer:
    """Give a pair of tokens for a password, a JSON Web Token (see ``softphone jwt``), a code or a refresh token."""
    return _answer(_granted(request, form, context, time.monotonic()))


def _granted(request: Request, form: TokenForm, context: ApiContext, now: float) -> TokenPair:
    client = authenticated_client(request, context, now, form.client_id, form.client_secret)
    lives = form.access_token_ttl, form.refresh_token_ttl
    match form.grant_type:
        case "password":
            extension_id = _by_password(request, form, context, now)
        case grant if grant == JWT_BEARER:
            extension_id = _by_assertion(form.assertion, client, context)
        case "authorization_code":
            asked = form.code, client, form.redirect_uri, form.code_verifier
            extension_id = context.authorizations.redeem(*asked, now)
        case "refresh_token":
            pair = context.grants.refresh(form.refresh_token, client, now, *lives)
            if pair is None:
                raise refused("invalid_grant", "OAU-140")
            return pair
        case grant:
            raise refused(
                "unauthorized_client" if grant == "client_credentials" else "unsupported_grant_type", "OAU-112"
            )
    if extension_id is None:
        raise refused("invalid_grant", "OAU-140")
    return context.grants.issue(client, extension_id, now, *lives)


def _by_password(request: Request, form: TokenForm, context: ApiContext, now: float) -> str | None:
    # Some clients name the main number and the extension apart.
    user = f"{form.username}*{form.extension}" if form.extension else form.username
    extension = logged_in(request, context, user, form.password, now)
    return extension.id if extension is not None else None


def _by_assertion(token: str, client: str, context: ApiContext) -> str | None:
    try:
        said = context.assertions.check(token, time.time())
    except BadAssertion as error:
        log.info("assertion_refused", program=client, reason=str(error))
        return None
    extension = context.accounts.by_id(said.extension_id)
    if extension is None or extension.kind != "user" or said.client_id not in ("", client):
        log.info("assertion_refused", program=client, reason="it is of no user, or for another program")
        return None
    return extension.id


def _answer(pair: TokenPair) -> TokenAnswer:
    return TokenAnswer(
        access_token=pair.access,
        expires_in=pair.access_s,
        refresh_token=pair.refresh,
        refresh_token_expires_in=pair.refresh_s,
        scope=SCOPE,
        owner_id=pair.extension_id,
        endpoint_id=pair.endpoint,
        session_id=pair.endpoint.replace("ep-", "os-", 1),
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


@router.post("/restapi/oauth/wstoken", dependencies=[Depends(describe_bearer)])
async def issue_ticket(request: Request, context: ContextDep) -> TicketAnswer:
    """Give a token for the event gateway: ``?access_token=`` of its address."""
    grant = grant_of(request.headers.get("authorization", ""), context)
    scheme = "wss" if request.url.scheme == "https" else "ws"
    uri = f"{scheme}://{request.url.netloc}{GATEWAY}"
    return TicketAnswer(uri=uri, ws_access_token=context.grants.ticket(grant, time.monotonic()))
