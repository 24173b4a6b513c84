"""The tables, as SQLAlchemy sees them. What changes here needs a migration beside it (a test compares the two).

History has no foreign keys: it is a stream that may have lost a piece, and a party without its conference is better
than none.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Dialect, ForeignKey, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.types import TypeDecorator

__all__ = ["METADATA", "UtcDateTime"]

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, with microseconds; SQLite, which knows no zones, keeps it without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a time without a zone is a mistake of ours."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _flag(name: str) -> Column[bool]:
    return Column(name, sa.Boolean, nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


def _extension(**options: Any) -> Column[str]:
    return Column("extension_id", Text, ForeignKey("extensions.id", ondelete="CASCADE"), nullable=False, **options)


ACCOUNTS = Table("accounts", METADATA, _text("id", primary_key=True), _text("main_number"))

EXTENSIONS = Table(
    "extensions",
    METADATA,
    _text("id", primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    _text("number", unique=True),
    _text("name"),
    _text("kind"),
    _flag("admin"),
    _flag("conferencing"),
    Column("join_before_host", sa.Boolean),
    _time("created", nullable=True),
)

CREDENTIALS = Table(
    "credentials",
    METADATA,
    _extension(),
    _text("realm"),
    _text("algorithm"),
    _text("ha1"),
    PrimaryKeyConstraint("extension_id", "realm", "algorithm"),
)

CODES = Table(
    "codes",
    METADATA,
    _text("code", primary_key=True),
    _extension(index=True),
    _text("role"),
)

SOUNDS = Table(
    "sounds",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("name"),
    _text("path"),
    Column("seconds", sa.Float, nullable=False),
    _time("created"),
    sqlite_autoincrement=True,  # the id of a removed sound is never given again
)

PROPERTIES = Table(
    "conference_properties",
    METADATA,
    _extension(primary_key=True),
    _flag("announce_caller_name"),
    Column("enter_sound", Integer, ForeignKey("sounds.id")),
    Column("max_members", Integer),
    Column("pin", Text),
    Column("moderator_pin", Text),
    _flag("mute_non_moderator"),
    Column("music_on_hold_sound", Integer, ForeignKey("sounds.id")),
    _flag("record_enabled"),
)

HANDLINGS = Table(
    "call_handlings",
    METADATA,
    _extension(primary_key=True),
    _flag("do_not_disturb"),
    _flag("call_waiting"),
    _text("forward_always"),
    _text("forward_busy"),
    _text("forward_no_answer"),
    Column("no_answer_s", Integer, nullable=False),
)

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    _text("id", primary_key=True),
    _text("url"),
    _text("secret"),
    Column("events", sa.JSON, nullable=False),
    _time("created"),
)

INVITATIONS = Table(
    "invitations",
    METADATA,
    _text("id", primary_key=True),
    _text("extension_id", index=True),
    _text("recipient"),
    _text("channel"),
    _text("state"),
    _text("error"),
    _time("created"),
    _time("changed"),
)

CONFERENCES = Table(
    "conferences",
    METADATA,
    _text("id", primary_key=True),
    _text("node", index=True),
    _text("kind"),
    Column("owner_id", Text, index=True),
    Column("extension_id", Text, index=True),
    _time("created"),
    _time("started", nullable=True),
    _time("ended", nullable=True),
    Column("reason", Text),
    _text("name", server_default=""),
    Index(None, "created", "id"),
)

PARTICIPATIONS = Table(
    "participations",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("node"),
    _text("conference_id"),
    _text("party_id"),
    _text("number"),
    _text("name"),
    Column("extension_id", Text),
    _text("role"),
    _time("joined"),
    _time("left", nullable=True),
    Column("reason", Text),
    Index(None, "conference_id", "party_id"),
)

MUTES = Table(
    "mute_intervals",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("node"),
    _text("conference_id"),
    _text("party_id"),
    _time("started"),
    _time("ended", nullable=True),
    Index(None, "conference_id", "party_id"),
)

RECORDINGS = Table(
    "recordings",
    METADATA,
    _text("id", primary_key=True),
    _text("node"),
    _text("conference_id", index=True),
    Column("party_id", Text),
    _text("path"),
    _text("state"),
    _time("started"),
    _time("ended", nullable=True),
    Column("seconds", sa.Float),
    Column("reason", Text),
    Column("tracks", sa.JSON, nullable=False),
    Index(None, "started", "id"),
)

CALLS = Table(
    "calls",
    METADATA,
    _text("id", primary_key=True),
    _text("node"),
    _text("session_id", index=True),
    _text("direction"),
    _text("caller"),
    _text("callee"),
    Column("extension_id", Text, index=True),
    _time("started"),
    _time("answered", nullable=True),
    _time("ended", nullable=True),
    Column("reason", Text),
    *(Column(name, sa.Float) for name in ("loss_percent", "jitter_ms", "rtt_ms", "mos")),
    Index(None, "started", "id"),
)

# How far the journal of a node has been written here: changed in the same transaction as what it counts, so that an
# event is written exactly once.
JOURNALS = Table(
    "journals",
    METADATA,
    _text("node", primary_key=True),
    Column("sequence", sa.BigInteger, nullable=False),
)

# Where the telephones of a user are reached, all in one value: they are changed together, and read when a node starts.
BINDINGS = Table(
    "bindings",
    METADATA,
    _text("node"),
    _text("user_name"),
    Column("telephones", sa.JSON, nullable=False),
    PrimaryKeyConstraint("node", "user_name"),
)

# Invitations of one person into a room.
PASSES = Table(
    "passes",
    METADATA,
    _text("id", primary_key=True),
    _text("room", index=True),
    _text("role"),
    _text("name"),
    Column("one_use", sa.Boolean, nullable=False),
    Column("hidden", sa.Boolean, nullable=False),
    _text("made_by"),
    _time("created"),
    _time("expires"),
    _time("used", nullable=True),
    _time("revoked", nullable=True),
)
