"""The tables of the newest version; ``migrations/versions`` leads an older database here."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
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
