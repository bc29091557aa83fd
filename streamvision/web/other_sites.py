"""Changes, answers and pictures are for the page itself and for programs: not for another site's page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, current_app, request

from streamvision.core.redaction import short
from streamvision.web.embedding import foreign_origin, is_embedded
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
        site = request.headers.get("Sec-Fetch-Site")
        own = site in ("same-origin", "none") if site else foreign_origin() is None
        if not own:
            refuse(HTTPStatus.FORBIDDEN, f"{_pages()} may not change this; use the page itself")


def _check_reading() -> None:
    """Refuse what another site's page loads, unless it may show live streams; links may lead here.

    Its browser would not let it see most of that anyhow, but a WebSocket it would.
    """
    fetched = request.headers
    followed = fetched.get("Sec-Fetch-Mode") == "navigate" and fetched.get("Sec-Fetch-Dest") == "document"
    is_foreign = foreign_origin() is not None or (fetched.get("Sec-Fetch-Site") == "cross-site" and not followed)
    if is_foreign and request.path.startswith(_NOT_FOR_OTHERS) and not is_embedded():
        refuse(HTTPStatus.FORBIDDEN, f"{_pages()} may not load this; open it by itself, or use a program")


def _is_form_view(endpoint: str) -> bool:
    return getattr(current_app.view_functions[endpoint], _FORM, False)


def _pages() -> str:
    return f"pages of {short(request.headers.get('Origin', 'other sites'))}"
