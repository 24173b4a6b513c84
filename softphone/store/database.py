"""The connection to the database: SQLite in the data folder, or PostgreSQL by URL; its errors become ours.

At every start its tables are brought to the shape that this version of the program knows (Alembic).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from softphone.errors import ConfigError
from softphone.store.errors import StoreUnavailable

__all__ = ["Database", "FILE", "WrongData", "settings", "upgrade", "url_of"]

# Any number that nobody else locks in the same PostgreSQL database: two servers that start together migrate in turn.
LOCK = 0x50F79803


def settings(connection: Connection) -> Config:
    """Give Alembic's settings for work on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, in the transaction of `connection`.

    Raises
    ------
    ConfigError
        The database was migrated by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = settings(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    here = MigrationContext.configure(connection).get_current_revision()
    if here is not None and here not in known:
        raise ConfigError(f"the database was made by a newer version (its revision is {here})")
    command.upgrade(config, "head")


FILE = "softphone.db"

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

# A database that has not answered for so long is away. Longer than any statement of ours takes on a busy machine, and
# short enough that an HTTP request may wait for it.
TIMEOUT_S = 5.0

# SQLite waits so long for another program's lock: less than TIMEOUT_S, so that its own error comes first.
BUSY_S = 3.0

# SQLSTATE classes (SQL standard): data exception, integrity constraint violation.
WRONG_DATA = ("22", "23")


class WrongData(Exception):
    """The database will never take this: there is no point in trying again."""


def url_of(text: str, data: Path) -> URL:
    """Read the setting ``store.url``; empty means a file in the data folder.

    Raises
    ------
    ConfigError
        It is no URL of a database that we speak; the message holds no password.
    """
    if not text:
        return URL.create("sqlite+aiosqlite", database=str(data / FILE))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError("store.url: not a database URL, such as postgresql://user@host/name") from None
    if url.drivername not in DRIVERS:
        raise ConfigError(f"store.url: {url.drivername!r} is not one of {', '.join(DRIVERS)}")
    if url.port is not None and not 0 < url.port < 65536:
        raise ConfigError(f"store.url: there is no port {url.port}")
    return url.set(drivername=DRIVERS[url.drivername])


class Database:
    """An engine whose transactions end in time, and raise what a caller can tell apart.

    Parameters
    ----------
    url
        As `url_of` gives it.
    timeout_s
        After so long a transaction is given up.
    """

    def __init__(self, url: URL, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        self._timeout_s = timeout_s
        self._engine = _engine(url, timeout_s)
        self._writer = self._engine.execution_options(immediate=True)

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return self.url.render_as_string(hide_password=True)

    async def start(self) -> None:
        """Make or migrate the tables.

        Raises
        ------
        StoreUnavailable
            The database cannot be reached.
        ConfigError
            It was written by a newer version of the program.
        """
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            _make_private(Path(self.url.database))
        with _translated(self.name):
            async with self._writer.begin() as connection:
                await connection.run_sync(upgrade)

    async def stop(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction that only reads.

        Raises
        ------
        StoreUnavailable
            The database is away, or too slow.
        """
        async with self._transaction(self._engine) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction: committed at the end of the block, rolled back on an exception.

        Raises
        ------
        StoreUnavailable
            The database is away, too slow or locked.
        WrongData
            It will never take what it was given.
        """
        async with self._transaction(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        with _translated(self.name):
            async with asyncio.timeout(self._timeout_s), engine.begin() as connection:
                yield connection


def _engine(url: URL, timeout_s: float) -> AsyncEngine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_async_engine(url, connect_args={"timeout": min(BUSY_S, timeout_s)})
            sa.event.listen(engine.sync_engine, "connect", _set_up_sqlite)
            sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
            return engine
        return create_async_engine(url, pool_pre_ping=True, connect_args={"timeout": timeout_s})
    except ModuleNotFoundError as error:
        raise ConfigError(f"store.url needs {error.name}: pip install 'softphone[postgres]'") from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Let readers and the writer work side by side, and check foreign keys, which SQLite does only when told."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """Begin where the driver would not (tables are made); a writer takes its lock first, while it can wait for it."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can read digests and PINs; its companions inherit that."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot use {path}: {error.strerror}") from error


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn the errors of drivers, which hold statements and values, into short ones of ours."""
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable(f"{name} does not answer") from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if isinstance(error, IntegrityError) or state[:2] in WRONG_DATA:
            raise WrongData(f"{type(error.orig).__name__} {state}".rstrip()) from error
        raise StoreUnavailable(f"{name}: {error.orig}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(f"{name}: {type(error).__name__}") from error
