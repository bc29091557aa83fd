"""The pages. Their links are relative to the page, so they work wherever a proxy has put the application."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from flask import Flask, redirect, render_template
from werkzeug.wrappers import Response

from streamvision.core.live import LiveChannel, LiveView
from streamvision.core.status import StreamStatus
from streamvision.core.version import __version__
from streamvision.web.access import Principal, access, present, principal, root
from streamvision.web.events import status_json
from streamvision.web.refusal import refuse

_EVENTS = "/api/event-log"
_RECORDINGS = "/api/recordings"
_TRACKLETS = "/api/tracklets"
_SETTINGS = "/api/settings"
_LABELS = "/api/label"
_KINDS = {
    "line": "crossed a line",
    "zone_entered": "entered a zone",
    "zone_left": "left a zone",
    "stay": "stays long",
    "crowding": "crowded",
    "wrong_way": "wrong way",
    "idle": "stands",
    "speeding": "too fast",
}
"""What can happen, in words."""


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

    def has_no_streams() -> bool:
        """Whether there are none and none can come: only pictures are labelled here."""
        return offered(_LABELS) and not view.channels and view.control is None

    def places(person: Principal | None) -> list[tuple[str, str]]:
        found = [] if has_no_streams() else [("Wall", "")]
        if person and offered(_RECORDINGS):
            found.append(("Timeline", "timeline"))
        if person and offered(_EVENTS):
            found.append(("Events", "events"))
        if may_change(person) and offered(_LABELS):
            found.append(("Label", "label"))
        if may_change(person) and offered(_SETTINGS):
            found.append(("Settings", "settings"))
        return found

    @app.context_processor
    def surroundings() -> dict[str, Any]:
        """Give what all pages need: the way to the application's root, who looks, the other pages."""
        person = principal()
        return {
            "root": root(),
            "version": __version__,
            "places": places(person),
            "offers_streams": offered("/api/streams/test-picture"),
            "offers_recordings": offered(_RECORDINGS),
            "offers_hls": offered("/streams/<stream_id>/hls/index.m3u8"),
            "offers_tracklets": offered(_TRACKLETS),
            "offers_onvif": offered("/api/onvif/discover"),
            "offers_users": offered("/api/users"),
            "offers_models": offered("/api/models"),
            "may_change": may_change(person),
            "person": person,
        }

    def wall(focus: str | None) -> str:
        status, offers_video = status_json(view, view.statuses(), present()), view.packets is not None
        return render_template("index.html", focus=focus, status=status, offers_video=offers_video)

    @app.get("/")
    @access("view")
    def index() -> str | Response:
        """Show all streams."""
        return redirect(f"{root()}label") if has_no_streams() else wall(None)

    @app.get("/streams/<stream_id>")
    @access("view")
    def single(stream_id: str) -> str:
        """Show one stream, large."""
        return wall(channel_of(stream_id).stream_id)

    @app.get("/timeline")
    @access("view")
    def timeline_page() -> str:
        """Show what was recorded, and play it again."""
        if not offered(_RECORDINGS):
            refuse(HTTPStatus.NOT_FOUND, "nothing is recorded here; `streamvision serve` records")
        streams = seen()
        return render_template("timeline.html", streams=streams, names=_names(streams))

    @app.get("/events")
    @access("view")
    def events_page() -> str:
        """Show what happened on all cameras."""
        if not offered(_EVENTS):
            refuse(HTTPStatus.NOT_FOUND, "no events are kept here; `streamvision serve` keeps them")
        streams = seen()
        return render_template("events.html", streams=streams, names=_names(streams), kinds=_KINDS)

    @app.get("/label")
    @access("admin")
    def label_page() -> str:
        """Show collected pictures, one by one, to be labelled."""
        if not offered(_LABELS):
            refuse(
                HTTPStatus.NOT_FOUND,
                "no pictures are labelled here; `streamvision label FOLDER` shows those of a folder",
            )
        return render_template("label.html")

    @app.get("/settings")
    @access("admin")
    def settings_page() -> str:
        """Show what holds for all cameras, and who may do what."""
        if not offered(_SETTINGS):
            refuse(HTTPStatus.NOT_FOUND, "no settings are kept here; `streamvision serve` keeps them")
        streams = seen()
        return render_template("settings.html", streams=streams, names=_names(streams), event_kinds=list(_KINDS))


def may_change(person: Principal | None) -> bool:
    """Return whether somebody may change something; what they may not is not shown."""
    return person is not None and person.role == "admin"


def _names(streams: Sequence[StreamStatus]) -> dict[str, str]:
    """Return what each stream is called, by its id; several of one name are told apart by it."""
    shared = Counter(one.name for one in streams)
    return {
        one.id: f"{one.name} ({one.id})" if one.name and shared[one.name] > 1 else one.name or one.id for one in streams
    }
