from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from softphone.server import Server
from tests.focus.phone import bridge


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(data: Path) -> AsyncIterator[Server]:
    """One server for the tests of a module."""
    async with bridge(data) as server:
        yield server
