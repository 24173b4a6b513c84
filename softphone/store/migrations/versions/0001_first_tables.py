"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them all; there is no way back, for there was nothing before."""
    _accounts()
    _extensions()
    _credentials()
    _codes()
    _sounds()
    _conference_properties()
    _webhooks()
    _invitations()
    _conferences()
    _participations()
    _mute_intervals()
    _recordings()
    _calls()
    _journals()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("main_number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )


def _extensions() -> None:
    op.create_table(
        "extensions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("conferencing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_extensions_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_extensions"),
        sa.UniqueConstraint("number", name="uq_extensions_number"),
    )


def _credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("extension_id", sa.Text(), nullable=False),
        sa.Column("realm", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("ha1", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extension_id"], ["extensions.id"], name="fk_credentials_extension_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("extension_id", "realm", "algorithm", name="pk_credentials"),
    )


def _codes() -> None:
    op.create_table(
        "codes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("extension_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["extension_id"], ["extensions.id"], name="fk_codes_extension_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code", name="pk_codes"),
    )
    op.create_index("ix_codes_extension_id", "codes", ["extension_id"])


def _sounds() -> None:
    op.create_table(
        "sounds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sounds"),
        sqlite_autoincrement=True,
    )


def _conference_properties() -> None:
    op.create_table(
        "conference_properties",
        sa.Column("extension_id", sa.Text(), nullable=False),
        sa.Column("announce_caller_name", sa.Boolean(), nullable=False),
        sa.Column("enter_sound", sa.Integer(), nullable=True),
        sa.Column("max_members", sa.Integer(), nullable=True),
        sa.Column("pin", sa.Text(), nullable=True),
        sa.Column("moderator_pin", sa.Text(), nullable=True),
        sa.Column("mute_non_moderator", sa.Boolean(), nullable=False),
        sa.Column("music_on_hold_sound", sa.Integer(), nullable=True),
        sa.Column("record_enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["enter_sound"], ["sounds.id"], name="fk_conference_properties_enter_sound"),
        sa.ForeignKeyConstraint(
            ["extension_id"], ["extensions.id"], name="fk_conference_properties_extension_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["music_on_hold_sound"], ["sounds.id"], name="fk_conference_properties_music_on_hold_sound"
        ),
        sa.PrimaryKeyConstraint("extension_id", name="pk_conference_properties"),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("extension_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("changed", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_extension_id", "invitations", ["extension_id"])


def _conferences() -> None:
    op.create_table(
        "conferences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("extension_id", sa.Text(), nullable=True),
        sa.Column("created", TIME, nullable=False),
        sa.Column("started", TIME, nullable=True),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_conferences"),
    )
    op.create_index("ix_conferences_created_id", "conferences", ["created", "id"])
    op.create_index("ix_conferences_extension_id", "conferences", ["extension_id"])
    op.create_index("ix_conferences_node", "conferences", ["node"])
    op.create_index("ix_conferences_owner_id", "conferences", ["owner_id"])


def _participations() -> None:
    op.create_table(
        "participations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("conference_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("extension_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("joined", TIME, nullable=False),
        sa.Column("left", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_participations"),
    )
    op.create_index("ix_participations_conference_id_party_id", "participations", ["conference_id", "party_id"])


def _mute_intervals() -> None:
    op.create_table(
        "mute_intervals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("conference_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mute_intervals"),
    )
    op.create_index("ix_mute_intervals_conference_id_party_id", "mute_intervals", ["conference_id", "party_id"])


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("conference_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tracks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_conference_id", "recordings", ["conference_id"])
    op.create_index("ix_recordings_started_id", "recordings", ["started", "id"])


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("callee", sa.Text(), nullable=False),
        sa.Column("extension_id", sa.Text(), nullable=True),
        sa.Column("started", TIME, nullable=False),
        sa.Column("answered", TIME, nullable=True),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_extension_id", "calls", ["extension_id"])
    op.create_index("ix_calls_session_id", "calls", ["session_id"])
    op.create_index("ix_calls_started_id", "calls", ["started", "id"])


def _journals() -> None:
    op.create_table(
        "journals",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_journals"),
    )
