from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from softphone.store.values import Codes
from tests.api.conftest import ORIGIN, PATIENCE_S
from tests.focus.phone import bridge
from tests.support.web import GUEST, HOST


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with bridge(
        tmp_path_factory.mktemp("data"), conference={"wrong_codes": 30}, http={"port": 0, "cors_origins": (ORIGIN,)}
    ) as server:
        server.accounts.put_codes(server.accounts.extensions["101"].id, Codes(HOST, GUEST))
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(web: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=web.http_url, timeout=PATIENCE_S) as client:
        yield client
