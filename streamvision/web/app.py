"""The Flask application: JSON, pictures, metrics, and the doors to the live responses."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from prometheus_client.exposition import choose_encoder
from werkzeug.exceptions import HTTPException
from werkzeug.routing import WebsocketMismatch

from streamvision.core.config.serve import ProxyConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.redaction import redact_outside, short
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.status import StreamStatus
from streamvision.web.access import EVERYBODY, access, asks_for_page, check_streams, guard, present, principal
from streamvision.web.analytics import add_analytics
from streamvision.web.asked_sizes import asked_layers, asked_results, asked_sizes, asked_width
from streamvision.web.classical import add_classical
from streamvision.web.embedding import Embedding, allow_embedding, embeddable
from streamvision.web.event_log import add_event_log
from streamvision.web.events import status_json, stream_json
from streamvision.web.fleet import add_fleet
from streamvision.web.handshake import agreed_handshake
from streamvision.web.hardening import harden
from streamvision.web.hls import add_hls
from streamvision.web.labelling import add_labelling
from streamvision.web.live_response import LiveResponse, present_offer
from streamvision.web.live_service import LiveService
from streamvision.web.me import add_me
from streamvision.web.metrics import build_registry
from streamvision.web.models import add_models
from streamvision.web.notify import add_notify
from streamvision.web.onvif import add_onvif
from streamvision.web.openapi import add_openapi, describe
from streamvision.web.other_sites import refuse_other_sites
from streamvision.web.pages import add_pages
from streamvision.web.proxy import TrustedProxy
from streamvision.web.readiness import READY_AGE_S, what_is_missing
from streamvision.web.recordings import add_recordings
from streamvision.web.refusal import Refused, refuse
from streamvision.web.schemas import (
    Alive,
    EventsQuery,
    FrameDetections,
    LiveQuery,
    MjpegQuery,
    Readiness,
    ReadinessQuery,
    SnapshotQuery,
    StreamList,
)
from streamvision.web.static_files import add_static_files
from streamvision.web.stream_control import add_stream_control
from streamvision.web.strict_json import StrictJson
from streamvision.web.tracklets import add_tracklets
from streamvision.web.viewer import Subscription
from streamvision.web.widths import AS_THEY_ARE
from streamvision.web.wire import Form, detections_json, event

if TYPE_CHECKING:
    from streamvision.web.login import Login

_log = logging.getLogger(__name__)


def create_app(
    view: LiveView,
    *,
    live: LiveService | None = None,
    host_names: Iterable[str] = (),
    ready_age_s: float | None = READY_AGE_S,
    login: Login | None = None,
    proxy: ProxyConfig | None = None,
    embed_origins: Iterable[str] = (),
) -> Flask:
    """Build the application, which any WSGI server can run, too; each live response then takes one of its threads.

    Args:
        view: the pipeline to show.
        live: who sends live responses; by default one that begins with the first of them.
        host_names: names of this machine under which requests are answered, beside those that it knows.
        ready_age_s: oldest that the newest frame of a live stream may be where all is ready; ``None``: any.
        login: how people sign in; by default nobody does, and everybody may do everything.
        proxy: a reverse proxy in front whose word is taken.
        embed_origins: sites whose pages may show live streams.
    """
    live = live or LiveService(view, credentials=login.credentials if login else None)
    fanout = live.fanout
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.json = StrictJson(app)
    app.json.sort_keys = False
    harden(app, host_names=host_names)
    required = login.credentials.required if login else lambda: False
    allow_embedding(app, Embedding(embed_origins, required))
    guard(app, login.credentials.identify if login else lambda: EVERYBODY)
    refuse_other_sites(app)
    app.wsgi_app = TrustedProxy(app.wsgi_app, proxy)  # type: ignore[method-assign]
    add_me(app, required)
    add_static_files(app)
    if login is not None:
        from streamvision.web.accounts import add_accounts  # the database takes its time, which other runs do without
        from streamvision.web.login import add_login

        add_login(app, login)
        add_accounts(app, login)
    registry = build_registry(view, fanout)

    def channel_of(stream_id: str) -> LiveChannel:
        channel = view.channels.get(stream_id)
        if channel is None:
            known = ", ".join(filter(present().may_see, view.channels)) or "none"
            refuse(HTTPStatus.NOT_FOUND, f"there is no stream {short(stream_id)!r}; the streams are: {known}")
        return channel

    def newest_of(channel: LiveChannel) -> RenderedFrame:
        newest = channel.latest
        if newest is None:
            refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"stream {channel.stream_id!r} has no picture yet; see /api/streams for its state",
            )
        return newest

    def live_response(
        form: Form, streams: tuple[str, ...] | None, *, detections: bool = False, opening: bytes = b""
    ) -> LiveResponse:
        sizes = AS_THEY_ARE if form == "events" else asked_sizes(streams or ())
        offer = present_offer()
        refused = None if offer and offer.goes_on else fanout.places.refusal(present())
        if refused:
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, refused)
        wanted = Subscription(form, streams, detections, present(), sizes)
        if form != "live":
            return LiveResponse(live, wanted, opening=opening)
        wanted = replace(wanted, layers=asked_layers(streams or ()), results=asked_results())
        return LiveResponse(live, wanted, handshake=agreed_handshake() if offer and offer.asks_websocket else None)

    def seen() -> list[StreamStatus]:
        return [status for status in view.statuses() if present().may_see(status.id)]

    def asked_streams() -> tuple[str, ...] | None:
        asked = [part for part in request.args.get("streams", "").split(",") if part]
        check_streams(asked)
        return tuple(dict.fromkeys(channel_of(stream_id).stream_id for stream_id in asked)) or None

    add_pages(app, view, channel_of, seen)

    @app.get("/streams/<stream_id>/mjpeg")
    @access("view")
    @embeddable
    @describe(query=MjpegQuery, media_type="multipart/x-mixed-replace", live=True)
    def mjpeg(stream_id: str) -> Response:
        """Send pictures for ever as multipart/x-mixed-replace."""
        stream = channel_of(stream_id).stream_id
        boundary = request.args.get("boundary", "plain")
        if boundary not in ("plain", "early"):
            refuse(
                HTTPStatus.BAD_REQUEST,
                f"boundary={short(boundary)} is not known; use early in Chromium, and plain, or nothing, elsewhere",
            )
        return live_response("mjpeg_early" if boundary == "early" else "mjpeg", (stream,))

    @app.get("/streams/<stream_id>/snapshot.jpg")
    @access("view")
    @embeddable
    @describe(query=SnapshotQuery, media_type="image/jpeg")
    def snapshot(stream_id: str) -> Response:
        """Give the newest annotated picture."""
        newest = newest_of(channel_of(stream_id))
        width_px = asked_width()
        try:
            jpeg = newest.jpeg() if width_px is None else newest.scaled_jpeg(width_px)
            response = Response(jpeg, content_type="image/jpeg")
        except StreamVisionError as error:
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        frame = newest.result.frame
        response.headers["X-Frame-Index"] = str(frame.index)
        response.headers["X-Frame-Age-S"] = f"{frame.age_s():.3f}"
        return response

    @app.get("/api/streams")
    @access("view")
    @embeddable
    @describe(answer=StreamList)
    def streams() -> Response:
        """Give the status of every stream."""
        return jsonify(status_json(view, view.statuses(), present()))

    @app.get("/api/streams/<stream_id>")
    @access("view")
    @describe(answer=StreamStatus)
    def stream(stream_id: str) -> Response:
        """Give the status of one stream."""
        status = next((one for one in view.statuses() if one.id == stream_id), None)
        if status is None:
            channel_of(stream_id)  # which refuses what there is not
            refuse(HTTPStatus.NOT_FOUND, f"stream {short(stream_id)!r} has just been removed")
        return jsonify(stream_json(status, present()))

    @app.get("/api/streams/<stream_id>/detections")
    @access("view")
    @describe(answer=FrameDetections)
    def detections(stream_id: str) -> Response:
        """Give the objects on the newest frame."""
        channel = channel_of(stream_id)
        return jsonify(detections_json(channel, newest_of(channel)))

    add_analytics(app, view, channel_of)
    if view.control is not None:
        add_stream_control(app, view.control)
        add_classical(app)
    if view.models is not None:
        add_models(app, view.models)
    if view.onvif is not None:
        add_onvif(app, view.onvif)
    if view.event_log is not None:
        add_event_log(app, view.event_log)
    if view.recordings is not None:
        add_recordings(app, view.recordings)
    if view.tracklets is not None:
        add_tracklets(app, view.tracklets)
    if view.labelling is not None:
        add_labelling(app, view.labelling)
    if view.videos is not None:
        add_hls(app, view.videos, channel_of)
    if view.fleet is not None:
        add_fleet(app, view.fleet)
    if view.notify is not None:
        add_notify(app, view.notify, lambda: view.mqtt() if view.mqtt else None)
    add_openapi(app)

    @app.get("/api/live")
    @access("view")
    @embeddable
    @describe(query=LiveQuery, media_type="application/vnd.streamvision.live", live=True)
    def multiplexed() -> Response:
        """Send the pictures, or the video, of many streams over one connection.

        The body is a row of records: a line of JSON, and as many bytes behind it as its `bytes` or `jpeg_bytes` says. A
        line has `format`, `packet`, `result`, `scene`, `notice` or `heartbeat`, or is a picture's. With
        `Upgrade: websocket` each record is a binary message.
        """
        return live_response("live", asked_streams())

    @app.get("/api/events")
    @access("view")
    @describe(query=EventsQuery, media_type="text/event-stream", live=True)
    def events() -> Response:
        """Send states, statuses and, if asked, detections as server-sent events."""
        wanted = request.args.get("detections", "0").lower() in ("1", "true", "yes")
        first = event("status", status_json(view, view.statuses(), present()))
        return live_response("events", asked_streams(), detections=wanted, opening=first)

    @app.get("/healthz")
    @access("public")
    @describe(answer=Alive)
    def healthz() -> Response:
        """Say that the process is alive."""
        return jsonify({"alive": True})

    @app.get("/readyz")
    @access("public")
    @describe(answer=Readiness, query=ReadinessQuery, or_status=HTTPStatus.SERVICE_UNAVAILABLE)
    def readyz() -> tuple[Response, int]:
        """Say whether every stream has begun and gives fresh frames, none hangs, and every output is written to."""
        statuses = view.statuses()
        missing = what_is_missing(statuses, max_age_s=_asked_age_s() or ready_age_s) + view.faults()
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        asking = principal()
        if asking is None or asking.streams is not None:
            return jsonify({"ready": not missing}), status
        ages_s = {one.id: one.newest_age_s for one in statuses}
        return jsonify({"ready": not missing, "missing": missing, "newest_age_s": ages_s}), status

    @app.get("/metrics")
    @access("metrics")
    @describe(media_type="text/plain", also=("application/openmetrics-text",))
    def metrics() -> Response:
        """Give all metrics in the format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        sentence = error.description or "the request cannot be answered"
        if error.code == HTTPStatus.NOT_FOUND and not isinstance(error, Refused):
            sentence = f"there is nothing at {short(request.path)}; begin at / or /api/streams"
        if isinstance(error, WebsocketMismatch):
            sentence = "no WebSockets are spoken here; ask for the same without Upgrade"
        if error.code == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = set(getattr(error, "valid_methods", None) or ["GET"]) - {"HEAD", "OPTIONS"}
            accepted = " or ".join(sorted(methods))
            sentence = f"{short(request.method)} is not accepted at {short(request.path)}; use {accepted}"
        response = _refusal(error, redact_outside(sentence))
        response.headers.update(error.headers if isinstance(error, Refused) else {})
        return response, error.code or HTTPStatus.INTERNAL_SERVER_ERROR

    @app.errorhandler(Exception)
    def fault(error: Exception) -> tuple[Response, int]:
        _log.error("%s failed", request.path, exc_info=error)
        return jsonify({"error": "the server made a mistake; its log says which"}), HTTPStatus.INTERNAL_SERVER_ERROR

    return app


def _refusal(error: HTTPException, sentence: str) -> Response:
    """Return why a request is refused: a page for people, JSON for programs."""
    is_page = asks_for_page() and "identify" in g and error.code != HTTPStatus.UNAUTHORIZED
    if not is_page:  # also where it was refused before anybody was asked who it is
        return jsonify({"error": sentence})
    return make_response(render_template("refused.html", heading=error.name, sentence=sentence))


def _asked_age_s() -> float | None:
    """Return the oldest age that the request allows; ``None`` where it names none."""
    given = request.args.get("max_age_s", "")
    try:
        age_s = float(given) if given else None
    except ValueError:
        age_s = math.nan
    if age_s is not None and not 0 < age_s < math.inf:
        refuse(HTTPStatus.BAD_REQUEST, f"max_age_s={short(given)} is no time; give seconds above 0, such as 5")
    return age_s
