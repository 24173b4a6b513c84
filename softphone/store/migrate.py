"""Bring the tables to the shape that this version of the program knows (Alembic); done at every start."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from softphone.errors import ConfigError

__all__ = ["settings", "upgrade"]

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
