"""Rows of tables to frozen values and back."""

import base64
import binascii
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, Table, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from softphone.store.database import Database
from softphone.store.errors import NoSuchRow, PropertyError
from softphone.store.tables import UtcDateTime
from softphone.store.values import Page

__all__ = ["MAX_PAGE", "one", "page", "put", "read", "read_as", "select_of", "values_of"]

# More items are not given at once.
MAX_PAGE = 1000

T = TypeVar("T")


async def read(connection: AsyncConnection, kind: type[T], table: Table, *where: ColumnElement[bool]) -> list[T]:
    """Read the rows of `table` for which all of `where` holds, as values of the dataclass `kind`."""
    return await read_as(connection, kind, select_of(kind, table).where(*where))


async def read_as(connection: AsyncConnection, kind: type[T], query: Select[Any]) -> list[T]:
    """Read what `query` gives, as values of the dataclass `kind`."""
    rows = (await connection.execute(query)).mappings()
    return [kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}) for row in rows]


async def one(database: Database, kind: type[T], table: Table, identity: object) -> T:
    """Read the row with an id; raises NoSuchRow, StoreUnavailable."""
    async with database.read() as connection:
        found = await read(connection, kind, table, table.c.id == identity)
    if not found:
        raise NoSuchRow(f"no such row in {table.name}")
    return found[0]


def select_of(kind: type[Any], table: Table) -> Select[Any]:
    """Select the columns of `table` that the dataclass `kind` has."""
    names = [each.name for each in dataclasses.fields(kind)]
    return select(*(table.c[name] for name in names if name in table.c))


def values_of(value: Any) -> dict[str, Any]:
    """Give the columns of a value."""
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


async def put(connection: AsyncConnection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Change the row with `key`, or make it."""
    where = [table.c[name] == value for name, value in key.items()]
    changed = await connection.execute(update(table).where(*where).values(**values))
    if changed.rowcount == 0:
        await connection.execute(insert(table).values(**key, **values))


async def page(
    database: Database,
    kind: type[T],
    table: Table,
    time: str,
    where: Sequence[ColumnElement[bool]],
    after: str | None,
    limit: int,
) -> Page[T]:
    """Read a part of a table, the newest first.

    Parameters
    ----------
    database, kind, table
        Where, and what; the table has an `id`.
    time
        The column that orders it.
    where
        What must hold.
    after
        `Page.next` of the part before; None: from the newest on.
    limit
        Items, 1 to `MAX_PAGE`.

    Raises
    ------
    PropertyError
        `after` is no mark of ours.
    """
    limit = max(1, min(limit, MAX_PAGE))
    order = tuple_(table.c[time], table.c.id)
    query = select_of(kind, table).where(*where).order_by(table.c[time].desc(), table.c.id.desc()).limit(limit + 1)
    if after is not None:
        mark = _mark(after, table.name)
        if mark is None:
            raise PropertyError("after", "it is not the `next` of the part before")
        query = query.where(order < tuple_(literal(mark[0], UtcDateTime), literal(mark[1], table.c.id.type)))
    async with database.read() as connection:
        items = await read_as(connection, kind, query)
    more = len(items) > limit
    return Page(tuple(items[:limit]), _cursor(items[limit - 1], table.name, time) if more else None)


def _cursor(item: Any, of: str, time: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((str(of), getattr(item, time), item.id))).decode()


def _mark(cursor: str, table: str) -> tuple[datetime, str] | None:
    try:
        of, moment, identity = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, datetime, str])
        moment = moment.astimezone(UTC)
    except (binascii.Error, ValueError, OverflowError):
        return None
    return (moment, identity) if of == str(table) and "\0" not in identity else None
