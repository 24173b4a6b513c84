"""Operations on one party beyond muting and removing: hold, transfer, park, record."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from softphone.api.auth.access import manageable, own_or_manageable, visible
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.answers import failures
from softphone.api.http.bodies import described, read
from softphone.api.http.errors import ApiError, coded, invalid, not_found
from softphone.api.ringcentral.models import DEVICE_KINDS, Camel, PartyModel, PartyRecording, party_view
from softphone.api.ringcentral.paths import ACCOUNT, check_account
from softphone.api.ringcentral.printing import Printed
from softphone.api.ringcentral.replies import ReplyWish, text_of
from softphone.focus.errors import NoSuchSession
from softphone.focus.room.dictation import Dictation
from softphone.focus.session import Party, SessionOrigin, TelephonySession
from softphone.store.values import Extension

__all__ = ["router"]

router = APIRouter(
    prefix=ACCOUNT + "/{accountId}/telephony/sessions/{telephonySessionId}/parties/{partyId}",
    tags=["telephony"],
    dependencies=[Depends(check_account)],
    default_response_class=Printed,
    responses=failures(400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
)


# Numbers that telephones can dial.
ORBIT = re.compile(r"[0-9]{1,15}")
# What a caller hears before it leaves a message.
VOICEMAIL = ("vm-nobodyavail", "beep")


class HandOver(Camel):
    """Where a call is handed over to."""

    phone_number: str = ""
    extension_number: str = ""
    voicemail: str = ""
    park_orbit: str = ""


class BridgeWish(Camel):
    """The other call of whoever leaves both."""

    telephony_session_id: str = ""
    party_id: str = ""


class AnswerAt(Camel):
    """At which of the caller's devices; empty: at any."""

    device_id: str = ""


class RecordingWish(BaseModel):
    """Whether it goes on, or pauses."""

    active: bool | None = None


class Named:
    """The party that a path names, which the caller is, or decides about.

    Attributes
    ----------
    caller, context
        Who asks, and the server.
    session, party
        What is named.
    """

    def __init__(
        self,
        session_id: Annotated[str, Path(alias="telephonySessionId")],
        party_id: Annotated[str, Path(alias="partyId")],
        caller: CallerDep,
        context: ContextDep,
    ) -> None:
        self.caller: Extension = caller
        self.context: ApiContext = context
        self.session: TelephonySession = own_or_manageable(session_id, party_id, caller, context)
        party = self.session.parties.get(party_id)
        if party is None:
            raise not_found("partyId")
        self.party: Party = party

    @property
    def leaver(self) -> Party:
        """Who leaves when the call is handed over: the caller where it is in it, whichever end is named."""
        return next(iter(self.session.calls_of(self.caller.id)), self.party)

    def shown(self, party: Party) -> PartyModel:
        """Show a party to the caller."""
        return party_view(party, self.caller, self.context.accounts)


NamedDep = Annotated[Named, Depends()]


@router.post("/hold", response_model_exclude_none=True)
async def hold_party(named: NamedDep) -> PartyModel:
    """Put a party on hold, with music."""
    return named.shown(await named.context.control.hold(named.session.id, named.party.id, True))


@router.post("/unhold", response_model_exclude_none=True)
async def unhold_party(named: NamedDep) -> PartyModel:
    """Take a party back from hold."""
    return named.shown(await named.context.control.hold(named.session.id, named.party.id, False))


def _orbit(wish: HandOver) -> str:
    """Give the number that a party waits under."""
    if not ORBIT.fullmatch(wish.park_orbit):
        raise invalid("parkOrbit")
    return wish.park_orbit


def _mailbox(wish: HandOver, context: ApiContext) -> str:
    """Give the id of the user that a message is left for, who is named by it or by its number."""
    accounts = context.accounts
    found = accounts.by_id(wish.voicemail) or accounts.find(wish.voicemail)
    if found is None or found.kind != "user":
        raise not_found("voicemail")
    return found.id


def _whom(wish: HandOver) -> str:
    """Give the number that a party is handed to."""
    if not (to := wish.phone_number or wish.extension_number):
        raise invalid("phoneNumber")
    return to


@router.post("/transfer", response_model_exclude_none=True, openapi_extra=described(HandOver))
async def transfer_party(named: NamedDep, request: Request) -> PartyModel:
    """Let a number take the place, and the row, of whoever asks, or of the party; 409 when it does not answer.

    To a park orbit: who asks leaves, and the other end waits until an extension calls that number. To voicemail: who
    asks leaves, and the other end leaves a message.
    """
    wish, leaver, calls = await read(request, HandOver), named.leaver, named.context.control.calls
    if wish.voicemail:
        await calls.attend(named.session.id, leaver.id, VOICEMAIL, Dictation(), _mailbox(wish, named.context))
    elif wish.park_orbit:
        await calls.park(named.session.id, leaver.id, _orbit(wish))
    else:
        await calls.transfer(named.session.id, leaver.id, _whom(wish))
        return named.shown(leaver)
    return named.shown(next(iter(named.session.parties.values()), leaver))


@router.post("/flip", status_code=204)
async def flip_call(named: NamedDep) -> Response:
    """Take one's call to another telephone of one's own: all ring, whatever `callFlipId` says; 409 if none answers."""
    leaver = named.leaver
    if leaver.extension_id != named.caller.id:
        raise coded("CMN-408", "CallControl")
    await named.context.control.calls.transfer(named.session.id, leaver.id, named.caller.number)
    return Response(status_code=204)


@router.post("/bridge", response_model_exclude_none=True, openapi_extra=described(BridgeWish))
async def bridge_parties(named: NamedDep, request: Request) -> PartyModel:
    """Let the two that an extension talks with in two calls talk with one another; it leaves both."""
    wish = await read(request, BridgeWish)
    if not wish.telephony_session_id:
        raise invalid("telephonySessionId")
    leaver = named.leaver
    try:
        other = visible(wish.telephony_session_id, named.caller, named.context)
        await named.context.control.calls.connect(named.session.id, leaver.id, other.id)
    except NoSuchSession:
        raise not_found("telephonySessionId") from None
    return named.shown(leaver)


@router.post("/park", response_model_exclude_none=True)
async def park_party(named: NamedDep) -> PartyModel:
    """Leave a call; the other end waits with music until somebody picks it up."""
    leaver = named.leaver
    await named.context.control.calls.park(named.session.id, leaver.id)
    return named.shown(next(iter(named.session.parties.values()), leaver))


@router.post("/pickup", response_model_exclude_none=True)
async def pick_up_party(
    session_id: Annotated[str, Path(alias="telephonySessionId")],
    party_id: Annotated[str, Path(alias="partyId")],
    caller: CallerDep,
    context: ContextDep,
) -> PartyModel:
    """Ring the caller's telephones, and connect it with who is parked; answers when it has answered, or 409."""
    # Whoever knows its id may pick it up: that is what parking is for.
    room = context.focus.call(session_id)
    if party_id not in room.session.parties or room.parked is None:
        raise not_found("partyId")
    answered = await context.control.calls.pick_up(session_id, caller.number, by=caller)
    return party_view(answered, caller, context.accounts)


async def ringing(named: NamedDep) -> Named:
    """Give a party that rings, to itself alone: nobody else lets its telephones answer, or sends its calls away."""
    if named.party.extension_id != named.caller.id:
        raise coded("CMN-408", "CallControl")
    return named


RingingDep = Annotated[Named, Depends(ringing)]


@router.post("/answer", response_model_exclude_none=True, openapi_extra=described(AnswerAt))
async def answer_party(named: RingingDep, request: Request) -> PartyModel:
    """Let the caller's telephones that ring, or those of a device, answer; answers when one has, or 409."""
    device = (await read(request, AnswerAt)).device_id
    kind = DEVICE_KINDS.get(device[:1])
    if device and (kind is None or device[1:] != named.caller.id):
        raise not_found("deviceId")
    browser = kind == "WebPhone" if device else None
    return named.shown(await named.context.control.calls.ringing.answer(named.session.id, named.party.id, browser))


@router.post("/reject", status_code=204)
async def reject_party(named: RingingDep) -> Response:
    """Decline a call that rings, at all of the caller's telephones."""
    await named.context.control.calls.ringing.turn_away(named.session.id, named.party.id)
    return Response(status_code=204)


@router.post("/ignore", status_code=204)
async def ignore_party(named: RingingDep) -> Response:
    """Let a call ring no more; it goes on as one that nobody answers."""
    await named.context.control.calls.ringing.turn_away(named.session.id, named.party.id, "no answer")
    return Response(status_code=204)


@router.post("/forward", response_model_exclude_none=True, openapi_extra=described(HandOver))
async def forward_party(named: RingingDep, request: Request) -> PartyModel:
    """Send a call that rings on to a number, for which the caller answers, to a park orbit, or to voicemail."""
    wish, ringing = await read(request, HandOver), named.context.control.calls.ringing
    if wish.voicemail:
        await ringing.attend(named.session.id, named.party.id, VOICEMAIL, Dictation(), _mailbox(wish, named.context))
    elif wish.park_orbit:
        await ringing.park(named.session.id, named.party.id, _orbit(wish))
    else:
        await ringing.turn_away(named.session.id, named.party.id, to=_whom(wish))
    return named.shown(named.party)


@router.post("/reply", response_model_exclude_none=True, openapi_extra=described(ReplyWish))
async def reply_party(named: RingingDep, request: Request) -> PartyModel:
    """Let the caller of a call that rings be told a text; the call is over then."""
    text = text_of(await read(request, ReplyWish))
    sound = await named.context.speech.sound(text)
    await named.context.control.calls.ringing.attend(named.session.id, named.party.id, [sound])
    return named.shown(named.party)


@router.post("/recordings", status_code=201, response_model_exclude_none=True)
async def start_recording(named: NamedDep) -> PartyRecording:
    """Record a call; a conference only where the server is set so."""
    _check_recorder(named)
    status = await named.context.control.start_recording(named.session.id)
    return PartyRecording(id=status.id, active=True)


@router.patch("/recordings/{recordingId}", openapi_extra=described(RecordingWish))
async def change_recording(
    named: NamedDep, recording_id: Annotated[str, Path(alias="recordingId")], request: Request
) -> PartyRecording:
    """Pause a recording, or go on with it."""
    _check_recorder(named)
    active = (await read(request, RecordingWish)).active
    if active is None:
        raise invalid("active")
    control, session = named.context.control, named.session.id
    running = control.recording(session)
    if running is None or running.id != recording_id:
        raise not_found("recordingId")
    await (control.resume_recording(session) if active else control.pause_recording(session))
    return PartyRecording(id=recording_id, active=active)


def _check_recorder(named: Named) -> None:
    """Let users record their calls, and hosts their conferences where that is allowed."""
    if named.session.origin is SessionOrigin.CONFERENCE:
        manageable(named.session.id, named.caller, named.context)
        if not named.context.config.recording.conference_parties:
            raise ApiError(409, "TAS-106", "Conference calls are not recorded by their parties")
