from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from softphone.server import Server
from tests.focus.phone import bridge

ORIGIN = "https://phone.example.com"
# Of a request, on a machine that is busy with other things.
PATIENCE_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server for the tests of a module."""
    http = {"port": 0, "cors_origins": (ORIGIN,), "max_body_bytes": 2000}
    async with bridge(tmp_path_factory.mktemp("data"), http=http) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def http(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=shared.http_url, timeout=PATIENCE_S) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def ada(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Extension 101, logged in."""
    async with logged_in(shared, "101") as client:
        yield client


@asynccontextmanager
async def logged_in(server: Server, number: str) -> AsyncIterator[httpx.AsyncClient]:
    form = {"grant_type": "password", "username": number, "password": f"dev-{number}"}
    async with httpx.AsyncClient(base_url=server.http_url, timeout=PATIENCE_S) as client:
        answer = await client.post("/restapi/oauth/token", data=form, auth=("dev-client", "dev-secret"))
        client.headers["Authorization"] = f"bearer {answer.json()['access_token']}"
        yield client
