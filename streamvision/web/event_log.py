"""What happened, as far as it is kept: for the events page, for programs, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, jsonify, request

from streamvision.core.config.section import validate
from streamvision.core.control import EventLog, EventQuery, LoggedEvent
from streamvision.core.spreadsheet import without_formula
from streamvision.web.access import access, check_streams, present
from streamvision.web.openapi import describe
from streamvision.web.refusal import refuse
from streamvision.web.service_schemas import EventFileQuery, EventLogQuery, EventPage
from streamvision.web.stream_control import refusing

CSV_COLUMNS = ("id", "time", "stream", "kind", "class_name", "region", "track_id", "direction", "values")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Q = TypeVar("Q", bound=EventLogQuery)


def add_event_log(app: Flask, log: EventLog) -> None:
    """Add the addresses of the event log.

    Args:
        app: the application.
        log: what happened.
    """

    @app.get("/api/event-log")
    @access("view")
    @describe(answer=EventPage, query=EventLogQuery)
    def event_log() -> Response:
        """Give what happened, the newest first."""
        with refusing():
            query = _asked(EventLogQuery)
            found = log.find(query)
        more = found[-1].id if len(found) == query.limit else None
        return jsonify({"events": [_plain(one) for one in found], "next": more})

    @app.get("/api/event-log.csv")
    @access("view")
    @describe(query=EventFileQuery, media_type="text/csv")
    def event_file() -> Response:
        """Give what happened as CSV (RFC 4180), the newest first."""
        with refusing():
            found = log.find(_asked(EventFileQuery))
        response = Response(_csv(found), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="events.csv"'
        return response

    @app.get("/api/event-log/<int(max=9223372036854775807):event_id>/picture")
    @access("view")
    @describe(media_type="image/jpeg")
    def event_picture(event_id: int) -> Response:
        """Give the picture of an event."""
        with refusing():
            event = log.event(event_id)
            if event is not None:
                check_streams([event.stream])
            jpeg = log.picture(event_id)
        if jpeg is None:
            refuse(HTTPStatus.NOT_FOUND, f"there is no picture of an event {event_id}, or it is not kept any more")
        return Response(jpeg, content_type="image/jpeg")


def _asked(kind: type[Q]) -> EventQuery:
    """Return what the request asks for, of the streams that may be seen.

    Raises:
        ConfigError: when a parameter is not accepted.
    """
    given = validate(kind, {name: value for name, value in request.args.items() if value}, origin="the address")
    streams = frozenset(one for one in (given.stream or "").split(",") if one) or None
    check_streams(streams or ())
    return EventQuery(
        streams=streams or present().streams,
        kind=given.kind,
        class_name=given.class_name,
        region=given.region,
        since_unix_s=given.since,
        until_unix_s=given.until,
        before=given.before,
        limit=given.limit,
    )


def _plain(event: LoggedEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "time_unix_s": event.time_unix_s,
        "stream": event.stream,
        "kind": event.kind,
        "class_name": event.class_name,
        "region": event.region,
        "track_id": event.track_id,
        "direction": event.direction,
        "values": event.values,
        "picture": f"api/event-log/{event.id}/picture" if event.has_picture else None,
    }


def _csv(events: Iterable[LoggedEvent]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows([without_formula(cell) for cell in _cells(event)] for event in events)
    return text.getvalue()


def _cells(event: LoggedEvent) -> list[object]:
    when = (_EPOCH + timedelta(seconds=event.time_unix_s)).isoformat(timespec="milliseconds")
    values = ";".join(f"{name}={value}" for name, value in event.values.items())
    plain = [event.stream, event.kind, event.class_name, event.region, event.track_id, event.direction]
    return [event.id, when, *plain, values]
