from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from softphone.api.restcomm.sids import account_sid
from softphone.server import Server
from tests.api.conftest import PATIENCE_S
from tests.focus.phone import extension

BASE = "/restcomm/2012-04-24/Accounts"


def sid_of(server: Server, number: str) -> str:
    return account_sid(extension(server, number))


def client_of(server: Server, number: str) -> httpx.AsyncClient:
    """An extension's, at its account; paths are within."""
    sid = sid_of(server, number)
    return httpx.AsyncClient(base_url=f"{server.http_url}{BASE}/{sid}", auth=(sid, f"dev-{number}"), timeout=PATIENCE_S)


@pytest_asyncio.fixture(loop_scope="module")
async def ann(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    """101, an administrator."""
    async with client_of(shared, "101") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def ben(shared: Server) -> AsyncIterator[httpx.AsyncClient]:
    """102, a user."""
    async with client_of(shared, "102") as client:
        yield client
