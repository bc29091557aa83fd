"""How far the lines and zones of a stream had counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, select

from streamvision.state.tables import COUNTS


@dataclass(frozen=True)
class StoredCount:
    """What was counted at one line or in one zone."""

    kind: Literal["line", "zone"]
    """Which of them."""
    name: str
    """Its name."""
    region: dict[str, Any]
    """The line or zone as it was drawn then."""
    counts: dict[str, Any]
    """What was counted, as its stage gives it."""


def read_counts(connection: Connection, stream_id: str) -> list[StoredCount]:
    """Return what a stream had counted."""
    rows = connection.execute(select(COUNTS).where(COUNTS.c.stream == stream_id)).all()
    return [StoredCount(row.kind, row.name, dict(row.region), dict(row.counts)) for row in rows]


def write_counts(connection: Connection, stream_id: str, counts: Sequence[StoredCount]) -> None:
    """Remember what a stream has counted, in place of what it had before."""
    forget_counts(connection, stream_id)
    if counts:
        rows = [
            {"stream": stream_id, "kind": one.kind, "name": one.name, "region": one.region, "counts": one.counts}
            for one in counts
        ]
        connection.execute(COUNTS.insert(), rows)


def forget_counts(connection: Connection, stream_id: str) -> None:
    """Remember nothing more of what a stream has counted; calling it twice is harmless."""
    connection.execute(delete(COUNTS).where(COUNTS.c.stream == stream_id))
