"""What was recorded: when there is something, its pictures, and what may be done with it.

Reading it takes work that cameras need, too, so each kind of work is done for a few requests at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response, jsonify, request
from werkzeug.utils import send_file
from werkzeug.wsgi import FileWrapper

from streamvision.core.errors import ConfigError
from streamvision.core.recordings import Motion, RecordedSpan, Recordings
from streamvision.web.access import access, check_streams, present
from streamvision.web.asked import asked, asked_body, asked_streams
from streamvision.web.at_once import AtOnce
from streamvision.web.long_response import LongResponse
from streamvision.web.openapi import describe
from streamvision.web.polygon import polygon_of
from streamvision.web.recording_schemas import (
    BoxFrames,
    ExportQuery,
    FilesChanged,
    KeepChange,
    MotionFound,
    MotionQuery,
    RecordingList,
    RecordingsQuery,
    SpanChange,
    SpanQuery,
    Stretches,
    StretchesQuery,
    ThumbnailQuery,
)
from streamvision.web.refusal import refuse, refusing
from streamvision.web.stretches import stretches_of

MOTION_S = 4.0
"""How long a request looks for motion; the next one goes on."""
MAX_MOTION_S = 4 * 3600.0
MAX_BOXES_S = 900.0
MAX_EXPORT_S = 24 * 3600.0

PIECE_BYTES = 256 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def add_recordings(app: Flask, recordings: Recordings) -> None:
    """Add the addresses of what was recorded.

    Args:
        app: the application.
        recordings: what was recorded.
    """
    _add_lists(app, recordings)
    _add_pictures(app, recordings)
    _add_searches(app, recordings)
    _add_changes(app, recordings)


def _add_lists(app: Flask, recordings: Recordings) -> None:
    @app.get("/api/recordings")
    @access("view")
    @describe(answer=RecordingList, query=RecordingsQuery)
    def list_recordings() -> Response:
        """Give the recorded files of a time."""
        with refusing():
            query = asked(RecordingsQuery)
            found = recordings.find(asked_streams(query.streams), query.since, query.until)
            summary = recordings.summary() if present().streams is None else {}
        return jsonify({"recordings": [asdict(one) for one in found], "summary": summary})

    @app.get("/api/recordings/stretches")
    @access("view")
    @describe(answer=Stretches, query=StretchesQuery)
    def recorded_stretches() -> Response:
        """Give when there is something to be seen, without telling files apart."""
        with refusing():
            query = asked(StretchesQuery)
            found, following = stretches_of(
                recordings, asked_streams(query.streams), query.since, query.until, gap_s=query.gap_s
            )
        return jsonify({"stretches": found, "next": following})

    @app.get("/api/recordings/summary")
    @access("admin")
    @describe(answer=dict[str, Any])
    def recordings_summary() -> Response:
        """Give how much was recorded by kind and by stream, the bounds, the free room, and faults."""
        with refusing():
            return jsonify(recordings.summary())


def _add_pictures(app: Flask, recordings: Recordings) -> None:
    conversions = AtOnce(2, "recordings that browsers cannot play as they are")
    exports = AtOnce(2, "exports")
    thumbnails = AtOnce(3, "pictures of recordings")

    @app.get("/api/recordings/<int:recording_id>/media.mp4")
    @access("view")
    @describe(media_type="video/mp4")
    def recording_media(recording_id: int) -> Response:
        """Give one recording as browsers play it; in parts (Range), where it is a file as it was recorded."""
        absent = f"there is no recording {recording_id}, or it is not kept any more"
        with refusing(), ExitStack() as place:
            recording = recordings.recording(recording_id)
            if recording is None or not present().may_see(recording.stream):
                refuse(HTTPStatus.NOT_FOUND, absent)  # a number must not tell which other streams there are
            if not recordings.plays_as_it_is(recording_id):
                place.enter_context(conversions.one())
            media_type = recordings.media_type(recording_id)
            media = recordings.playable(recording_id) if media_type else None
            if media is None or media_type is None:
                refuse(HTTPStatus.NOT_FOUND, absent)
            if isinstance(media, Path):
                return _file(media, media_type)
            return _pieces(media, media_type, place.pop_all())

    @app.get("/api/recordings/thumbnail.jpg")
    @access("view")
    @describe(query=ThumbnailQuery, media_type="image/jpeg")
    def thumbnail() -> Response:
        """Give a small picture of what was recorded at a moment, or shortly before it."""
        with refusing():
            query = asked(ThumbnailQuery)
            check_streams([query.stream])
            with thumbnails.one():
                jpeg = recordings.thumbnail(query.stream, query.at, query.width)
        if jpeg is None:
            refuse(HTTPStatus.NOT_FOUND, "nothing was recorded at that moment, or it is not kept any more")
        return Response(jpeg, content_type="image/jpeg")

    @app.get("/api/recordings/export.mp4")
    @access("view")
    @describe(query=ExportQuery, media_type="video/mp4")
    def export() -> Response:
        """Give a span as one file, from the last key frame before it on; no more than two are made at once."""
        with refusing(), ExitStack() as place:
            query = asked(ExportQuery)
            span = _span(query, MAX_EXPORT_S)
            place.enter_context(exports.one())  # the first piece is made here
            pieces = recordings.export(span, annotated=query.annotated == "1")
            response = _pieces(pieces, "video/mp4", place.pop_all())
        response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(span)}"'
        return response


def _add_searches(app: Flask, recordings: Recordings) -> None:
    searches = AtOnce(1, "searches for motion")
    lists = AtOnce(3, "lists of boxes", wait_s=5.0)

    @app.get("/api/recordings/boxes")
    @access("view")
    @describe(answer=BoxFrames, query=SpanQuery)
    def boxes() -> Response:
        """Give what was found on the recorded frames of a span of at most a quarter of an hour."""
        with refusing():
            span = _span(asked(SpanQuery), MAX_BOXES_S)
            with lists.one():
                return jsonify({"frames": [asdict(one) for one in recordings.frames(span)]})

    @app.get("/api/recordings/motion")
    @access("view")
    @describe(answer=MotionFound, query=MotionQuery)
    def motion() -> Response:
        """Give how much changed in a region, for a few seconds of looking; where these do not do, ask on."""
        with refusing():
            query = asked(MotionQuery)
            span = _span(query, MAX_MOTION_S)
            polygon = polygon_of(query.polygon)
            with searches.one():
                moments, until = _looked(recordings.motion(span, polygon), span)
        return jsonify({"moments": [asdict(one) for one in moments], "until": until})


def _add_changes(app: Flask, recordings: Recordings) -> None:
    @app.post("/api/recordings/keep")
    @access("admin")
    @describe(answer=FilesChanged, body=KeepChange)
    def keep_recordings() -> Response:
        """Keep what was recorded in a span for good, or no longer."""
        with refusing():
            change = asked_body(KeepChange)
            return jsonify({"files": recordings.keep(_in_order(change.span()), kept=change.kept)})

    @app.post("/api/recordings/remove")
    @access("admin")
    @describe(answer=FilesChanged, body=SpanChange)
    def remove_recordings() -> Response:
        """Remove what was recorded in a span, in whole files; it is gone for good."""
        with refusing():
            change = asked_body(SpanChange)
            return jsonify({"files": recordings.remove(_in_order(change.span()))})


def _span(given: SpanChange, longest_s: float) -> RecordedSpan:
    """Return the span that is asked for, of a stream that may be seen.

    Raises:
        ConfigError: when it is no span, or too long.
    """
    check_streams([given.stream])
    span = _in_order(given.span())
    if span.until_unix_s - span.since_unix_s > longest_s:
        raise ConfigError(f"the span has more than {longest_s / 60:g} minutes; ask for it part by part")
    return span


def _in_order(span: RecordedSpan) -> RecordedSpan:
    if not span.since_unix_s < span.until_unix_s:
        raise ConfigError("until is not behind since; give a span of time")
    return span


def _file(path: Path, media_type: str) -> Response:
    """Send a file, or the part of it that is asked for."""
    large_pieces = {"wsgi.file_wrapper": lambda file, _: FileWrapper(file, PIECE_BYTES)}
    try:
        response = send_file(
            path, request.environ | large_pieces, mimetype="video/mp4", conditional=True, response_class=LongResponse
        )
    except FileNotFoundError:
        refuse(HTTPStatus.NOT_FOUND, "this recording has just been removed")
    response.headers["Content-Type"] = media_type
    return cast(Response, response)


def _pieces(pieces: Iterator[bytes], media_type: str, place: ExitStack) -> Response:
    """Send pieces that are made while they are sent, and give the place for that back behind them."""
    response = LongResponse(pieces, content_type=media_type)
    response.call_on_close(place.close)
    return response


def _looked(moments: Iterator[Motion], span: RecordedSpan) -> tuple[list[Motion], float]:
    """Return what moved, and how far it was looked within :data:`MOTION_S`."""
    deadline_s = time.monotonic() + MOTION_S
    found = []
    for moment in moments:
        found.append(moment)
        if time.monotonic() > deadline_s:
            return found, max(moment.time_unix_s, span.since_unix_s + 1)
    return found, span.until_unix_s


def _file_name(span: RecordedSpan) -> str:
    """Return what a file with a span is called: without what could lead elsewhere or out of the header.

    >>> _file_name(RecordedSpan("gate", 1.7e9, 1.8e9))
    'gate-20231114-221320Z.mp4'
    """
    when = (_EPOCH + timedelta(seconds=span.since_unix_s)).strftime("%Y%m%d-%H%M%SZ")
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', span.stream)[:64]}-{when}.mp4"
