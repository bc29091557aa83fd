"""What every response promises to browsers, and the names under which requests are answered."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.routing import IntegerConverter, Map

from streamvision.core.redaction import short
from streamvision.web.refusal import refuse
from streamvision.web.static_files import KEPT_STATIC

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
}
"""Sent with every response: nobody frames the page, and no other site's page loads anything that says no other."""


class StoredInteger(IntegerConverter):
    """A number in a path, no larger than a database can hold."""

    regex = r"\d{1,19}"

    def __init__(self, map: Map, fixed_digits: int = 0, min: int | None = None, max: int | None = None) -> None:
        super().__init__(map, fixed_digits, min, (1 << 63) - 1 if max is None else max)


def harden(app: Flask, *, host_names: Iterable[str] = ()) -> None:
    """Answer only requests that name this machine, and send :data:`HEADERS` with every response.

    A page of another site whose name is made to point here (DNS rebinding) sends that name as the host; addresses
    cannot be used so, and are always answered.

    Args:
        app: the application.
        host_names: names that are answered beside the machine's own, ``localhost`` and addresses.
    """
    app.url_map.converters["int"] = StoredInteger
    own = socket.gethostname().lower()
    known = {"localhost", own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
    known |= {name.lower().rstrip(".") for name in host_names}

    @app.before_request
    def check_host() -> None:
        given = request.environ.get("HTTP_HOST")
        name = _host_name(given) if given is not None else "localhost"
        if name is None:
            refuse(HTTPStatus.BAD_REQUEST, "the Host header is not a host name or an address")
        if name not in known and not name.endswith(".localhost") and not _is_address(name):
            refuse(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"{short(name)!r} is not known to be a name of this machine; open the page by its address, or add the "
                "name to serve.host_names",
            )

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != KEPT_STATIC or response.status_code >= HTTPStatus.BAD_REQUEST:
            response.headers["Cache-Control"] = "no-cache" if request.endpoint == "static" else "no-store"
        return response


def _host_name(header: str) -> str | None:
    """Return the name in a Host header, without port and brackets; ``None`` where there is none."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != header or "@" in header or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
