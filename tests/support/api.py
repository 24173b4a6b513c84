"""The HTTP application on a switchboard: its routes, errors and tokens are the real ones, and no socket is opened."""

import time
from types import SimpleNamespace
from typing import Any

import httpx

from softphone.api.app import create_app
from softphone.api.auth.grants import Grants
from tests.focus.switchboard import Switchboard


class PaperApi:
    """What programs ask of a switchboard."""

    def __init__(self, board: Switchboard) -> None:
        self._accounts = board.paper.accounts
        self._grants = Grants(board.config.token, board.config.clients)
        context: Any = SimpleNamespace(
            focus=board.focus,
            accounts=self._accounts,
            control=board.paper.control,
            grants=self._grants,
            config=board.config,
        )
        notifications: Any = None
        self._transport = httpx.ASGITransport(app=create_app(context, notifications))

    def client(self, number: str) -> httpx.AsyncClient:
        """Give a program in which an extension is logged in."""
        token = self._grants.issue("dev-client", self._accounts.extensions[number].id, time.monotonic()).access
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(transport=self._transport, base_url="http://paper", headers=headers)
