"""Registrations of telephones, stored so that a restart need not wait for their next REGISTER."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import structlog
from sqlalchemy import Text, delete, select, type_coerce

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.tables import BINDINGS

__all__ = ["BindingShelf", "Telephones"]

log = structlog.get_logger()

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
        """Read them all, by user; what is no JSON is logged and left out."""
        telephones = type_coerce(BINDINGS.c.telephones, Text)
        query = select(BINDINGS.c.user_name, telephones).where(BINDINGS.c.node == self._node)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).all()
        decoded = {user: _decoded(user, kept) for user, kept in found}
        return {user: kept for user, kept in decoded.items() if kept is not None}

    async def put(self, changed: Mapping[str, Telephones]) -> None:
        """Let these be the telephones of some users; all of it, or nothing."""
        async with self._database.write() as connection:
            for user, telephones in changed.items():
                if telephones:
                    key = {"node": self._node, "user_name": user}
                    await rows.put(connection, BINDINGS, key, {"telephones": telephones})
            gone = [user for user, telephones in changed.items() if not telephones]
            await connection.execute(delete(BINDINGS).where(*_of(self._node, gone)))


def _decoded(user: str, kept: object) -> Telephones | None:
    """Read the telephones of a user: PostgreSQL holds JSON and gives what it says, SQLite holds any text."""
    try:
        # Bytes that were no text are escaped as halves of surrogate pairs, which msgspec's decoder refuses.
        return msgspec.convert(json.loads(kept) if isinstance(kept, str) else kept, Telephones)
    except (msgspec.ValidationError, ValueError) as error:
        log.warning("binding_not_read", user=user, error=str(error))
        return None


def _of(node: str, users: Iterable[str]) -> tuple[Any, Any]:
    return BINDINGS.c.node == node, BINDINGS.c.user_name.in_(list(users))
