"""Writing of events to the database, many of a kind in one statement; and how far a journal is written."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Executable, Table, bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from softphone.store import events
from softphone.store.events import Event
from softphone.store.tables import CALLS, CONFERENCES, JOURNALS, MUTES, PARTICIPATIONS, RECORDINGS, UtcDateTime

__all__ = ["advance", "position", "write"]

# Parameters of the statements below: the fields of the events, which must not be named like a column.
AT = bindparam("b_at", type_=UtcDateTime)
CONFERENCE = bindparam("b_conference_id", type_=sa.Text)
PARTY = bindparam("b_party_id", type_=sa.Text)
REASON = bindparam("b_reason", type_=sa.Text)
RECORDING = bindparam("b_recording_id", type_=sa.Text)
CALL = bindparam("b_call_id", type_=sa.Text)
NODE = bindparam("b_node", type_=sa.Text)

# Why a row was closed that nobody closed.
RESTART = "restart"


def _column(table: Table, **named: str) -> dict[str, Any]:
    return {column: bindparam(f"b_{field}", type_=table.c[column].type) for column, field in named.items()}


def _same(table: Table, *fields: str, **named: str) -> dict[str, Any]:
    """Fill columns from fields, the first ones from fields of the same name."""
    return _column(table, **{field: field for field in fields}, **named)


def _of_party(table: Table) -> ColumnElement[bool]:
    return sa.and_(table.c.conference_id == CONFERENCE, table.c.party_id == PARTY)


def _open(table: Table, column: str = "ended") -> ColumnElement[bool]:
    return table.c[column].is_(None)


def _not_before(table: Table, column: str) -> ColumnElement[Any]:
    """Say `AT`, or when it began where a clock was set back in between: nothing ends before it begins."""
    return case((table.c[column] > AT, table.c[column]), else_=AT)


_MUTE = insert(MUTES).from_select(
    ["node", "conference_id", "party_id", "started"],
    select(NODE, CONFERENCE, PARTY, AT).where(~select(MUTES.c.id).where(_of_party(MUTES), _open(MUTES)).exists()),
)
_UNMUTE = update(MUTES).where(_of_party(MUTES), _open(MUTES)).values(ended=_not_before(MUTES, "started"))


# A party that comes back from the lobby is in the same call as before.
_OF_CALL = _same(CALLS, "node", "session_id", "direction", "caller", "callee", "extension_id") | {
    "id": CALL,
    "started": AT,
}
_CALL_STARTED = insert(CALLS).from_select(
    list(_OF_CALL), select(*_OF_CALL.values()).where(~select(CALLS.c.id).where(CALLS.c.id == CALL).exists())
)


def _recording(state: str) -> Executable:
    return update(RECORDINGS).where(RECORDINGS.c.id == RECORDING).values(state=state)


def _closed_by_restart(table: Table, begin: str, end: str, **values: Any) -> Executable:
    return (
        update(table).where(table.c.node == NODE, _open(table, end)).values({end: _not_before(table, begin), **values})
    )


STATEMENTS: Mapping[type[Event], Sequence[Executable]] = {
    events.ConferenceCreated: [
        insert(CONFERENCES).values(
            _same(CONFERENCES, "node", "kind", "owner_id", "extension_id", "name", id="conference_id", created="at")
        ),
    ],
    events.ConferenceEnded: [
        update(CONFERENCES)
        .where(CONFERENCES.c.id == CONFERENCE, _open(CONFERENCES))
        .values(ended=_not_before(CONFERENCES, "created"), reason=REASON),
        update(PARTICIPATIONS)
        .where(PARTICIPATIONS.c.conference_id == CONFERENCE, _open(PARTICIPATIONS, "left"))
        .values(left=_not_before(PARTICIPATIONS, "joined"), reason=REASON),
        update(MUTES)
        .where(MUTES.c.conference_id == CONFERENCE, _open(MUTES))
        .values(ended=_not_before(MUTES, "started")),
    ],
    events.Joined: [
        insert(PARTICIPATIONS).values(
            _same(PARTICIPATIONS, "node", "conference_id", "party_id", "number", "name", "extension_id", "role")
            | _column(PARTICIPATIONS, joined="at")
        ),
        update(CONFERENCES).where(CONFERENCES.c.id == CONFERENCE, _open(CONFERENCES, "started")).values(started=AT),
    ],
    events.Left: [
        update(PARTICIPATIONS)
        .where(_of_party(PARTICIPATIONS), _open(PARTICIPATIONS, "left"))
        .values(left=_not_before(PARTICIPATIONS, "joined"), reason=REASON),
        _UNMUTE,
    ],
    events.Muted: [_MUTE],
    events.Unmuted: [_UNMUTE],
    events.RecordingStarted: [
        insert(RECORDINGS)
        .values(_same(RECORDINGS, "node", "conference_id", "party_id", "path", id="recording_id", started="at"))
        .values(state="recording", tracks=[]),
    ],
    events.RecordingPaused: [_recording("paused")],
    events.RecordingResumed: [_recording("recording")],
    events.RecordingCompleted: [
        update(RECORDINGS)
        .where(RECORDINGS.c.id == RECORDING)
        .values(_same(RECORDINGS, "seconds", "reason", "tracks"))
        .values(
            state="ready",
            path=sa.func.coalesce(bindparam("b_path", type_=sa.Text), RECORDINGS.c.path),
            ended=sa.func.coalesce(RECORDINGS.c.ended, _not_before(RECORDINGS, "started")),
        ),
    ],
    events.RecordingLost: [
        update(RECORDINGS)
        .where(RECORDINGS.c.id == RECORDING)
        .values(
            state="lost",
            reason=REASON,
            ended=sa.func.coalesce(RECORDINGS.c.ended, _not_before(RECORDINGS, "started")),
        ),
    ],
    events.RecordingDeleted: [_recording("deleted")],
    events.CallStarted: [
        _CALL_STARTED,
    ],
    events.CallAnswered: [update(CALLS).where(CALLS.c.id == CALL, _open(CALLS, "answered")).values(answered=AT)],
    events.CallOver: [
        update(CALLS)
        .where(CALLS.c.id == CALL, _open(CALLS))
        .values(ended=_not_before(CALLS, "started"), reason=REASON),
    ],
    events.CallMeasured: [
        update(CALLS).where(CALLS.c.id == CALL).values(_same(CALLS, "loss_percent", "jitter_ms", "rtt_ms", "mos")),
    ],
    events.Restarted: [
        _closed_by_restart(CONFERENCES, "created", "ended", reason=RESTART),
        _closed_by_restart(PARTICIPATIONS, "joined", "left", reason=RESTART),
        _closed_by_restart(MUTES, "started", "ended"),
        _closed_by_restart(RECORDINGS, "started", "ended", reason=RESTART, state="interrupted"),
        _closed_by_restart(CALLS, "started", "ended", reason=RESTART),
    ],
}


async def write(connection: AsyncConnection, node: str, happened: Iterable[Event]) -> None:
    """Write events in their order.

    Parameters
    ----------
    connection
        In a transaction.
    node
        Whose events they are: only its own rows are closed by its restart.
    happened
        What happened.
    """
    for kind, group in groupby(happened, type):
        several = list(group)
        for statement in STATEMENTS[kind]:
            await connection.execute(statement, [_parameters(event, node) for event in several])
        muted = [event for event in several if isinstance(event, events.Joined) and event.muted]
        if muted:
            await connection.execute(_MUTE, [_parameters(event, node) for event in muted])


def _parameters(event: Event, node: str) -> dict[str, Any]:
    return {f"b_{name}": value for name, value in asdict(event).items()} | {"b_node": node}


async def position(connection: AsyncConnection, node: str) -> int:
    """Read the sequence number of the last event of `node` that is here; 0: none."""
    found: int | None = await connection.scalar(select(JOURNALS.c.sequence).where(JOURNALS.c.node == node))
    return found or 0


async def advance(connection: AsyncConnection, node: str, sequence: int) -> None:
    """Note that the events of `node` up to `sequence` are here."""
    moved = await connection.execute(update(JOURNALS).where(JOURNALS.c.node == node).values(sequence=sequence))
    if moved.rowcount == 0:
        await connection.execute(insert(JOURNALS).values(node=node, sequence=sequence))
