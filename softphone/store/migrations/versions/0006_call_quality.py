"""What the sound of a call went through."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; of calls that were nobody knows."""
    for name in ("loss_percent", "jitter_ms", "rtt_ms", "mos"):
        op.add_column("calls", sa.Column(name, sa.Float(), nullable=True))
