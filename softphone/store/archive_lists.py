"""Lists of the history by page number: how many there are, and those of one page."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, String, Table, and_, case, false, func, or_, select, true

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.tables import CONFERENCES
from softphone.store.values import ConferenceRecord

__all__ = ["ConferenceFilter", "Counted", "conferences"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counted(Generic[T]):
    """Items of a list, and how many it has."""

    items: tuple[T, ...]
    total: int


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
    where = or_(false(), *map(_passes, filters))
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


def _passes(wanted: ConferenceFilter) -> ColumnElement[bool]:
    named = ((name, getattr(wanted, name)) for name in CONDITIONS)
    return and_(true(), *(CONDITIONS[name](value) for name, value in named if value is not None))


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
