"""What becomes of calls to users."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; who is not in it has calls ring."""
    op.create_table(
        "call_handlings",
        sa.Column("extension_id", sa.Text(), nullable=False),
        sa.Column("do_not_disturb", sa.Boolean(), nullable=False),
        sa.Column("call_waiting", sa.Boolean(), nullable=False),
        sa.Column("forward_always", sa.Text(), nullable=False),
        sa.Column("forward_busy", sa.Text(), nullable=False),
        sa.Column("forward_no_answer", sa.Text(), nullable=False),
        sa.Column("no_answer_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extension_id"], ["extensions.id"], name="fk_call_handlings_extension_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("extension_id", name="pk_call_handlings"),
    )
