"""What happened, as far as it is kept: for the events page, for programs, and as a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.control import EventLog, EventQuery, LoggedEvent
from streamvision.core.event_message import CSV_COLUMNS, csv_cells, csv_text
from streamvision.core.recordings import clip_address
from streamvision.web.access import access, present
from streamvision.web.asked import asked, asked_streams
from streamvision.web.openapi import describe
from streamvision.web.refusal import refuse, refusing
from streamvision.web.service_schemas import EventFileQuery, EventLogQuery, EventPage

LOG_COLUMNS = ("number", "time", *CSV_COLUMNS)
"""Columns of the file: the row's number, when it was (ISO 8601), and what the event says."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
            query = _query(asked(EventLogQuery))
            found = log.find(query)
        more = found[-1].number if len(found) == query.limit else None
        return jsonify({"events": [_plain(one) for one in found], "next": more})

    @app.get("/api/event-log.csv")
    @access("view")
    @describe(query=EventFileQuery, media_type="text/csv")
    def event_file() -> Response:
        """Give what happened as CSV (RFC 4180), the newest first."""
        with refusing():
            found = log.find(_query(asked(EventFileQuery)))
        response = Response(csv_text([LOG_COLUMNS, *map(_cells, found)]), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="events.csv"'
        return response

    @app.get("/api/event-log/<int:number>/picture")
    @access("view")
    @describe(media_type="image/jpeg")
    def event_picture(number: int) -> Response:
        """Give the picture of an event."""
        with refusing():
            event = log.event(number)
            may_see = event is not None and present().may_see(event.event.stream)
            jpeg = log.picture(number) if may_see else None
        if jpeg is None:
            refuse(HTTPStatus.NOT_FOUND, f"there is no picture of an event {number}, or it is not kept any more")
        return Response(jpeg, content_type="image/jpeg")


def _query(given: EventLogQuery) -> EventQuery:
    """Return what is asked for, of the streams that may be seen."""
    return EventQuery(
        streams=asked_streams(given.stream or ""),
        kind=given.kind,
        class_name=given.class_name,
        region=given.region,
        since_unix_s=given.since,
        until_unix_s=given.until,
        before=given.before,
        limit=given.limit,
    )


def _plain(one: LoggedEvent) -> dict[str, Any]:
    return {"number": one.number, **_addressed(one).to_json()}


def _addressed(one: LoggedEvent) -> AnalyticsEvent:
    """Return the event with the addresses of its picture and of what was recorded around it."""
    event, span_s = one.event, one.clip_span_s
    return replace(
        event,
        picture=f"api/event-log/{one.number}/picture" if one.has_picture else None,
        clip=None if span_s is None else clip_address(event.stream, event.captured_unix_s, span_s),
    )


def _cells(one: LoggedEvent) -> list[object]:
    event = one.event
    unix_s = event.captured_unix_s if event.time_unix_s is None else event.time_unix_s
    when = (_EPOCH + timedelta(seconds=unix_s)).isoformat(timespec="milliseconds")
    return [one.number, when, *csv_cells(_addressed(one))]
