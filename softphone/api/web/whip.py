"""WHIP (RFC 9725), both ways: a client that sends an offer as it is, and hears the conference in the same session.

What is behind it is what is behind the browser page. Candidates that come later are taken and change nothing (RFC 9725
section 4.3.2): ours are all in the answer, and the client's are learnt from where it sends.
"""

import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from softphone.api.auth.tokens import bearer_token
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import ApiError
from softphone.api.web.errors import FAILURES, no_such_party, not_yours
from softphone.api.web.fragments import FRAGMENT, IceCredentials, credentials_of, fragment_of, restarted
from softphone.api.web.joining import JoinWish, let_in, renewed
from softphone.api.web.rates import OfferRates
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


@dataclass(slots=True)
class WhipSession:
    """A session (RFC 9725 section 4.1), named by a number that cannot be guessed."""

    party: WebParty
    digest: bytes = field(repr=False)
    "Of the bearer token that it was begun with, which all that follows has to bear."
    offer: str = field(repr=False)
    "The client's last one."
    ice: IceCredentials | None
    "Ours; None: the client has no ICE."

    @property
    def tag(self) -> dict[str, str]:
        """The header that names its ICE session."""
        return {} if self.ice is None else {"ETag": self.ice.tag}

    async def restart(self, fragment: str) -> str:
        """Restart ICE with the client's new credentials; gives the fragment with ours. Raises ApiError."""
        offer = restarted(self.offer, fragment)
        answer = await renewed(self.party, offer)
        self.offer, self.ice = offer, credentials_of(answer)
        return fragment_of(answer)


class WhipSessions:
    """All of a node."""

    def __init__(self) -> None:
        self._sessions: dict[str, WhipSession] = {}

    def add(self, party: WebParty, bearer: str, offer: str, answer: str) -> tuple[str, WhipSession]:
        """Have one more, until its party is over; give its name, and it."""
        name = secrets.token_urlsafe(24)
        session = self._sessions[name] = WhipSession(party, digest_of(bearer), offer, credentials_of(answer))
        party.on_over.append(lambda: self._sessions.pop(name, None))
        if party.member.over:
            del self._sessions[name]
        return name, session

    def find(self, name: str, bearer: str) -> WhipSession:
        """Give a session to who bears its token; raises ApiError."""
        session = self._sessions.get(name)
        if session is None:
            raise no_such_party()
        if not hmac.compare_digest(session.digest, digest_of(bearer)):
            raise not_yours()
        return session


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
    where, session = sessions_of(request).add(joined.party, bearer, offer, joined.answer)
    headers = {"Location": f"/whip/sessions/{where}", **session.tag}
    if session.ice is not None:
        headers["Accept-Patch"] = FRAGMENT
    return Response(joined.answer, 201, headers, SDP)


@router.options("/{to}", include_in_schema=False)
async def describe_whip() -> Response:
    """Say what is taken here (RFC 9725 section 4.2)."""
    return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})


@router.delete("/sessions/{session}", response_class=Response, responses={200: {"description": "It has left."}})
async def end_whip(request: Request, session: Annotated[str, Path(max_length=64)]) -> Response:
    """Leave; with the same bearer token as it was begun with, if there was one."""
    sessions_of(request).find(session, _bearer(request)).party.leave()
    return Response()


FRAGMENT_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string", "maxLength": LONGEST_OFFER}}}}
}
RESTARTED: dict[int | str, dict[str, Any]] = {
    200: {"content": {FRAGMENT: {"schema": {"type": "string"}}}, "description": "ICE was restarted: our credentials."},
    204: {"description": "The candidates are taken."},
    412: {"description": "It is about an ICE session that has ended."},
    428: {"description": "If-Match does not say what it is about."},
}


@router.patch("/sessions/{session}", response_class=Response, responses=RESTARTED, openapi_extra=FRAGMENT_BODY)
async def patch_whip(request: Request, session: Annotated[str, Path(max_length=64)]) -> Response:
    """Take candidates (If-Match has the ETag of the session), or restart ICE (If-Match: *)."""
    found = sessions_of(request).find(session, _bearer(request))
    if found.ice is None:
        raise ApiError(405, "bad_method", "This session has no ICE", headers={"Allow": "DELETE, OPTIONS"})
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FRAGMENT:
        raise ApiError(415, "bad_type", f"What is patched is {FRAGMENT}", headers={"Accept-Patch": FRAGMENT})
    fragment, tags = (await request.body()).decode(errors="replace"), _tags(request)
    if len(fragment) > LONGEST_OFFER:
        raise ApiError(400, "bad_offer", "The fragment is too long")
    if not tags:
        raise ApiError(428, "no_tag", "If-Match has to name the ICE session, or * to restart it")
    if "*" not in tags and found.ice.tag.strip('"') not in tags:
        raise ApiError(412, "old_tag", "That ICE session has ended")
    if "*" not in tags:
        return Response(status_code=204)
    rates: OfferRates = request.app.state.offers
    rates.spend(found.party, time.monotonic())
    answer = await found.restart(fragment)
    return Response(answer, 200, found.tag, FRAGMENT)


def _tags(request: Request) -> set[str]:
    """Give the entity tags of If-Match without quotation marks, which some clients write around * (RFC 9725), too."""
    said = request.headers.get("if-match", "").split(",")
    return {tag for each in said if (tag := each.strip().removeprefix("W/").strip('"'))}


@router.options("/sessions/{session}", include_in_schema=False)
async def describe_session() -> Response:
    """Say what a session takes."""
    return Response(status_code=204, headers={"Allow": "DELETE, OPTIONS, PATCH", "Accept-Patch": FRAGMENT})
