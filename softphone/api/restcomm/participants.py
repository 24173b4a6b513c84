"""Participants of a conference: the calls in it that are in progress. Shown, and muted; sent away as calls are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from softphone.api.context import ContextDep
from softphone.api.http.errors import ApiError
from softphone.api.restcomm.accounts import PATH, AccountDep, RestcommAccount
from softphone.api.restcomm.conferences import conference
from softphone.api.restcomm.errors import failure, unknown
from softphone.api.restcomm.paging import Paging
from softphone.api.restcomm.rendering import Listing, Resource, date
from softphone.api.restcomm.sids import call_sid, conference_sid
from softphone.focus.errors import NoSuchParty, NoSuchSession
from softphone.focus.session import ConferenceRole, Party, PartyStatus, TelephonySession

__all__ = ["router"]

IN_PROGRESS = (PartyStatus.ANSWERED, PartyStatus.HOLD)

router = APIRouter(prefix=f"{PATH}/Conferences/{{conference_sid}}/Participants", include_in_schema=False)


def participants(session: TelephonySession) -> list[Party]:
    """List those who are in a conference, or wait for it, in the order they came."""
    return [party for party in session.parties.values() if party.status in IN_PROGRESS]


async def running(
    account: AccountDep, context: ContextDep, sid: Annotated[str, Path(alias="conference_sid", max_length=100)]
) -> TelephonySession | None:
    """Give a conference of the account; None: it is over, or unknown."""
    try:
        found = await conference(account, context, sid)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    room = context.focus.conferences.get(found.id)
    return None if room is None else room.session


RunningDep = Annotated[TelephonySession | None, Depends(running)]


@router.get("")
async def list_participants(
    session: RunningDep,
    conference_sid: Annotated[str, Path(max_length=100)],
    account: AccountDep,
    request: Request,
) -> Response:
    """List the participants; nobody is in a conference that is over, or unknown."""
    paging = Paging.of(request.query_params)
    there = [] if session is None else participants(session)
    some = there[paging.offset :][: paging.most()]
    uri = account.uri("Conferences", conference_sid, "Participants")
    page = paging.told(uri, len(there), len(some), {})
    views = [] if session is None else [_view(each, session, account) for each in some]
    return account.answer(Listing("Calls", "calls", page, views))


async def participant(
    session: RunningDep, sid: Annotated[str, Path(alias="call_sid", max_length=100)]
) -> tuple[TelephonySession, Party] | None:
    """Give a participant of a conference; None: it is none, or not any more."""
    if session is None:
        return None
    return next(((session, party) for party in participants(session) if call_sid(party.call_id) == sid), None)


ParticipantDep = Annotated[tuple[TelephonySession, Party] | None, Depends(participant)]


@router.get("/{call_sid}")
async def read_participant(found: ParticipantDep, account: AccountDep) -> Response:
    """Show a participant."""
    if found is None:
        raise unknown()
    session, party = found
    return account.answer(_view(party, session, account))


@router.post("/{call_sid}")
async def change_participant(
    found: ParticipantDep, account: AccountDep, request: Request, context: ContextDep
) -> Response:
    """Turn its microphone off (``Mute=true``) or on."""
    if found is None:
        raise failure(406)
    session, party = found
    wanted = (await request.form()).get("Mute")
    if wanted is not None:
        try:
            await context.control.mute(session.id, party.id, str(wanted).lower() == "true")
        except (NoSuchParty, NoSuchSession):
            raise failure(406) from None
    return account.answer(_view(party, session, account))


def _view(party: Party, session: TelephonySession, account: RestcommAccount) -> Resource:
    sid = call_sid(party.call_id)
    host = party.role is ConferenceRole.HOST
    by_rule = host and session.rules is not None and session.rules.settings.end_with_host.value == "any"
    ends = by_rule or (party.facts is not None and party.facts.ends)
    return Resource(
        "Call",
        {
            "sid": sid,
            "conference_sid": conference_sid(session.id),
            "date_created": date(party.created),
            "date_updated": date(party.updated),
            "account_sid": account.sid,
            "muted": party.muted,
            "hold": party.stands_alone,
            "start_conference_on_enter": host,
            "end_conference_on_enter": ends,
            "end_conference_on_exit": ends,
            "uri": account.uri("Calls", sid) + account.suffix,
        },
    )
