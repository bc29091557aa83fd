"""What was changed about streams at run time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, select

from streamvision.state.tables import STREAMS


@dataclass(frozen=True)
class StoredStream:
    """A stream that was added, changed or deleted."""

    id: str
    """Its id."""
    added: bool = False
    """Whether no configuration file brought it."""
    deleted: bool = False
    """Whether it was removed; one of a configuration file stays so while the file names it."""
    changes: dict[str, Any] = field(default_factory=dict)
    """By key, what was set; of one that was added, all that is set."""


def read_streams(connection: Connection) -> dict[str, StoredStream]:
    """Return all of them by id, in the order in which they came."""
    rows = connection.execute(select(STREAMS).order_by(STREAMS.c.position, STREAMS.c.id)).all()
    return {
        row.id: StoredStream(row.id, added=row.added, deleted=row.deleted, changes=dict(row.changes)) for row in rows
    }


def write_stream(connection: Connection, stream: StoredStream) -> None:
    """Remember a stream, in place of what was known of it."""
    before = connection.execute(select(STREAMS.c.position).where(STREAMS.c.id == stream.id)).scalar_one_or_none()
    if before is None:
        newest = connection.execute(select(STREAMS.c.position).order_by(STREAMS.c.position.desc()).limit(1)).scalar()
        position = 0 if newest is None else newest + 1
    else:
        position = before
        connection.execute(delete(STREAMS).where(STREAMS.c.id == stream.id))
    connection.execute(
        STREAMS.insert().values(
            id=stream.id, position=position, added=stream.added, deleted=stream.deleted, changes=stream.changes
        )
    )


def forget_stream(connection: Connection, stream_id: str) -> None:
    """Remember nothing more of a stream's configuration; calling it twice is harmless."""
    connection.execute(delete(STREAMS).where(STREAMS.c.id == stream_id))
