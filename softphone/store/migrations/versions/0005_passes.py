"""Passes: invitations of one person into a room."""

import sqlalchemy as sa
from alembic import op

from softphone.store.tables import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "passes",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("room", sa.Text(), nullable=False, index=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("one_use", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.Column("used", UtcDateTime(), nullable=True),
        sa.Column("revoked", UtcDateTime(), nullable=True),
    )
