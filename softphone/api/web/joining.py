"""Joining by HTTP as the browser page does: the offer in, the answer out, and a key for all that follows."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from softphone.api.auth.tokens import bearer_token, extension_of
from softphone.api.context import ApiContext, ContextDep
from softphone.api.web.errors import FAILURES, no_such_party, not_joined, not_yours
from softphone.api.web.rates import OfferRates
from softphone.api.web.titles import title_of
from softphone.errors import SoftphoneError
from softphone.focus.entrance.web_door import WebJoined, WebWish
from softphone.focus.entrance.web_parties import WebParty
from softphone.store.values import Extension

__all__ = ["JoinWish", "let_in", "router"]

router = APIRouter(prefix="/web", tags=["web"], responses=FAILURES)

LONGEST_OFFER = 60_000

Offer = Annotated[str, Field(min_length=1, max_length=LONGEST_OFFER, description="A session description (RFC 8866).")]
PartyId = Annotated[str, Path(max_length=64)]


class WebModel(BaseModel):
    """What is sent to us: no member that we do not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


class JoinWish(WebModel):
    """Who wants in, and where to."""

    to: Annotated[
        str,
        Field(
            min_length=1,
            max_length=400,
            description="A code, a ``conf_`` token, a pass, or the number of a conference or of the bridge.",
        ),
    ]
    offer: Offer
    name: Annotated[str, Field(max_length=200, description="Shown to the others; 64 characters of it.")] = ""
    secret: Annotated[
        str | None, Field(max_length=64, description="A pass, the host's code, or the code of the number in `to`.")
    ] = None


class JoinedView(BaseModel):
    """Somebody was let in."""

    party: str
    key: Annotated[str, Field(description="Known to nobody else: what follows bears it.")]
    answer: str
    role: Literal["host", "participant", "listener"]
    title: str
    stage: Annotated[
        Literal["invited", "lobby", "waiting", "joined", "held"],
        Field(description="``lobby``: until a host admits it; ``waiting``: for the host."),
    ]


class OfferWish(WebModel):
    """A further offer: from another network, or after an ICE restart."""

    offer: Offer


class AnswerView(BaseModel):
    """Our answer to an offer."""

    answer: str


async def let_in(request: Request, context: ApiContext, wish: JoinWish, caller: Extension | None) -> WebJoined:
    """Let somebody in; raises ApiError: why not."""
    host = request.client.host if request.client else ""
    try:
        return await context.door.join(WebWish(wish.to, wish.offer, host, wish.name, wish.secret or "", caller))
    except SoftphoneError as error:
        raise not_joined(error) from error


@router.post("/join", status_code=201)
async def join_by_http(request: Request, response: Response, wish: JoinWish, context: ContextDep) -> JoinedView:
    """Join a conference; with an access token as the extension that it is of, without one as a guest."""
    header = request.headers.get("authorization", "")
    joined = await let_in(request, context, wish, extension_of(header, context) if header else None)
    party = joined.party.party
    response.headers["Location"] = f"/web/parties/{joined.party.id}"
    return JoinedView.model_validate(
        {
            "party": joined.party.id,
            "key": joined.key,
            "answer": joined.answer,
            "role": joined.party.role.word,
            "title": title_of(context.focus.session(joined.party.session), context.accounts),
            "stage": party.place.value,
        }
    )


def own_party(request: Request, context: ApiContext, id: str) -> WebParty:
    """Give the party whose key the request bears; raises ApiError."""
    key = bearer_token(request.headers.get("authorization", ""))
    if not key:
        raise not_yours()
    found = context.door.parties.find(id, key)
    if found is None:
        raise no_such_party()
    return found


async def renewed(party: WebParty, offer: str) -> str:
    """Answer a further offer of a party; raises ApiError, and nothing has changed."""
    try:
        return await party.renew(offer)
    except SoftphoneError as error:
        raise not_joined(error) from error


@router.patch("/parties/{party}")
async def offer_again(request: Request, party: PartyId, wish: OfferWish, context: ContextDep) -> AnswerView:
    """Answer a further offer of a party, whose key is the bearer token."""
    mine = own_party(request, context, party)
    rates: OfferRates = request.app.state.offers
    rates.spend(mine, time.monotonic())
    return AnswerView(answer=await renewed(mine, wish.offer))


@router.delete("/parties/{party}", status_code=204, response_class=Response)
async def leave_by_http(request: Request, party: PartyId, context: ContextDep) -> Response:
    """Leave; the key is the bearer token."""
    own_party(request, context, party).leave()
    return Response(status_code=204)
