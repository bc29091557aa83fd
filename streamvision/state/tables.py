"""The tables of the newest version; ``migrations/versions`` leads an older database here."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()

STREAMS = Table(
    "streams",
    METADATA,
    Column("id", String(64), primary_key=True),
    # Order on the page, behind the streams of the configuration file.
    Column("position", Integer, nullable=False),
    # True for a stream that no configuration file brought.
    Column("added", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    # What was changed, by key of StreamConfig, as it was given; null: back to the default.
    Column("changes", JSON, nullable=False),
)
"""What was changed about streams at run time."""

SETTINGS = Table(
    "settings",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)
"""What else is remembered by name: settings of the run, layout of the page, the file that was the beginning."""

EVENTS = Table(
    "events",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # When it was, by the best clock that the stream has, and when it was written down here.
    Column("time_unix_s", Double, nullable=False),
    Column("recorded_unix_s", Double, nullable=False),
    Column("stream", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("class_name", String(256)),
    Column("region", String(64), nullable=False),
    Column("track_id", BigInteger),
    # Name of the picture's file below the state folder; null where there is none, or none any more.
    Column("picture", String(128)),
    # Everything else that the event says.
    Column("details", JSON, nullable=False),
    Index("events_by_age", "recorded_unix_s"),
    Index("events_by_stream", "stream", "id"),
    sqlite_autoincrement=True,
)
"""What happened at lines and zones, newest last; bounded by count and by age."""

COUNTS = Table(
    "counts",
    METADATA,
    Column("stream", String(64), primary_key=True),
    # line or zone
    Column("kind", String(8), primary_key=True),
    Column("name", String(64), primary_key=True),
    # The region as it was drawn when this was counted: counts of one that was moved do not go on.
    Column("region", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
)
"""How far the lines and zones had counted."""

USERS = Table(
    "users",
    METADATA,
    # The name in lower case: two users never differ by that alone.
    Column("key", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    # admin or viewer
    Column("role", String(8), nullable=False),
    # Ids of the streams that may be seen; null: all.
    Column("streams", JSON(none_as_null=True)),
    # As argon2 writes it, with its parameters.
    Column("password", String(256), nullable=False),
    # Grows with each change.
    Column("version", Integer, nullable=False),
    Column("created_unix_s", Double, nullable=False),
)
"""Who may use the page."""

SESSIONS = Table(
    "sessions",
    METADATA,
    # SHA-256 of what the cookie holds.
    Column("hash", String(64), primary_key=True),
    Column("user", String(64), ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("created_unix_s", Double, nullable=False),
    Column("used_unix_s", Double, nullable=False),
    Index("sessions_by_user", "user", "created_unix_s"),
)
"""Who is signed in."""

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    # SHA-256 of the token.
    Column("hash", String(64), nullable=False, unique=True),
    Column("user", String(64), ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_unix_s", Double, nullable=False),
    # Null: it does not expire.
    Column("expires_unix_s", Double),
    Column("used_unix_s", Double),
    Index("tokens_by_user", "user"),
    sqlite_autoincrement=True,
)
"""What programs prove with that they act for a user."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("time_unix_s", Double, nullable=False),
    # Name of the user, and how it was proven.
    Column("who", String(128), nullable=False),
    # Where from: an address, or the command line.
    Column("address", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    # What it was done to.
    Column("target", String(256), nullable=False),
    Column("details", JSON, nullable=False),
    sqlite_autoincrement=True,
)
"""Who changed what, and who signed in or could not; bounded by count."""

RECORDINGS = Table(
    "recordings",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("stream", String(64), nullable=False),
    # Where its files lie below the folder of recordings, without the ends of their names, which change.
    Column("place", String(128), nullable=False, unique=True),
    # continuous, event or kept
    Column("kind", String(16), nullable=False),
    Column("start_unix_s", Double, nullable=False),
    Column("end_unix_s", Double, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("codec", String(32), nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("has_sound", Boolean, nullable=False),
    Index("recordings_by_stream", "stream", "start_unix_s"),
    Index("recordings_by_kind", "kind", "start_unix_s"),
    sqlite_autoincrement=True,
)
"""What was recorded of the cameras' own packets, one row a file; the files themselves are what counts."""

TRACKLETS = Table(
    "tracklets",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("stream", String(64), nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("class_name", String(256), nullable=False),
    Column("first_unix_s", Double, nullable=False),
    Column("last_unix_s", Double, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("best_score", Double, nullable=False),
    Column("best_unix_s", Double, nullable=False),
    # Where it was then, in fractions of the picture.
    Column("best_left", Double, nullable=False),
    Column("best_top", Double, nullable=False),
    Column("best_right", Double, nullable=False),
    Column("best_bottom", Double, nullable=False),
    # Where it was, one bit a cell of the picture, 48 a number: see core/cells.py.
    Column("cells_0", BigInteger, nullable=False),
    Column("cells_1", BigInteger, nullable=False),
    Column("cells_2", BigInteger, nullable=False),
    # Name of the picture's file below the state folder; null where there is none, or none any more.
    Column("crop", String(128)),
    # False while it may be seen again.
    Column("is_over", Boolean, nullable=False),
    # Digest of the embedding model that has described it, or could not.
    Column("described_by", String(64)),
    # What it looks like: a direction, 16-bit floats, little-endian.
    Column("embedding", LargeBinary),
    Index("tracklets_by_stream", "stream", "id"),
    Index("tracklets_by_age", "last_unix_s"),
    Index("tracklets_by_description", "described_by", "id"),
    sqlite_autoincrement=True,
)
"""The identities that were seen, newest last; bounded by count and by age."""
