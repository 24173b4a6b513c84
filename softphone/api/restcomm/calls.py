"""Calls: made, listed, shown, and commanded while they last."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Request, Response

from softphone.api.auth.access import may_manage
from softphone.api.context import ApiContext, ContextDep
from softphone.api.restcomm.accounts import PATH, AccountDep, RestcommAccount
from softphone.api.restcomm.call_views import made_view, record_view
from softphone.api.restcomm.errors import failure, unknown
from softphone.api.restcomm.filters import day, like
from softphone.api.restcomm.following import Script
from softphone.api.restcomm.paging import Paging
from softphone.api.restcomm.rendering import Listing, Resource
from softphone.api.restcomm.running import Callback, Calls, complete
from softphone.api.restcomm.seen import SeenCall, seen_call
from softphone.api.restcomm.sids import session_id
from softphone.api.restcomm.statuses import STATUSES, held_by
from softphone.errors import SoftphoneError
from softphone.store import archive_lists
from softphone.store.archive_lists import CallFilter
from softphone.webhooks.fetch import NotFetched

__all__ = ["router"]

router = APIRouter(prefix=f"{PATH}/Calls", include_in_schema=False)

EITHER = (
    'You can either redirect a running call using "Url" or change the state of a Call with "Status" or mute a call '
    'using "Mute=true"'
)
LONGEST_S = 600
RING_S = 60
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
METHODS = ("GET", "POST")


async def made_calls(context: ContextDep, request: Request) -> Calls:
    """Give the calls that were made through this API."""
    state = request.app.state
    if not hasattr(state, "restcomm_calls"):
        state.restcomm_calls = Calls(context)
    return cast(Calls, state.restcomm_calls)


CallsDep = Annotated[Calls, Depends(made_calls)]


async def form_of(request: Request) -> dict[str, str]:
    """Read what a request wants; a file is not taken for a text."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


FormDep = Annotated[dict[str, str], Depends(form_of)]


async def call(
    account: AccountDep,
    context: ContextDep,
    calls: CallsDep,
    sid: Annotated[str, Path(alias="call_sid", max_length=100)],
) -> SeenCall | None:
    """Give a call of the account; None: there is none, or it is forgotten."""
    return await seen_call(sid, account, context, calls)


CallDep = Annotated[SeenCall | None, Depends(call)]


@router.post("")
async def make_call(
    account: AccountDep, request: Request, form: FormDep, context: ContextDep, calls: CallsDep
) -> Response:
    """Call somebody, who does what the document at `Url` says once it has answered."""
    for name in ("From", "To", "Url"):
        if not form.get(name):
            raise failure(400, f"{name} can not be null.")
    if not re.fullmatch(r"[!-~]{1,200}", form["To"]) or not re.fullmatch(r"\+?[A-Za-z0-9_.*-]{1,40}", form["From"]):
        raise failure(400, "From is a number or a name, and To a number, client:<name> or sip:<user>@<host>.")
    timeout_s = form.get("Timeout", "")
    if timeout_s and not (re.fullmatch("[0-9]{1,9}", timeout_s) and 0 < int(timeout_s) <= LONGEST_S):
        raise failure(400, f"Timeout is a number of seconds up to {LONGEST_S}.")
    made = await calls.make(
        account.owner,
        # Whom the called see is for the administrator to choose.
        form["From"] if account.owner.admin else account.owner.number,
        form["To"],
        _script(form, context),
        callback=_callback(form, context),
        recordings=f"{str(request.base_url).rstrip('/')}/restcomm{account.uri('Recordings')}",
        timeout_s=float(timeout_s or RING_S),
    )
    return account.answer(made_view(made, account))


def _script(form: Mapping[str, str], context: ApiContext) -> Script:
    fallback = (
        Script(_url(form, "FallbackUrl", context), _method(form, "FallbackMethod")) if form.get("FallbackUrl") else None
    )
    return Script(_url(form, "Url", context), _method(form, "Method"), fallback)


def _callback(form: Mapping[str, str], context: ApiContext) -> Callback | None:
    if not form.get("StatusCallback"):
        return None
    events = frozenset(re.split(r"[\s,]+", form.get("StatusCallbackEvent") or "completed"))
    if not events <= EVENTS:
        raise failure(400, f"StatusCallbackEvent is of {', '.join(sorted(EVENTS))}.")
    return Callback(_url(form, "StatusCallback", context), _method(form, "StatusCallbackMethod"), events)


def _url(form: Mapping[str, str], name: str, context: ApiContext) -> str:
    try:
        context.fetcher.check(form[name])
    except NotFetched as error:
        raise failure(400, f"{name}: {error}") from None
    return form[name]


def _method(form: Mapping[str, str], name: str) -> str:
    method = form.get(name, "POST").upper()
    if method not in METHODS:
        raise failure(400, f"{name} is GET or POST.")
    return method


@router.get("/{call_sid}")
async def read_call(found: CallDep, account: AccountDep) -> Response:
    """Show a call."""
    if found is None:
        raise unknown()
    return account.answer(found.view(account))


@router.post("/{call_sid}")
async def change_call(
    found: CallDep,
    account: AccountDep,
    form: FormDep,
    context: ContextDep,
    calls: CallsDep,
    sid: Annotated[str, Path(alias="call_sid")],
) -> Response:
    """End a call (`Status`), let it do what another document says (`Url`), or turn its microphone off (`Mute`)."""
    if found is None:
        raise failure(406)
    wanted = [name for name in COMMANDS if form.get(name)]
    if len(wanted) > 1:
        raise failure(409, EITHER)
    if not found.live:
        raise failure(410)
    for name in wanted:
        await COMMANDS[name](found, form, Commanded(account, context, calls))
    now = found if found.made is not None else await seen_call(sid, account, context, calls)
    return account.answer((now or found).view(account))


@dataclass(frozen=True, slots=True)
class Commanded:
    """Of whom and what a command is asked."""

    account: RestcommAccount
    context: ApiContext
    calls: Calls


async def _redirect(found: SeenCall, form: Mapping[str, str], asked: Commanded) -> None:
    script = _script(form, asked.context)
    if found.made is not None:
        asked.calls.redirect(found.made, script)
    elif found.party:
        asked.calls.redirect_party(found.session, found.party, asked.account.owner, script)
    else:
        raise failure(409, "A call of two is not redirected here: transfer it.")


async def _end(found: SeenCall, form: Mapping[str, str], asked: Commanded) -> None:
    context = asked.context
    if form["Status"].lower() not in ("completed", "canceled"):
        raise failure(400, "Status is completed or canceled.")
    if found.made is not None:
        await complete(context, found.made)
    elif found.party:
        await context.control.remove(found.session, found.party)
    else:
        await context.control.end(found.session)


async def _mute(found: SeenCall, form: Mapping[str, str], asked: Commanded) -> None:
    session, party = found.where
    if not party:
        raise failure(409, "Nobody is to be muted: the call is not answered, or one of two.")
    try:
        own = not may_manage(asked.context.focus.room(session).session, asked.account.owner)
        await asked.context.control.mute(session, party, form["Mute"].lower() == "true", own=own)
    except SoftphoneError as error:
        raise failure(409, str(error)) from None


COMMANDS = {"Url": _redirect, "Status": _end, "Mute": _mute}

FILTERS = ("From", "To", "Status", "StartTime", "EndTime", "ParentCallSid", "ConferenceSid")


@router.get("")
async def list_calls(account: AccountDep, request: Request, context: ContextDep, calls: CallsDep) -> Response:
    """List calls, the newest first."""
    paging = Paging.of(request.query_params)
    wanted = {name: request.query_params[name] for name in FILTERS if name in request.query_params}
    await context.settle()
    found = await archive_lists.calls(
        context.store.database, _filters(wanted, account, calls), paging.offset, paging.most()
    )
    page = paging.told(account.uri("Calls"), found.total, len(found.items), wanted)
    made = {each.call.id: each for each in calls}
    items: list[Resource] = [
        made_view(made[each.id], account) if each.id in made else record_view(each, account) for each in found.items
    ]
    return account.answer(Listing("Calls", "calls", page, items))


def _filters(wanted: Mapping[str, str], account: RestcommAccount, calls: Calls) -> list[CallFilter]:
    """Say which calls are wanted: for each status that fits, what is true of those in it."""
    if wanted.get("ParentCallSid"):
        return []  # No call here is made by another one.
    held = [held_by(each) for each in STATUSES if like(each, wanted.get("Status", "%"))]
    conference = wanted.get("ConferenceSid")
    session = None if conference is None else session_id(conference) or ""
    since, until = day(wanted.get("StartTime")), day(wanted.get("EndTime"))
    return [
        CallFilter(
            None if account.sees_all else account.owner.id,
            wanted.get("From"),
            wanted.get("To"),
            since,
            None if until is None else until + timedelta(days=1),
            session=session,
            also=[each.call.id for each in calls if each.call.session == session],
            **each,
        )
        for each in held
        if each is not None
    ]
