"""What was recorded of the cameras' own packets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("place", sa.String(128), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("start_unix_s", sa.Double, nullable=False),
        sa.Column("end_unix_s", sa.Double, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("codec", sa.String(32), nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("has_sound", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("recordings_by_stream", "recordings", ["stream", "start_unix_s"])
    op.create_index("recordings_by_kind", "recordings", ["kind", "start_unix_s"])
