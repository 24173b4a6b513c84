"""Conferences: made, shown, changed, ended."""

from fastapi import Response

from softphone.api.auth.access import may_see
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import ConferenceChange, ConferenceList, ConferenceView, ConferenceWish, Rules
from softphone.api.control.paths import ManagedDep, SeenDep
from softphone.api.control.views import conference_view
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import WholeDep, instant
from softphone.focus.accounts import Extension
from softphone.focus.errors import NotAllowed
from softphone.focus.session import TelephonySession

__all__ = ["doing", "reading"]

reading = queries("/api/v1/conferences", "conferences")
doing = commands("/api/v1/conferences", "conferences")


@doing.post("", status_code=201)
async def create_conference(
    caller: CallerDep, context: ContextDep, wish: ConferenceWish | None = None
) -> ConferenceView:
    """Make a conference; or open the room of an extension, which may be one that runs already."""
    wanted = wish or ConferenceWish()
    if wanted.extension is None:
        session = await context.control.create(caller, max_members=wanted.max_members)
    else:
        session = await _open(wanted.extension, caller, context)
    await _rule(session, wanted.rules, context)
    return conference_view(session, context)


async def _open(number: str, caller: Extension, context: ApiContext) -> TelephonySession:
    extension = context.accounts.find(number)
    if extension is None:
        raise not_found("extension")
    if not caller.admin and extension.id != caller.id:
        raise NotAllowed("This room is another extension's")
    return await context.control.open(number)


async def _rule(session: TelephonySession, rules: Rules | None, context: ApiContext) -> None:
    if rules is not None:
        await context.control.change_rules(session.id, rules.model_dump(exclude_unset=True))


@reading.get("")
async def list_conferences(caller: CallerDep, context: ContextDep, parts: WholeDep) -> ConferenceList:
    """List the running conferences that the caller may see."""
    sessions = [session for session in context.control.conferences() if may_see(session, caller)]
    found = parts.of("conferences", sessions, lambda session: (instant(session.created), session.id))
    return ConferenceList(conferences=[conference_view(each, context) for each in found.items], next=found.next)


@reading.get("/{id}")
async def read_conference(session: SeenDep, context: ContextDep) -> ConferenceView:
    """Show a conference."""
    return conference_view(session, context)


@doing.patch("/{id}")
async def change_conference(session: ManagedDep, change: ConferenceChange, context: ContextDep) -> ConferenceView:
    """Lock or unlock it, turn all microphones off or on, switch the notices, give it rules of its own."""
    if change.locked is not None:
        await context.control.lock(session.id, change.locked)
    if change.muted_all is not None:
        await context.control.mute_all(session.id, change.muted_all)
    if change.notices is not None:
        await context.control.notices(session.id, change.notices)
    await _rule(session, change.rules, context)
    return conference_view(session, context)


@doing.delete("/{id}", status_code=204)
async def end_conference(session: ManagedDep, context: ContextDep) -> Response:
    """End it: goodbye to all."""
    await context.control.end(session.id)
    return Response(status_code=204)
