"""Users, sign-ins, tokens and who changed what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("streams", sa.JSON(none_as_null=True)),
        sa.Column("password", sa.String(256), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_unix_s", sa.Double, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(64), sa.ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
        sa.Column("created_unix_s", sa.Double, nullable=False),
        sa.Column("used_unix_s", sa.Double, nullable=False),
    )
    op.create_index("sessions_by_user", "sessions", ["user", "created_unix_s"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("user", sa.String(64), sa.ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_unix_s", sa.Double, nullable=False),
        sa.Column("expires_unix_s", sa.Double),
        sa.Column("used_unix_s", sa.Double),
        sqlite_autoincrement=True,
    )
    op.create_index("tokens_by_user", "tokens", ["user"])
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("time_unix_s", sa.Double, nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
