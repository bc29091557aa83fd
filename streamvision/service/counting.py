"""Counts of lines and zones, between a stream's analytics and the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from streamvision.core.analysis import CountingAnalytics
from streamvision.core.config.analytics import LineConfig, ZoneConfig
from streamvision.core.errors import StateError
from streamvision.state.counts import StoredCount, read_counts, write_counts
from streamvision.state.database import Database

Region = LineConfig | ZoneConfig
_log = logging.getLogger(__name__)


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


def restore_counts(database: Database, stream_id: str, analytics: CountingAnalytics) -> bool:
    """Let a stream count on from where it was; return whether that is known, or the database does not answer."""
    try:
        with database.reading() as connection:
            counts = list(_regions(read_counts(connection, stream_id)))
    except StateError as error:
        _log.warning("stream %s counts from nought until the database answers: %s", stream_id, error)
        return False
    analytics.restore_counts(counts)
    return True


def _regions(stored: list[StoredCount]) -> Iterator[tuple[Region, dict[str, Any]]]:
    for one in stored:
        section: type[Region] = LineConfig if one.kind == "line" else ZoneConfig
        try:
            yield section.model_validate(one.region), one.counts
        except ValidationError:  # a setting that this version does not have any more: not the same region
            continue
