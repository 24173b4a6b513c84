"""Reading of the history: conferences, their parties, recordings and calls."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, select

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.tables import CALLS, CONFERENCES, MUTES, PARTICIPATIONS, RECORDINGS
from softphone.store.values import (
    CallRecord,
    ConferenceRecord,
    MuteInterval,
    Page,
    Participation,
    RecordingRecord,
    RecordingState,
)

__all__ = ["Archive"]

T = TypeVar("T")

# Ids in one query; databases take some thousand values.
TOGETHER = 500


class Archive:
    """What was. It lags behind what is by the moment that `History` needs to write it.

    Every method raises `StoreUnavailable` when the database is away.

    Parameters
    ----------
    database
        Where it is.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def conferences(
        self,
        *,
        owner_id: str | None = None,
        extension_id: str | None = None,
        live: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[ConferenceRecord]:
        """List conferences, the newest first.

        Parameters
        ----------
        owner_id, extension_id
            Only theirs.
        live
            Only those that go on (True) or are over (False).
        since, until
            Only those that were created from `since` on and before `until`.
        after, limit
            The part: `Page.next` of the one before, and how many at most (1000).
        """
        table = CONFERENCES
        where = _equal(table, owner_id=owner_id, extension_id=extension_id) + _between(table.c.created, since, until)
        if live is not None:
            where.append(table.c.ended.is_(None) if live else table.c.ended.is_not(None))
        return await rows.page(self.database, ConferenceRecord, table, "created", where, after, limit)

    async def conference(self, conference_id: str) -> ConferenceRecord:
        """Find a conference.

        Raises
        ------
        NoSuchRow
        """
        return await rows.one(self.database, ConferenceRecord, CONFERENCES, conference_id)

    async def owned(self, owner_id: str, conference_ids: Iterable[str]) -> set[str]:
        """Choose those conferences that an extension has made, and those calls of two that it has placed or taken."""
        wanted, found = list(conference_ids), set[str]()
        async with self.database.read() as connection:
            for start in range(0, len(wanted), TOGETHER):
                some = CONFERENCES.c.id.in_(wanted[start : start + TOGETHER])
                query = select(CONFERENCES.c.id).where(some, CONFERENCES.c.owner_id == owner_id)
                found.update((await connection.execute(query)).scalars())
                some = CALLS.c.id.in_(wanted[start : start + TOGETHER])
                query = select(CALLS.c.id).where(some, CALLS.c.extension_id == owner_id)
                found.update((await connection.execute(query)).scalars())
        return found

    async def participations(self, conference_id: str) -> list[Participation]:
        """List who was in a conference, in the order of arrival, with the stretches in which they were muted."""
        key = PARTICIPATIONS.c
        columns = [column for column in key if column.name not in ("id", "node")]
        query = select(*columns).where(key.conference_id == conference_id).order_by(key.id)
        marks = select(MUTES.c.party_id, MUTES.c.started, MUTES.c.ended)
        mutes: defaultdict[str, list[MuteInterval]] = defaultdict(list)
        async with self.database.read() as connection:
            parties = [dict(row) for row in (await connection.execute(query)).mappings()]
            found = await connection.execute(marks.where(MUTES.c.conference_id == conference_id).order_by(MUTES.c.id))
            for party_id, started, ended in found:
                mutes[party_id].append(MuteInterval(started, ended))
        return [Participation(**party, mutes=_within(mutes[party["party_id"]], party)) for party in parties]

    async def recordings(
        self,
        *,
        conference_id: str | None = None,
        state: RecordingState | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[RecordingRecord]:
        """List recordings, the newest first; the deleted ones too, unless `state` says otherwise.

        Parameters
        ----------
        conference_id, state
            Only of that conference, only in that state.
        until
            Only those that were begun before.
        after, limit
            The part, as for `conferences`.
        """
        where = _equal(RECORDINGS, conference_id=conference_id, state=state)
        where += _between(RECORDINGS.c.started, None, until)
        return await rows.page(self.database, RecordingRecord, RECORDINGS, "started", where, after, limit)

    async def recording(self, recording_id: str) -> RecordingRecord:
        """Find a recording.

        Raises
        ------
        NoSuchRow
        """
        return await rows.one(self.database, RecordingRecord, RECORDINGS, recording_id)

    async def calls(
        self,
        *,
        session_id: str | None = None,
        extension_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[CallRecord]:
        """List calls, the newest first.

        Parameters
        ----------
        session_id, extension_id
            Only theirs.
        since, until
            Only those that were begun from `since` on and before `until`.
        after, limit
            The part, as for `conferences`.
        """
        where = _equal(CALLS, session_id=session_id, extension_id=extension_id)
        where += _between(CALLS.c.started, since, until)
        return await rows.page(self.database, CallRecord, CALLS, "started", where, after, limit)


def _equal(table: Table, **wanted: str | None) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in wanted.items() if value is not None]


def _between(column: ColumnElement[Any], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [*([column >= since] if since else []), *([column < until] if until else [])]


def _within(mutes: list[MuteInterval], party: dict[str, Any]) -> tuple[MuteInterval, ...]:
    """Keep the mutes of this participation: a party that left and came back has another one."""
    left = party["left"]
    return tuple(each for each in mutes if each.started >= party["joined"] and (left is None or each.started <= left))
