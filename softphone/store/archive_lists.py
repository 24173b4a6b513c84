"""Lists of the history by page number: how many there are, and those of one page."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, String, Table, and_, case, false, func, or_, select, true

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.tables import CALLS, CONFERENCES
from softphone.store.values import CallRecord, ConferenceRecord

__all__ = ["CallFilter", "ConferenceFilter", "Counted", "calls", "calls_named", "conferences"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counted(Generic[T]):
    """Items of a list, and how many it has."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted: those for which all holds that is not None."""

    of: str | None = None
    "Id of the extension that it is of."
    caller: str | None = None
    callee: str | None = None
    since: datetime | None = None
    "Begun from then on."
    ended_until: datetime | None = None
    "Ended before."
    ended: bool | None = None
    answered: bool | None = None
    reasons: Collection[str] | None = None
    "Why they are over: one of these."
    other_reasons: Collection[str] | None = None
    "None of these."
    session: str | None = None
    also: Collection[str] = ()
    "Ids of calls of other sessions that count as those of `session`."


@dataclass(frozen=True, slots=True)
class ConferenceFilter:
    """Which conferences are wanted: those for which all holds that is not None."""

    of: str | None = None
    "Id of the extension that made it, or whose room it is."
    name: str | None = None
    "As in SQL, ``%`` and ``_`` stand for any text and any character; one without a name has its id for one."
    since: datetime | None = None
    "Created from then on."
    updated_until: datetime | None = None
    "Ended, begun or else created before."
    ended: bool | None = None
    ids: Collection[str] | None = None
    besides: Collection[str] | None = None
    "Ids of those that are not wanted."


async def conferences(
    database: Database, filters: Sequence[ConferenceFilter], offset: int, limit: int
) -> Counted[ConferenceRecord]:
    """List the conferences that pass one of the filters, the newest first; raises StoreUnavailable."""
    where = or_(false(), *(_passes(each, CONDITIONS) for each in filters))
    return await counted(database, ConferenceRecord, CONFERENCES, "created", where, offset, limit)


NAME = case((CONFERENCES.c.name == "", CONFERENCES.c.id), else_=CONFERENCES.c.name)
UPDATED = func.coalesce(CONFERENCES.c.ended, CONFERENCES.c.started, CONFERENCES.c.created)

# What holds of a conference, by what is wanted.
CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "of": lambda owner: or_(CONFERENCES.c.owner_id == owner, CONFERENCES.c.extension_id == owner),
    "name": lambda pattern: like(NAME, pattern),
    "since": lambda moment: CONFERENCES.c.created >= moment,
    "updated_until": lambda moment: moment > UPDATED,
    "ended": lambda over: CONFERENCES.c.ended.is_not(None) if over else CONFERENCES.c.ended.is_(None),
    "ids": lambda ids: CONFERENCES.c.id.in_(ids),
    "besides": lambda ids: CONFERENCES.c.id.not_in(ids),
}


async def calls(database: Database, filters: Sequence[CallFilter], offset: int, limit: int) -> Counted[CallRecord]:
    """List the calls that pass one of the filters, the newest first; raises StoreUnavailable."""
    where = or_(false(), *(and_(_passes(each, CALL_CONDITIONS), _within(each)) for each in filters))
    return await counted(database, CallRecord, CALLS, "started", where, offset, limit)


def _within(wanted: CallFilter) -> ColumnElement[bool]:
    if wanted.session is None:
        return true()
    return or_(CALLS.c.session_id == wanted.session, CALLS.c.id.in_(wanted.also))


async def calls_named(database: Database, starts: Collection[str]) -> list[CallRecord]:
    """List the calls whose ids begin with one of these texts; raises StoreUnavailable."""
    where = or_(*(and_(CALLS.c.id >= start, CALLS.c.id < f"{start}~") for start in starts))
    async with database.read() as connection:
        return await rows.read(connection, CallRecord, CALLS, where)


CALL_CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "of": lambda owner: CALLS.c.extension_id == owner,
    "caller": lambda pattern: like(CALLS.c.caller, pattern),
    "callee": lambda pattern: like(CALLS.c.callee, pattern),
    "since": lambda moment: CALLS.c.started >= moment,
    "ended_until": lambda moment: CALLS.c.ended < moment,
    "ended": lambda over: CALLS.c.ended.is_not(None) if over else CALLS.c.ended.is_(None),
    "answered": lambda was: CALLS.c.answered.is_not(None) if was else CALLS.c.answered.is_(None),
    "reasons": lambda words: CALLS.c.reason.in_(words),
    "other_reasons": lambda words: or_(CALLS.c.reason.is_(None), CALLS.c.reason.not_in(words)),
}


def _passes(wanted: object, conditions: Mapping[str, Callable[[Any], ColumnElement[bool]]]) -> ColumnElement[bool]:
    named = ((name, getattr(wanted, name)) for name in conditions)
    return and_(true(), *(conditions[name](value) for name, value in named if value is not None))


def like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Compare as SQL does; without a wildcard letters have to be the same, capital or small, on every database."""
    if "%" in pattern or "_" in pattern:
        return column.cast(String).like(pattern)
    return column == pattern


async def counted(
    database: Database,
    kind: type[T],
    table: Table,
    time: str,
    where: ColumnElement[bool],
    offset: int,
    limit: int,
) -> Counted[T]:
    """Read a page of a table, the newest first, and how many rows there are in all; raises StoreUnavailable."""
    query = rows.select_of(kind, table).where(where).order_by(table.c[time].desc(), table.c.id.desc())
    async with database.read() as connection:
        total = (await connection.execute(select(func.count()).select_from(table).where(where))).scalar_one()
        found = await rows.read_as(connection, kind, query.offset(offset).limit(limit))
    return Counted(tuple(found), total)
