"""The pages. Their links are relative to the page, so they work wherever a proxy has put the application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, render_template, request

from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.version import __version__
from streamvision.web.access import access, principal
from streamvision.web.events import status_json

_PLACES = (("Wall", "", "/"), ("Events", "events", "/api/event-log"), ("Settings", "settings", "/api/settings"))
"""Name and path of each page, and the address without which it has nothing to show."""


def add_pages(
    app: Flask,
    view: LiveView,
    channel_of: Callable[[str], LiveChannel],
    seen: Callable[[], list[StreamStatus]],
) -> None:
    """Add the pages to the application.

    Args:
        app: the application.
        view: the pipeline.
        channel_of: gives the channel of a stream, or refuses the request.
        seen: gives the statuses of the streams that the user may see.
    """

    def offered(address: str) -> bool:
        return any(rule.rule == address for rule in app.url_map.iter_rules())

    @app.context_processor
    def surroundings() -> dict[str, Any]:
        """Give what all pages need: the way to the application's root, who looks, the other pages."""
        person = principal()
        return {
            "root": "../" * (request.path.count("/") - 1) or "./",
            "version": __version__,
            "places": [{"name": name, "path": path} for name, path, needs in _PLACES if offered(needs)],
            "may_change": person is not None and person.role == "admin",
        }

    def wall(focus: str | None) -> str:
        return render_template("index.html", focus=focus, status=status_json(view, seen()))

    @app.get("/")
    @access("view")
    def index() -> str:
        """Show all streams."""
        return wall(None)

    @app.get("/streams/<stream_id>")
    @access("view")
    def single(stream_id: str) -> str:
        """Show one stream, large."""
        return wall(channel_of(stream_id).stream_id)
