"""Changes, answers and pictures are for the page itself and for programs: not for another site's page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, request

from streamvision.web.refusal import refuse

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
F = TypeVar("F", bound=Callable[..., Any])
_FORM = "_takes_form"
_NOT_FOR_OTHERS = ("/api/", "/streams/")
"""Where a GET has effects, too: it takes the place of a viewer, or asks the cameras of the network."""


def takes_form(view: F) -> F:
    """Let a view take what an HTML form sends; all others take JSON alone."""
    setattr(view, _FORM, True)
    return view


def refuse_other_sites(app: Flask) -> None:
    """Refuse what another site's page sends through the browser of somebody who can reach this server.

    JSON alone is taken, which browsers send to other sites only after asking, and the answer to that question is no.
    """

    @app.before_request
    def check_site() -> None:
        if request.endpoint is None:
            return
        if request.method in SAFE_METHODS:
            _check_reading()
            return
        has_body = request.method != "DELETE" or bool(request.content_length)
        if has_body and not _is_form_view(request.endpoint) and request.mimetype != "application/json":
            refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with the header Content-Type: application/json")
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        own = site in ("same-origin", "none") if site else origin is None or _netloc(origin) == request.host
        if not own:
            refuse(HTTPStatus.FORBIDDEN, f"pages of {origin or 'other sites'} may not change this; use the page itself")


def _check_reading() -> None:
    """Refuse what another site's page loads, which its browser would not let it see anyhow; links may lead here."""
    fetched = request.headers
    followed = fetched.get("Sec-Fetch-Mode") == "navigate" and fetched.get("Sec-Fetch-Dest") == "document"
    if fetched.get("Sec-Fetch-Site") == "cross-site" and request.path.startswith(_NOT_FOR_OTHERS) and not followed:
        refuse(HTTPStatus.FORBIDDEN, "pages of other sites may not load this; open it by itself, or use a program")


def _is_form_view(endpoint: str) -> bool:
    return getattr(current_app.view_functions[endpoint], _FORM, False)


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # it is no address at all, which no browser sends
        return None
