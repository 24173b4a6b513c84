"""WHIP (RFC 9725), both ways: a client that sends an offer as it is, and hears the conference in the same session.

What is behind it is what is behind the browser page. Candidates that come later are not taken (RFC 9725 section 4.3.1):
ours are all in the answer, and the client's are learnt from where it sends.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from softphone.api.auth.tokens import bearer_token
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import ApiError
from softphone.api.web.errors import FAILURES, no_such_party, not_yours
from softphone.api.web.joining import JoinWish, let_in
from softphone.focus.entrance.web_parties import WebParty, digest_of
from softphone.store.values import Extension

__all__ = ["WhipSessions", "router"]

router = APIRouter(prefix="/whip", tags=["web"], responses=FAILURES)

SDP = "application/sdp"
LONGEST_OFFER = 60_000

SDP_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string", "maxLength": LONGEST_OFFER}}}}
}
SDP_ANSWER: dict[int | str, dict[str, Any]] = {
    201: {"content": {SDP: {"schema": {"type": "string"}}}, "description": "Our answer."}
}


@dataclass(frozen=True, slots=True)
class WhipSession:
    """A session (RFC 9725 section 4.1), named by a number that cannot be guessed."""

    party: WebParty
    digest: bytes
    "Of the bearer token that it was begun with, which all that follows has to bear."


class WhipSessions:
    """All of a node."""

    def __init__(self) -> None:
        self._sessions: dict[str, WhipSession] = {}

    def add(self, party: WebParty, bearer: str) -> str:
        """Have one more, until its party is over; give its name."""
        name = secrets.token_urlsafe(24)
        self._sessions[name] = WhipSession(party, digest_of(bearer))
        party.on_over.append(lambda: self._sessions.pop(name, None))
        if party.member.over:
            del self._sessions[name]
        return name

    def find(self, name: str, bearer: str) -> WebParty:
        """Give the party of a session; raises ApiError."""
        session = self._sessions.get(name)
        if session is None:
            raise no_such_party()
        if not hmac.compare_digest(session.digest, digest_of(bearer)):
            raise not_yours()
        return session.party


def sessions_of(request: Request) -> WhipSessions:
    """Give those of the application."""
    found: WhipSessions = request.app.state.whip
    return found


def _bearer(request: Request) -> str:
    return bearer_token(request.headers.get("authorization", ""))


def _account(context: ApiContext, bearer: str) -> Extension | None:
    """Give whose access token it is; None: it is none, but perhaps a code or a pass."""
    grant = context.grants.find(bearer) if bearer else None
    return context.accounts.by_id(grant.extension_id) if grant is not None else None


@router.post("/{to}", status_code=201, response_class=Response, responses=SDP_ANSWER, openapi_extra=SDP_BODY)
async def begin_whip(
    request: Request,
    context: ContextDep,
    to: Annotated[str, Path(max_length=400)],
    name: Annotated[str, Query(max_length=200, description="Shown to the others.")] = "",
) -> Response:
    """Join a conference by WHIP; the bearer token is a pass, a host's code or an access token, if there is one."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise ApiError(415, "bad_type", f"An offer is {SDP}", headers={"Accept-Post": SDP})
    offer, bearer = (await request.body()).decode(errors="replace"), _bearer(request)
    if not 0 < len(offer) <= LONGEST_OFFER:
        raise ApiError(400, "bad_offer", "There is no offer, or it is too long")
    caller = _account(context, bearer)
    secret = bearer if bearer and caller is None else None
    wish = JoinWish.model_construct(to=to, offer=offer, name=name, secret=secret)
    joined = await let_in(request, context, wish, caller)
    where = f"/whip/sessions/{sessions_of(request).add(joined.party, bearer)}"
    return Response(joined.answer, 201, {"Location": where}, SDP)


@router.options("/{to}", include_in_schema=False)
async def describe_whip() -> Response:
    """Say what is taken here (RFC 9725 section 4.2)."""
    return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})


@router.delete("/sessions/{session}", response_class=Response, responses={200: {"description": "It has left."}})
async def end_whip(request: Request, session: Annotated[str, Path(max_length=64)]) -> Response:
    """Leave; with the same bearer token as it was begun with, if there was one."""
    sessions_of(request).find(session, _bearer(request)).leave()
    return Response()


@router.options("/sessions/{session}", include_in_schema=False)
async def describe_session() -> Response:
    """Say what a session takes."""
    return Response(status_code=204, headers={"Allow": "DELETE, OPTIONS"})
