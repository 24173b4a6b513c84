"""Past conferences and calls."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import BaseModel, Field

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.answers import queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import After, Limit, Moment, Part, WholeDep, microseconds
from softphone.store.values import ConferenceRecord, Participation

__all__ = ["ROUTERS"]

reading = queries("/api/v1/history/conferences", "history")
call_reading = queries("/api/v1/history/calls", "history")
ROUTERS = (reading, call_reading)


class PastConference(BaseModel):
    """A conference, over or not."""

    id: str
    kind: Literal["token", "extension", "bridge"]
    owner_id: str | None
    extension_id: str | None
    created: datetime
    started: datetime | None
    ended: datetime | None
    reason: str | None


class PastConferences(BaseModel):
    """Conferences, the newest first."""

    conferences: list[PastConference]
    next: str | None


class MuteView(BaseModel):
    """A stretch in which a microphone was off."""

    started: datetime
    ended: datetime | None


class ParticipationView(BaseModel):
    """A party, from its coming to its going."""

    party_id: str
    number: str
    name: str
    extension_id: str | None
    role: str
    joined: datetime
    left: datetime | None
    reason: str | None
    mutes: list[MuteView]


class Participations(Part):
    """All parties, in the order of arrival."""

    participations: list[ParticipationView]


async def _conference(
    caller: CallerDep, context: ContextDep, conference_id: Annotated[str, Path(alias="id", max_length=64)]
) -> ConferenceRecord:
    found = await context.store.archive.conference(conference_id)
    if not caller.admin and found.owner_id != caller.id:
        raise not_found("id")
    return found


ConferenceDep = Annotated[ConferenceRecord, Depends(_conference)]


@reading.get("")
async def list_past_conferences(
    caller: CallerDep,
    context: ContextDep,
    live: Annotated[bool | None, Query(description="Only those that go on, or that are over.")] = None,
    since: Moment = None,
    until: Moment = None,
    after: After = None,
    limit: Limit = 100,
) -> PastConferences:
    """List conferences: an administrator's are all, others' their own."""
    owner = None if caller.admin else caller.id
    page = await context.store.archive.conferences(
        owner_id=owner, live=live, since=since, until=until, after=after, limit=limit
    )
    return PastConferences(conferences=[_past(each) for each in page.items], next=page.next)


def _past(conference: ConferenceRecord) -> PastConference:
    return PastConference.model_validate(conference, from_attributes=True)


@reading.get("/{id}")
async def read_past_conference(conference: ConferenceDep) -> PastConference:
    """Show a conference."""
    return _past(conference)


@reading.get("/{id}/participations")
async def list_participations(conference: ConferenceDep, context: ContextDep, parts: WholeDep) -> Participations:
    """List who was in a conference, and when their microphones were off."""
    found: list[Participation] = await context.store.archive.participations(conference.id)
    some = parts.of("participations", found, lambda each: (microseconds(each.joined), each.party_id))
    views = [ParticipationView.model_validate(each, from_attributes=True) for each in some.items]
    return Participations(participations=views, next=some.next)


class CallView(BaseModel):
    """A call, over or not; of a conference: from when the party was in it."""

    id: str
    session_id: str
    direction: Literal["inbound", "outbound"]
    caller: str
    callee: str
    extension_id: str | None
    started: datetime
    answered: datetime | None
    ended: datetime | None
    reason: str | None
    loss_percent: Annotated[float | None, Field(description="Of its packets, not heard; null: nothing came.")]
    jitter_ms: float | None
    rtt_ms: Annotated[float | None, Field(description="Round trip; null: its telephone does not report.")]
    mos: Annotated[float | None, Field(description="How good it sounded, 1 to 4.5 (ITU-T G.107).")]


class CallList(BaseModel):
    """Calls, the newest first."""

    calls: list[CallView]
    next: str | None


@call_reading.get("")
async def list_calls(
    caller: CallerDep,
    context: ContextDep,
    session: Annotated[str | None, Query(max_length=64, description="Of this session only.")] = None,
    since: Moment = None,
    until: Moment = None,
    after: After = None,
    limit: Limit = 100,
) -> CallList:
    """List calls: an administrator's are all, others' their own."""
    own = None if caller.admin else caller.id
    page = await context.store.archive.calls(
        session_id=session, extension_id=own, since=since, until=until, after=after, limit=limit
    )
    views = [CallView.model_validate(each, from_attributes=True) for each in page.items]
    return CallList(calls=views, next=page.next)
