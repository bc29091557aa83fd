"""Streams, settings, events and counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "streams",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("added", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("changes", sa.JSON, nullable=False),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("time_unix_s", sa.Double, nullable=False),
        sa.Column("recorded_unix_s", sa.Double, nullable=False),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("class_name", sa.String(256)),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("track_id", sa.BigInteger),
        sa.Column("picture", sa.String(128)),
        sa.Column("details", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_age", "events", ["recorded_unix_s"])
    op.create_index("events_by_stream", "events", ["stream", "id"])
    op.create_table(
        "counts",
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("region", sa.JSON, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
    )
