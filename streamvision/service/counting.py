"""Counts of lines and zones, between a stream's analytics and the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from streamvision.core.analysis import CountingAnalytics
from streamvision.core.config.analytics import LineConfig, ZoneConfig
from streamvision.state.counts import StoredCount, read_counts, write_counts

Region = LineConfig | ZoneConfig


def save_counts(connection: Connection, stream_id: str, analytics: CountingAnalytics) -> None:
    """Write down how far a stream has counted."""
    counts = [
        StoredCount(
            "line" if isinstance(region, LineConfig) else "zone",
            region.name,
            region.model_dump(mode="json"),
            counts,
        )
        for region, counts in analytics.saved_counts()
    ]
    write_counts(connection, stream_id, counts)


def restored_counts(connection: Connection, stream_id: str) -> list[tuple[Region, dict[str, Any]]]:
    """Return how far a stream had counted, for :meth:`CountingAnalytics.restore_counts`."""
    return list(_regions(read_counts(connection, stream_id)))


def _regions(stored: list[StoredCount]) -> Iterator[tuple[Region, dict[str, Any]]]:
    for one in stored:
        section: type[Region] = LineConfig if one.kind == "line" else ZoneConfig
        try:
            yield section.model_validate(one.region), one.counts
        except ValidationError:  # a setting that this version does not have any more: not the same region
            continue
