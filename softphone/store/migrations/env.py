"""Called by Alembic for each command; the connection is always given by `softphone.store.database`."""

from alembic import context

from softphone.store.tables import METADATA

# SQLite cannot alter tables in place: batches copy them.
context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
