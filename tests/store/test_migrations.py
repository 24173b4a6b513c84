from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from softphone.config import Config
from softphone.errors import ConfigError
from softphone.store.errors import StoreUnavailable
from softphone.store.store import Store
from softphone.store.tables import METADATA, UtcDateTime
from tests.store.databases import Databases
from tests.support.processes import LOOPBACK, port_block


def _same_type(_context: Any, _column: Any, _metadata: Any, found: Any, ours: Any) -> bool | None:
    """Times: the type of ours wraps the one that the database names; everything else is compared as usual."""
    return not isinstance(found, sa.DateTime) if isinstance(ours, UtcDateTime) else None


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": _same_type})
    return list(compare_metadata(context, METADATA))


async def test_the_migrations_make_the_tables_that_we_use(store: Store) -> None:
    async with store.database.read() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(sa.text("ALTER TABLE sounds ADD COLUMN color INTEGER"))
        assert len(await connection.run_sync(differences)) == 1, "the comparison sees something"


async def test_a_database_of_a_newer_version_is_refused(config: Config, database: Databases) -> None:
    async with Store(config, database.data) as store, store.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer version .*9999"):
        await Store(config, database.data).__aenter__()


async def test_a_database_that_is_not_there_is_named_without_its_password(config: Config, database: Databases) -> None:
    url = f"postgresql://softphone:hush@{LOOPBACK}:{port_block()}/softphone"
    absent = msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, url=url))
    with pytest.raises(StoreUnavailable, match=LOOPBACK) as caught:
        await Store(absent, database.data).__aenter__()
    assert "hush" not in str(caught.value)


async def test_a_folder_that_cannot_be_used_is_named(config: Config, database: Databases) -> None:
    if not database.url:
        database.data.write_text("a file in the way")
        with pytest.raises(StoreUnavailable, match=str(database.data)):
            await Store(config, database.data).__aenter__()
