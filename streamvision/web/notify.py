"""Who is told of events: how each target is doing, which kinds there are, and a message to try one."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, jsonify

from streamvision.core.errors import StreamVisionError
from streamvision.core.notify import Notifications, TargetStatus, UnknownTargetError
from streamvision.web.access import access
from streamvision.web.openapi import describe
from streamvision.web.refusal import refuse
from streamvision.web.service_schemas import NotifyState


def add_notify(app: Flask, notify: Notifications, broker: Callable[[], TargetStatus | None]) -> None:
    """Add the addresses about who is told of events.

    Args:
        app: the application.
        notify: who tells.
        broker: returns how the MQTT broker is doing; ``None`` where none is set.
    """

    @app.get("/api/notify")
    @access("admin")
    @describe(answer=NotifyState)
    def notify_state() -> Response:
        """Give how each target and the MQTT broker are doing, and the kinds of targets that there are."""
        return jsonify({"targets": notify.statuses(), "mqtt": broker(), "kinds": notify.kinds()})

    @app.post("/api/notify/<name>/test")
    @access("admin")
    @describe(status=HTTPStatus.NO_CONTENT, media_type=None)
    def test_target(name: str) -> Response:
        """Send a target a message now, whose stream is called test."""
        try:
            notify.test(name)
        except UnknownTargetError as error:
            refuse(HTTPStatus.NOT_FOUND, str(error))
        except StreamVisionError as error:
            refuse(HTTPStatus.BAD_GATEWAY, str(error))
        return Response(status=HTTPStatus.NO_CONTENT)
