"""Supervising a session: hearing it unnoticed, advising one party, or speaking to all."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request

from softphone.api.auth.access import administrator, visible
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import coded, invalid, not_found
from softphone.api.ringcentral.models import DEVICE_KINDS, Camel, PartyModel, party_view
from softphone.api.ringcentral.paths import ACCOUNT, check_account
from softphone.api.ringcentral.printing import Printed
from softphone.focus.session import TelephonySession
from softphone.store.values import Extension

__all__ = ["router"]

router = APIRouter(
    prefix=ACCOUNT + "/{accountId}/telephony/sessions/{telephonySessionId}",
    tags=["telephony"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
)

SessionId = Annotated[str, Path(alias="telephonySessionId")]


class Supervising(Camel):
    """How a session is supervised, and by which telephone."""

    mode: Literal["Listen", "Whisper", "Barge"] = "Listen"
    device_id: str = ""
    supervisor_device_id: str = ""
    "The same; one of them, or none: all telephones of whoever asks ring."
    extension_number: str = ""
    agent_extension_number: str = ""
    "The same: who is advised."


@router.post("/supervise", status_code=201, response_model_exclude_none=True, openapi_extra=described(Supervising))
async def supervise_session(
    session_id: SessionId, request: Request, caller: CallerDep, context: ContextDep
) -> PartyModel:
    """Let an administrator hear a session, and advise a party whose extension it names."""
    wish = await read(request, Supervising)
    session = _supervisable(session_id, caller, context)
    number = wish.agent_extension_number or wish.extension_number
    agent = next((id for id, each in session.parties.items() if number and each.address.number == number), "")
    if number and not agent:
        raise not_found("agentExtensionNumber")
    return await _supervised(session, agent, wish, caller, context)


@router.post(
    "/parties/{partyId}/supervise",
    status_code=201,
    response_model_exclude_none=True,
    openapi_extra=described(Supervising),
)
async def supervise_party(
    session_id: SessionId,
    party_id: Annotated[str, Path(alias="partyId")],
    request: Request,
    caller: CallerDep,
    context: ContextDep,
) -> PartyModel:
    """Let an administrator hear the session of a party, and advise that."""
    wish = await read(request, Supervising)
    session = _supervisable(session_id, caller, context)
    if party_id not in session.parties:
        raise not_found("partyId")
    return await _supervised(session, party_id, wish, caller, context)


def _supervisable(session_id: str, caller: Extension, context: ApiContext) -> TelephonySession:
    """Give a session to an administrator; to others it does not exist, unless they are in it."""
    session = visible(session_id, caller, context)
    administrator(caller)
    return session


async def _supervised(
    session: TelephonySession, agent: str, wish: Supervising, caller: Extension, context: ApiContext
) -> PartyModel:
    device = wish.supervisor_device_id or wish.device_id
    if device and (device[:1] not in DEVICE_KINDS or device[1:] != caller.id):
        raise not_found("deviceId")
    if wish.mode == "Whisper" and not agent:
        raise invalid("agentExtensionNumber")
    if session.calls_of(caller.id):
        raise coded("TAS-106")
    heard_by = {"Listen": (), "Whisper": (agent,), "Barge": None}[wish.mode]
    party = await context.control.calls.supervise(session.id, by=caller, heard_by=heard_by)
    return party_view(party, caller, context.accounts)
