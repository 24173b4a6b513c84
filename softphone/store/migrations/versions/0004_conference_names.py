"""What people call a conference."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; of conferences that were, no name is known."""
    op.add_column("conferences", sa.Column("name", sa.Text(), nullable=False, server_default=""))
