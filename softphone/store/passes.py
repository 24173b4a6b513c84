"""Passes: their holder, their conference, and whether they were used."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, or_, update

from softphone.store import rows
from softphone.store.database import Database
from softphone.store.errors import NoSuchRow
from softphone.store.tables import PASSES

__all__ = ["DIGITS", "PassRecord", "PassShelf"]

# Of an id: enough that a new one is hardly ever one that was, in this database or in one that is lost.
DIGITS = 10


@dataclass(frozen=True, slots=True)
class PassRecord:
    """Somebody may come into a room, once or until it expires."""

    id: str
    "Ten digits."
    room: str
    "Id of a telephony session, or of the extension whose room it is, whenever that is open."
    role: str
    name: str
    "Under which it is shown; empty: its own."
    one_use: bool
    hidden: bool
    made_by: str
    "Id of an extension."
    created: datetime
    expires: datetime
    used: datetime | None = None
    "When it was used last."
    revoked: datetime | None = None

    def state(self, now: datetime) -> str:
        """Say whether it opens its room: ``valid``, or why not, ``revoked``, ``used`` or ``expired``."""
        if self.revoked is not None:
            return "revoked"
        if self.one_use and self.used is not None:
            return "used"
        return "expired" if now >= self.expires else "valid"


class PassShelf:
    """The passes of all rooms.

    Every method raises `StoreUnavailable` when the database is away.

    Parameters
    ----------
    database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, room: str, role: str, name: str, expires: datetime, made_by: str, *, one_use: bool, hidden: bool
    ) -> PassRecord:
        """Note a new one; those that expired more than a day ago are forgotten."""
        now = datetime.now(UTC)
        number = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        made = PassRecord(number, room, role, name, one_use, hidden, made_by, now, expires)
        async with self._database.write() as connection:
            await connection.execute(delete(PASSES).where(PASSES.c.expires < now - timedelta(days=1)))
            await connection.execute(insert(PASSES).values(**rows.values_of(made)))
        return made

    async def find(self, number: str) -> PassRecord:
        """Find one; raises NoSuchRow."""
        return await rows.one(self._database, PassRecord, PASSES, number)

    async def of_room(self, room: str) -> list[PassRecord]:
        """List those of a room, the oldest first."""
        async with self._database.read() as connection:
            found = await rows.read(connection, PassRecord, PASSES, PASSES.c.room == room)
        return sorted(found, key=lambda each: (each.created, each.id))

    async def use(self, number: str, now: datetime) -> bool:
        """Use one; False: it is used up, revoked or expired. Of many who use one for one use at once, one has it."""
        free = or_(PASSES.c.one_use.is_(False), PASSES.c.used.is_(None))
        valid = (PASSES.c.id == number, PASSES.c.revoked.is_(None), PASSES.c.expires > now, free)
        async with self._database.write() as connection:
            done = await connection.execute(update(PASSES).where(*valid).values(used=now))
        return bool(done.rowcount == 1)

    async def give_back(self, found: PassRecord, used: datetime) -> None:
        """Have one as it was found that was used at that time: who came with it was not let in."""
        async with self._database.write() as connection:
            mine = (PASSES.c.id == found.id, PASSES.c.used == used)
            await connection.execute(update(PASSES).where(*mine).values(used=found.used))

    async def revoke(self, number: str, room: str) -> None:
        """Let one open nothing any more; raises NoSuchRow when the room has none of that number."""
        async with self._database.write() as connection:
            where = (PASSES.c.id == number, PASSES.c.room == room)
            done = await connection.execute(update(PASSES).where(*where).values(revoked=datetime.now(UTC)))
        if done.rowcount == 0:
            raise NoSuchRow("no such pass")
