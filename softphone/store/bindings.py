"""Where users' telephones were reached: kept so that a restart does not make them wait for their next REGISTER."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.tables import BINDINGS

__all__ = ["BindingShelf"]

Telephones = list[dict[str, Any]]


class BindingShelf:
    """The telephones of each user of one node, as lists of plain values.

    Every method raises `StoreUnavailable` when the database is away.

    Parameters
    ----------
    database
        Where they are.
    node
        Whose: another server on the same database has telephones of its own.
    """

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    async def all(self) -> dict[str, Telephones]:
        """Read them all, by user."""
        query = select(BINDINGS.c.user_name, BINDINGS.c.telephones).where(BINDINGS.c.node == self._node)
        async with self._database.read() as connection:
            return {user: telephones for user, telephones in await connection.execute(query)}

    async def put(self, changed: Mapping[str, Telephones]) -> None:
        """Let these be the telephones of some users; all of it, or nothing."""
        async with self._database.write() as connection:
            for user, telephones in changed.items():
                if telephones:
                    key = {"node": self._node, "user_name": user}
                    await rows.put(connection, BINDINGS, key, {"telephones": telephones})
            gone = [user for user, telephones in changed.items() if not telephones]
            await connection.execute(delete(BINDINGS).where(*_of(self._node, gone)))


def _of(node: str, users: Iterable[str]) -> tuple[Any, Any]:
    return BINDINGS.c.node == node, BINDINGS.c.user_name.in_(list(users))
