"""Streams and settings that change while they run: what is added, changed and removed on the page or by programs."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, jsonify

from streamvision.core.config.stream import StreamConfig
from streamvision.core.control import StreamControl
from streamvision.web.access import access, present
from streamvision.web.asked import json_mapping
from streamvision.web.openapi import describe
from streamvision.web.refusal import refusing
from streamvision.web.service_schemas import (
    NewStream,
    SettingChanges,
    Settings,
    StreamChanges,
    TestedSource,
)


def add_stream_control(app: Flask, control: StreamControl) -> None:
    """Add the addresses at which streams and settings change.

    Args:
        app: the application.
        control: who does what is asked.
    """

    @app.post("/api/streams")
    @access("admin")
    @describe(answer=NewStream, body=StreamConfig, status=HTTPStatus.CREATED)
    def add_stream() -> tuple[Response, int]:
        """Add a stream; it is there again after a restart."""
        with refusing():
            stream_id = control.add_stream(json_mapping())
        return jsonify({"id": stream_id}), HTTPStatus.CREATED

    @app.get("/api/streams/<stream_id>/config")
    @access("admin")
    @describe(answer=StreamChanges)
    def stream_config(stream_id: str) -> Response:
        """Give what is set for a stream, without what is at its default; passwords are shown as `***`."""
        with refusing():
            return jsonify(control.stream_config(stream_id))

    @app.patch("/api/streams/<stream_id>")
    @access("admin")
    @describe(answer=StreamChanges, body=StreamChanges)
    def change_stream(stream_id: str) -> Response:
        """Change some keys of a stream, as a merge patch (RFC 7396); a `***` that comes back is left as it was."""
        with refusing():
            return jsonify(control.change_stream(stream_id, json_mapping()))

    @app.delete("/api/streams/<stream_id>")
    @access("admin")
    @describe(status=HTTPStatus.NO_CONTENT, media_type=None)
    def remove_stream(stream_id: str) -> tuple[str, int]:
        """Remove a stream for good; its events are kept."""
        with refusing():
            control.remove_stream(stream_id)
        return "", HTTPStatus.NO_CONTENT

    @app.post("/api/streams/test-picture")
    @access("admin")
    @describe(body=TestedSource, media_type="image/jpeg")
    def picture_of_source() -> Response:
        """Try a source for a few seconds and give its first picture."""
        with refusing():
            return Response(control.test_picture(json_mapping()), content_type="image/jpeg")

    @app.get("/api/settings")
    @access("view")
    @describe(answer=Settings)
    def settings() -> Response:
        """Give what of the run may change; what names streams and others only to those who may see these."""
        with refusing():
            found, asking = control.settings(), present()
        if "admin" not in asking.scopes:
            found = {key: value for key, value in found.items() if key != "notify"}
        return jsonify(found if asking.streams is None else {**found, "layout": {}})

    @app.patch("/api/settings")
    @access("admin")
    @describe(answer=Settings, body=SettingChanges)
    def change_settings() -> Response:
        """Change some of the settings, as a merge patch (RFC 7396)."""
        with refusing():
            return jsonify(control.change_settings(json_mapping()))
