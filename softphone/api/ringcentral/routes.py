"""Conferences and telephony sessions, in the shape of RingCentral's API.

The document that this follows shows no status for a new conference; the published specification lists 201, the service
itself was seen to answer 200, and clients take either. This answers 200, what they have met.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from softphone.api.auth.access import manageable, may_manage, own_or_manageable, visible
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import coded, invalid, not_found
from softphone.api.ringcentral import account, conferencing, devices, party_routes, presence_routes, supervising
from softphone.api.ringcentral.errors import lacks
from softphone.api.ringcentral.models import (
    BringIn,
    CallOut,
    ConferenceRequest,
    PartyModel,
    PartyRemoval,
    PartyUpdate,
    SessionAnswer,
    SessionModel,
    party_view,
    recordings_of,
    session_view,
)
from softphone.api.ringcentral.paths import ACCOUNT, check_account
from softphone.api.ringcentral.printing import Printed
from softphone.focus.errors import NoSuchParty, NoSuchSession, NotAllowed, WrongState
from softphone.focus.session import ConferenceRole, TelephonySession
from softphone.store.values import Extension

__all__ = ["ROUTERS"]

SessionId = Annotated[str, Path(alias="telephonySessionId")]
PartyId = Annotated[str, Path(alias="partyId")]


router = APIRouter(
    prefix=ACCOUNT + "/{accountId}/telephony",
    tags=["telephony"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 409, 413, 415, 503),
)
ROUTERS = (
    router,
    account.router,
    *devices.ROUTERS,
    conferencing.router,
    presence_routes.router,
    party_routes.router,
    supervising.router,
)


@router.post(
    "/conference",
    response_model_exclude_none=True,
    openapi_extra=described(ConferenceRequest),
)
async def start_conference(request: Request, caller: CallerDep, context: ContextDep) -> SessionAnswer:
    """Make a conference; the body is optional and may limit its parties (``max_members``)."""
    wish = await read(request, ConferenceRequest)
    try:
        session = await context.control.create(caller, max_members=wish.max_members)
    except NotAllowed as error:
        raise lacks("OrganizeConference") from error
    return SessionAnswer(session=session_view(session, caller, context.accounts))


@router.get("/sessions/{telephonySessionId}", response_model_exclude_none=True)
async def read_session(session_id: SessionId, caller: CallerDep, context: ContextDep) -> SessionModel:
    """Show a session and who is in it."""
    session = visible(session_id, caller, context)
    return session_view(session, caller, context.accounts, recordings_of(context.control.recording(session.id)))


@router.delete("/sessions/{telephonySessionId}", status_code=204)
async def drop_session(session_id: SessionId, caller: CallerDep, context: ContextDep) -> Response:
    """End a session: everybody in it gets BYE."""
    await context.control.end(manageable(session_id, caller, context).id)
    return Response(status_code=204)


@router.get("/sessions/{telephonySessionId}/parties/{partyId}", response_model_exclude_none=True)
async def read_party(session_id: SessionId, party_id: PartyId, caller: CallerDep, context: ContextDep) -> PartyModel:
    """Show one party."""
    return _party(visible(session_id, caller, context), party_id, caller, context)


@router.patch(
    "/sessions/{telephonySessionId}/parties/{partyId}",
    response_model_exclude_none=True,
    openapi_extra=described(PartyUpdate),
)
async def update_party(
    session_id: SessionId, party_id: PartyId, request: Request, caller: CallerDep, context: ContextDep
) -> PartyModel:
    """Turn a party's microphone off or on; the owner of the session may for all, a party itself if the rules let it."""
    muted = (await read(request, PartyUpdate)).wanted()
    if muted is None:
        raise invalid("muted")
    session = own_or_manageable(session_id, party_id, caller, context)
    await context.control.mute(session.id, party_id, muted, own=not may_manage(session, caller))
    return _party(session, party_id, caller, context)


@router.delete(
    "/sessions/{telephonySessionId}/parties/{partyId}", status_code=204, openapi_extra=described(PartyRemoval)
)
async def remove_party(
    session_id: SessionId, party_id: PartyId, request: Request, caller: CallerDep, context: ContextDep
) -> Response:
    """Remove a party: it gets BYE. Without its host a conference ends, unless ``keepConferenceAlive`` is said."""
    wish = await read(request, PartyRemoval)
    session = own_or_manageable(session_id, party_id, caller, context)
    party = session.parties.get(party_id)
    if party is not None and party.role is ConferenceRole.HOST and not wish.keep_conference_alive:
        await context.control.end(session.id)
    else:
        await context.control.remove(session.id, party_id)
    return Response(status_code=204)


@router.post(
    "/sessions/{telephonySessionId}/parties/bring-in",
    response_model_exclude_none=True,
    openapi_extra=described(BringIn),
)
async def bring_in(session_id: SessionId, request: Request, caller: CallerDep, context: ContextDep) -> PartyModel:
    """Take the other side of a call of the caller's into a conference; the caller's own leg of that call gets BYE.

    403 where the conference's host is not connected, the call is not answered, or the conference is full or locked.
    """
    wish = await read(request, BringIn)
    source = wish.session_id or wish.telephony_session_id
    if not source or not wish.party_id:
        raise invalid("partyId" if source else "sessionId")
    conference = manageable(session_id, caller, context)
    try:
        # Before anybody is looked for: clients are told 403 until the host is there, whomever they name.
        context.control.calls.check_host(conference.id)
        source = visible(source, caller, context).id
        party = await context.control.calls.bring_in(source, wish.party_id, conference.id, own=caller.id)
    except NoSuchSession:
        raise not_found("sessionId") from None
    except NoSuchParty:
        raise not_found("partyId") from None
    except WrongState as error:
        raise coded("TAS-106") from error
    return party_view(party, caller, context.accounts)


@router.post("/call-out", response_model_exclude_none=True, openapi_extra=described(CallOut))
async def call_out(request: Request, caller: CallerDep, context: ContextDep) -> SessionAnswer:
    """Ring the caller's telephones, and whom it calls once one of them answers."""
    wish = await read(request, CallOut)
    to = wish.to.phone_number or wish.to.extension_number
    if not to:
        raise invalid("to.phoneNumber")
    session = await context.control.calls.call_out(caller, to)
    return SessionAnswer(session=session_view(session, caller, context.accounts))


def _party(session: TelephonySession, party_id: str, caller: Extension, context: ApiContext) -> PartyModel:
    party = session.parties.get(party_id)
    if party is None:
        raise not_found("partyId")
    recordings = recordings_of(context.control.recording(session.id))
    return party_view(party, caller, context.accounts, recordings)
