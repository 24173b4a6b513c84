"""A database to test with, and how it is taken away for a while."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from softphone.store.database import FILE
from tests.support.postgres import Postgres


class Databases:
    """An empty database: SQLite in `data`, or a new one of `server`."""

    def __init__(self, data: Path, server: Postgres | None) -> None:
        self.data = data
        self._server = server
        self.url = server.database() if server else ""

    @contextmanager
    def away(self) -> Iterator[None]:
        """In the block nothing can be written: PostgreSQL stands still, SQLite is locked by somebody else."""
        if self._server is not None:
            with self._server.away():
                yield
            return
        with closing(sqlite3.connect(self.data / FILE, timeout=30.0, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
