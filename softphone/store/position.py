"""How far the journal of a node is written to the database."""

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from softphone.store.tables import JOURNALS

__all__ = ["advance", "position"]


async def position(connection: AsyncConnection, node: str) -> int:
    """Read the sequence number of the last event of `node` that is here; 0: none."""
    found: int | None = await connection.scalar(select(JOURNALS.c.sequence).where(JOURNALS.c.node == node))
    return found or 0


async def advance(connection: AsyncConnection, node: str, sequence: int) -> None:
    """Note that the events of `node` up to `sequence` are here."""
    moved = await connection.execute(update(JOURNALS).where(JOURNALS.c.node == node).values(sequence=sequence))
    if moved.rowcount == 0:
        await connection.execute(insert(JOURNALS).values(node=node, sequence=sequence))
