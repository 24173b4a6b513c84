"""Whether who comes into the room of a user waits for it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; of users that were, nobody has said."""
    op.add_column("extensions", sa.Column("join_before_host", sa.Boolean(), nullable=True))
