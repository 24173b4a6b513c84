"""When an extension was made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; the store fills it of extensions that were, with the moment from which it knows them."""
    op.add_column("extensions", sa.Column("created", sa.DateTime(timezone=True), nullable=True))
