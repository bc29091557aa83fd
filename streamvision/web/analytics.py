"""Analytics on the web: counts and events for those who watch, lines and zones for those who edit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import yaml
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from streamvision.core.analysis import AnalyticsControl
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.app import parse_analytics
from streamvision.core.event_message import event_schema
from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.redaction import short
from streamvision.web.access import access
from streamvision.web.fanout import Fanout
from streamvision.web.openapi import describe
from streamvision.web.refusal import refuse, refusing
from streamvision.web.schemas import AnalyticsQuery, ChangedAnalytics, StreamAnalytics
from streamvision.web.wire import event


class AnalyticsNews:
    """Tells events of the analytics to those who listen, each once, also to a listener that lags."""

    def __init__(self, view: LiveView, fanout: Fanout) -> None:
        self._view = view
        self._fanout = fanout
        self._serial = itertools.count()

    def start(self) -> None:
        """Begin to tell."""
        self._view.follow(self)

    def stop(self) -> None:
        """Tell no more; calling it twice is harmless."""
        self._view.unfollow(self)

    def channel_added(self, channel: LiveChannel) -> None:
        """Tell of a stream that has come, too."""
        channel.add_listener(self._on_publish)

    def channel_removed(self, channel: LiveChannel) -> None:
        """Let go of a stream that has gone."""
        channel.remove_listener(self._on_publish)

    def _on_publish(self, channel: LiveChannel) -> None:
        """Hand over what happened on the frame that was just published; runs in the pipeline's thread."""
        newest = channel.latest
        analysis = newest.result.analysis if newest else None
        if analysis is None or not self._fanout.connections:
            return
        for happened in analysis.events:
            key = f"analytics {next(self._serial)}"
            self._fanout.broadcast(event("analytics", happened.to_json()), key=key, stream_id=channel.stream_id)


def add_analytics(app: Flask, view: LiveView, channel_of: Callable[[str], LiveChannel]) -> None:
    """Add the addresses of the analytics to the application.

    Args:
        app: the application.
        view: the pipeline.
        channel_of: gives the channel of a stream, or refuses the request.
    """

    def analytics_of(stream_id: str) -> AnalyticsControl:
        channel_of(stream_id)
        found = view.analytics.get(stream_id)
        if found is None:
            refuse(HTTPStatus.NOT_FOUND, f"stream {stream_id!r} has no analytics")
        return found

    @app.get("/api/streams/<stream_id>/analytics")
    @access("view")
    @describe(answer=StreamAnalytics, query=AnalyticsQuery, also=("text/yaml",))
    def analytics(stream_id: str) -> Response:
        """Give lines, zones, counts, the newest events and the model's classes; or the configuration alone as YAML."""
        present = analytics_of(stream_id)
        form = request.args.get("form", "json")
        if form == "yaml":
            return Response(as_yaml(present.config), content_type="text/yaml; charset=utf-8")
        if form != "json":
            refuse(HTTPStatus.BAD_REQUEST, f"form={short(form)} is not known; use json or yaml")
        return jsonify(
            {
                "stream": stream_id,
                "config": present.config.model_dump(mode="json"),
                "classes": channel_of(stream_id).names,
                **present.report(),
                "events": [happened.to_json() for happened in present.recent()],
            }
        )

    @app.post("/api/streams/<stream_id>/analytics")
    @access("admin")
    @describe(answer=ChangedAnalytics, body=AnalyticsConfig)
    def change(stream_id: str) -> Response:
        """Count and measure something else from the next frame on."""
        present = analytics_of(stream_id)
        with refusing():
            config = parse_analytics(_json(), origin="analytics")
            if view.control is None:
                present.apply(config)
            else:
                view.control.replace_analytics(stream_id, config)
        return jsonify({"stream": stream_id, "config": config.model_dump(mode="json")})

    @app.get("/api/event-schema.json")
    @access("view")
    @describe(answer=dict[str, Any])
    def schema_of_events() -> Response:
        """Give the JSON Schema of an event."""
        return jsonify(event_schema())

    @app.get("/streams/<stream_id>/heat-map.png")
    @access("view")
    @describe(media_type="image/png")
    def heat_map(stream_id: str) -> Response:
        """Give the heat map."""
        png = analytics_of(stream_id).heat_map_png()
        if png is None:
            refuse(HTTPStatus.NOT_FOUND, f"stream {stream_id!r} has no heat map; configure analytics.heat_map")
        return Response(png, content_type="image/png")


def _json() -> Any:
    try:
        return request.get_json()
    except (BadRequest, RecursionError):
        refuse(HTTPStatus.BAD_REQUEST, "the body is not JSON; send what GET gives under 'config'")


def as_yaml(config: AnalyticsConfig) -> str:
    """Return a configuration as it stands in a YAML file, without what is at its default."""
    document = {"analytics": config.model_dump(mode="json", exclude_defaults=True)}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
