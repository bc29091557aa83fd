"""The event log: what happened, bounded by number and by age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.control import EventQuery, LoggedEvent
from streamvision.state.pictured_rows import PicturedRows
from streamvision.state.tables import EVENTS

DETAILS = (
    *("id", "captured_unix_s", "time_source", "frame", "pts_s"),
    *("direction", "box", "score", "values", "caption", "file", "file_frame"),
)
"""What of an event has no column of its own."""
CLIP_SPAN = "clip_span_s"
"""Among the details: how much was recorded before and behind the event, in seconds; null where nothing was."""
PICTURED_EVENTS = PicturedRows(EVENTS, picture=EVENTS.c.picture, time_unix_s=EVENTS.c.recorded_unix_s)
"""The rows of all events."""


def insert_events(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write events down; each row has the columns of the table, without the id."""
    if rows:
        connection.execute(EVENTS.insert(), list(rows))


def find_events(connection: Connection, query: EventQuery) -> list[LoggedEvent]:
    """Return what happened, the newest first."""
    return [_event(row) for row in connection.execute(_matching(query))]


def find_event(connection: Connection, event_id: int) -> LoggedEvent | None:
    """Return one event; ``None`` where it is not there."""
    row = connection.execute(select(EVENTS).where(EVENTS.c.id == event_id)).one_or_none()
    return None if row is None else _event(row)


def _matching(query: EventQuery) -> Select[Any]:
    found = select(EVENTS).order_by(EVENTS.c.id.desc()).limit(query.limit)
    if query.streams is not None:
        found = found.where(EVENTS.c.stream.in_(sorted(query.streams)))
    for column, wanted in (
        (EVENTS.c.kind, query.kind),
        (EVENTS.c.class_name, query.class_name),
        (EVENTS.c.region, query.region),
    ):
        if wanted is not None:
            found = found.where(column == wanted)
    if query.since_unix_s is not None:
        found = found.where(EVENTS.c.time_unix_s >= query.since_unix_s)
    if query.until_unix_s is not None:
        found = found.where(EVENTS.c.time_unix_s < query.until_unix_s)
    if query.before is not None:
        found = found.where(EVENTS.c.id < query.before)
    return found


def _event(row: Any) -> LoggedEvent:
    """Return a row; one of an earlier version lacks details, and has an id made of its number."""
    told = {"id": f"{row.id:032x}", "captured_unix_s": row.recorded_unix_s, "frame": 0, "pts_s": 0.0} | row.details
    told |= {"box": tuple(told["box"]) if told.get("box") else None, "values": told.get("values") or {}}
    event = AnalyticsEvent(
        **{key: told[key] for key in DETAILS if key in told},
        kind=row.kind,
        stream=row.stream,
        time_unix_s=row.time_unix_s if told.get("time_source") else None,
        track_id=row.track_id,
        class_name=row.class_name,
        region=row.region,
    )
    span_s = tuple(told[CLIP_SPAN]) if told.get(CLIP_SPAN) else None
    return LoggedEvent(number=row.id, event=event, has_picture=row.picture is not None, clip_span_s=span_s)
