"""Breakout groups of a conference: open, show, end. The group of a party is a member of the party."""

from itertools import chain
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field, model_validator

from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import PartyRef, Strict, Text
from softphone.api.control.paths import ManagedDep, SeenDep, party_of
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.focus.session import TelephonySession

__all__ = ["ROUTERS"]

reading = queries("/api/v1/conferences/{id}/groups", "groups")
doing = commands("/api/v1/conferences/{id}/groups", "groups")
ROUTERS = (reading, doing)

MOST_GROUPS = 50

Seconds = Annotated[float, Field(ge=0, le=86_400)]


class GroupWish(Strict):
    """A group, and who is to be in it."""

    name: Text = ""
    parties: Annotated[list[PartyRef], Field(max_length=1000)] = []


class GroupsWish(Strict):
    """Groups with their parties, or how many: then all but the hosts are dealt out evenly."""

    groups: Annotated[list[GroupWish] | None, Field(min_length=1, max_length=MOST_GROUPS)] = None
    count: Annotated[int | None, Field(ge=1, le=MOST_GROUPS)] = None
    ends_in_s: Annotated[Seconds, Field(description="All return then; 0: when somebody ends the groups.")] = 0.0
    may_return: Annotated[bool, Field(description="Whether who is in a group may return by itself.")] = True

    @model_validator(mode="after")
    def _one_way(self) -> "GroupsWish":
        if (self.groups is None) is (self.count is None):
            raise ValueError("say either which groups, or how many")
        named = list(chain.from_iterable(group.parties for group in self.groups or ()))
        if len(named) > len(set(named)):
            raise ValueError("a party is in one group")
        return self


class GroupsEnd(Strict):
    """When all return."""

    ends_in_s: Seconds


class GroupView(BaseModel):
    """A group, and the ids of who is in it."""

    number: int
    name: str
    parties: list[str]


class GroupsView(BaseModel):
    """The groups of a conference."""

    groups: list[GroupView]
    ends_in_s: Annotated[float | None, Field(description="All return then; null: when somebody ends the groups.")]
    may_return: bool


def _view(session: TelephonySession, context: ApiContext) -> GroupsView:
    found = context.control.rooms.groups(session.id)
    if found is None:
        raise not_found("groups")
    groups = [
        GroupView(number=number, name=name, parties=list(parties))
        for number, (name, parties) in enumerate(found.groups, 1)
    ]
    return GroupsView(groups=groups, ends_in_s=found.ends_in_s, may_return=found.may_return)


@reading.get("")
async def read_groups(session: SeenDep, context: ContextDep) -> GroupsView:
    """Show the groups and who is in them; 404 when there are none."""
    return _view(session, context)


@doing.post("", status_code=201)
async def open_groups(session: ManagedDep, wish: GroupsWish, context: ContextDep) -> GroupsView:
    """Open groups, and send parties into them, without a new call. Who comes later comes into the main room."""
    groups = wish.groups or [GroupWish()] * (wish.count or 0)
    for each in chain.from_iterable(group.parties for group in groups):
        party_of(session, each, "parties")
    await context.control.rooms.open_groups(
        session.id,
        [group.name for group in groups],
        None if wish.groups is None else [group.parties for group in groups],
        ends_in_s=wish.ends_in_s,
        may_return=wish.may_return,
    )
    return _view(session, context)


@doing.patch("", status_code=204)
async def end_groups_later(session: ManagedDep, change: GroupsEnd, context: ContextDep) -> Response:
    """Let all return in a while, which they are told; 0: at once."""
    await context.control.rooms.end_groups(session.id, change.ends_in_s)
    return Response(status_code=204)


@doing.delete("", status_code=204)
async def end_groups(session: ManagedDep, context: ContextDep) -> Response:
    """Let all return at once."""
    await context.control.rooms.end_groups(session.id)
    return Response(status_code=204)
