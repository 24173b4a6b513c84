"""The same tests on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from softphone.config import DEV_PATH, Config, load
from softphone.store.history import History
from softphone.store.store import Store
from tests.store.databases import Databases
from tests.support.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgres"))])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """An empty database of either kind, and a data folder."""
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    return Databases(tmp_path / "data", server)


@pytest.fixture
def config(database: Databases) -> Config:
    """The development configuration with that database."""
    dev = load(DEV_PATH)
    return msgspec.structs.replace(dev, store=msgspec.structs.replace(dev.store, url=database.url))


@pytest.fixture
async def store(config: Config, database: Databases) -> AsyncIterator[Store]:
    async with Store(config, database.data) as opened:
        yield opened


@pytest.fixture
async def history(store: Store, database: Databases) -> AsyncIterator[History]:
    async with History(store.database, database.data) as opened:
        yield opened
