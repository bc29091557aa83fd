"""The identities that were seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tracklets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("track_id", sa.BigInteger, nullable=False),
        sa.Column("class_name", sa.String(256), nullable=False),
        sa.Column("first_unix_s", sa.Double, nullable=False),
        sa.Column("last_unix_s", sa.Double, nullable=False),
        sa.Column("frames", sa.BigInteger, nullable=False),
        sa.Column("best_score", sa.Double, nullable=False),
        sa.Column("best_unix_s", sa.Double, nullable=False),
        sa.Column("best_left", sa.Double, nullable=False),
        sa.Column("best_top", sa.Double, nullable=False),
        sa.Column("best_right", sa.Double, nullable=False),
        sa.Column("best_bottom", sa.Double, nullable=False),
        sa.Column("cells_0", sa.BigInteger, nullable=False),
        sa.Column("cells_1", sa.BigInteger, nullable=False),
        sa.Column("cells_2", sa.BigInteger, nullable=False),
        sa.Column("crop", sa.String(128)),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("described_by", sa.String(64)),
        sa.Column("embedding", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_index("tracklets_by_stream", "tracklets", ["stream", "id"])
    op.create_index("tracklets_by_age", "tracklets", ["last_unix_s"])
    op.create_index("tracklets_by_description", "tracklets", ["described_by", "id"])
