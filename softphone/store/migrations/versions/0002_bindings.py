"""Where users' telephones are reached."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; it fills as telephones register."""
    op.create_table(
        "bindings",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("telephones", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("node", "user_name", name="pk_bindings"),
    )
