"""Conferences of an account, running or over: listed and shown. Nothing else can be done to one."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from softphone.api.context import ApiContext, ContextDep
from softphone.api.restcomm.accounts import PATH, AccountDep, RestcommAccount
from softphone.api.restcomm.errors import unknown
from softphone.api.restcomm.filters import day, like
from softphone.api.restcomm.paging import Paging
from softphone.api.restcomm.rendering import Listing, Resource, date
from softphone.api.restcomm.representation import VERSION
from softphone.api.restcomm.sids import conference_sid, session_id
from softphone.focus.session import ConferenceRole, TelephonySession
from softphone.store import archive_lists
from softphone.store.archive_lists import ConferenceFilter
from softphone.store.errors import NoSuchRow
from softphone.store.values import ConferenceRecord

__all__ = ["ConferenceDep", "router"]

PRESENT, ABSENT, COMPLETED = "RUNNING_MODERATOR_PRESENT", "RUNNING_MODERATOR_ABSENT", "COMPLETED"

router = APIRouter(prefix=PATH, include_in_schema=False)


async def conference(
    account: AccountDep, context: ContextDep, sid: Annotated[str, Path(alias="conference_sid", max_length=100)]
) -> ConferenceRecord:
    """Give a conference of the account; raises ApiError 404."""
    own = session_id(sid)
    if own is None:
        raise unknown()
    await context.settle()
    try:
        found = await context.store.archive.conference(own)
    except NoSuchRow:
        raise unknown() from None
    if not account.sees_all and account.owner.id not in (found.owner_id, found.extension_id):
        raise unknown()
    return found


ConferenceDep = Annotated[ConferenceRecord, Depends(conference)]


@router.get("/Conferences/{conference_sid}")
@router.get("/Conference/{conference_sid}")  # As Restcomm's own client for Python asks.
async def read_conference(conference: ConferenceDep, account: AccountDep, context: ContextDep) -> Response:
    """Show a conference."""
    return account.answer(_view(conference, account, context))


@router.get("/Conferences")
async def list_conferences(account: AccountDep, request: Request, context: ContextDep) -> Response:
    """List conferences, the newest first."""
    paging = Paging.of(request.query_params)
    wanted = {name: request.query_params[name] for name in FILTERS if name in request.query_params}
    await context.settle()
    found = await archive_lists.conferences(
        context.store.database, _filters(wanted, account, context), paging.offset, paging.most()
    )
    page = paging.told(account.uri("Conferences"), found.total, len(found.items), wanted)
    items = [_view(each, account, context) for each in found.items]
    return account.answer(Listing("Conferences", "conferences", page, items))


FILTERS = ("Status", "FriendlyName", "DateCreated", "DateUpdated")


def _filters(wanted: Mapping[str, str], account: RestcommAccount, context: ApiContext) -> list[ConferenceFilter]:
    """Say which conferences are wanted: for each status that fits, what is true of those in it."""
    statuses = [each for each in (PRESENT, ABSENT, COMPLETED) if like(each, wanted.get("Status", "%"))]
    hosted = [each.id for each in context.control.conferences() if _status_of(each) == PRESENT]
    of = None if account.sees_all else account.owner.id
    since, until = day(wanted.get("DateCreated")), day(wanted.get("DateUpdated"))
    return [
        ConferenceFilter(
            of,
            wanted.get("FriendlyName"),
            since,
            None if until is None else until + timedelta(days=1),
            ended=status == COMPLETED,
            ids=hosted if status == PRESENT else None,
            besides=hosted if status == ABSENT else None,
        )
        for status in statuses
    ]


def _view(conference: ConferenceRecord, account: RestcommAccount, context: ApiContext) -> Resource:
    sid = conference_sid(conference.id)
    running = context.focus.conferences.get(conference.id)
    status = COMPLETED if conference.ended else ABSENT if running is None else _status_of(running.session)
    uri = account.uri("Conferences", sid)
    return Resource(
        "Conference",
        {
            "sid": sid,
            "date_created": date(conference.created),
            "date_updated": date(conference.ended or conference.started or conference.created),
            "account_sid": account.sid,
            "status": status,
            "api_version": VERSION,
            "friendly_name": conference.name or conference.id,
            "uri": uri + account.suffix,
            "subresource_uris": {"participants": f"{uri}/Participants{account.suffix}"},
        },
    )


def _status_of(session: TelephonySession) -> str:
    return PRESENT if _hosts(session) else ABSENT


def _hosts(session: TelephonySession) -> Iterable[str]:
    return [party.id for party in session.parties.values() if party.role is ConferenceRole.HOST]
