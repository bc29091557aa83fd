"""Who may do what: each address of the application declares it, and one that does not is the administrators'.

A request is checked once, before its view runs; a live response therefore when it begins, and never for a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar, cast
from urllib.parse import quote, urlencode

from flask import Flask, Response, current_app, g, redirect, request

from streamvision.core.redaction import short
from streamvision.web.refusal import refuse

Level = Literal["public", "view", "metrics", "admin"]
"""What an address asks of those who use it: nothing, or one of :data:`SCOPES`."""
SCOPES = ("view", "metrics", "admin")
"""What somebody may be allowed to do."""

F = TypeVar("F", bound=Callable[..., Any])
_LEVEL = "_access_level"
_REALM = 'realm="StreamVision", charset="UTF-8"'


@dataclass(frozen=True)
class Principal:
    """Somebody who may do something."""

    user: str | None
    """Name of the user; ``None`` where nobody signs in."""
    scopes: frozenset[str]
    """Which of :data:`SCOPES` are allowed."""
    streams: frozenset[str] | None = None
    """The streams that may be seen; ``None``: all."""
    credential: tuple[str, str] | None = None
    """What it was proven with, its kind and its mark; ``None`` where nobody signs in."""
    version: int = 0
    """Grows with each change of the user; a live response that began under another one ends."""

    def may_see(self, stream_id: str) -> bool:
        """Return whether a stream is one of those that may be seen."""
        return self.streams is None or stream_id in self.streams

    @property
    def role(self) -> str:
        """``admin`` or ``viewer``."""
        return "admin" if "admin" in self.scopes else "viewer"


EVERYBODY = Principal(None, frozenset(SCOPES))
"""Who asks, where nobody signs in."""

Identify = Callable[[], Principal | None]
"""Returns who made the present request; ``None`` where it is not known."""


def access(level: Level) -> Callable[[F], F]:
    """Declare what a view asks of those who use it; to be written below the line with its address.

    ``view``: its stream, where it has one (``stream_id``), must be one of those that the user may see. A view that
    tells of several streams leaves out the others (:meth:`Principal.may_see`).
    """

    def declare(view: F) -> F:
        setattr(view, _LEVEL, level)
        return view

    return declare


def level_of(app: Flask, endpoint: str) -> Level:
    """Return what a view asks of those who use it."""
    return cast(Level, getattr(app.view_functions[endpoint], _LEVEL, "admin"))


def principal() -> Principal | None:
    """Return who made the present request; looked up once, when first asked for."""
    if "principal" not in g:
        g.principal = g.identify()
    return cast("Principal | None", g.principal)


def present() -> Principal:
    """Return who made the present request, in a view that is not public."""
    found = principal()
    assert found is not None
    return found


def guard(app: Flask, identify: Identify) -> None:
    """Check every request before its view runs.

    Args:
        app: the application.
        identify: returns who made the present request.
    """
    access("public")(app.view_functions["static"])

    @app.before_request
    def check_access() -> Response | None:
        g.identify = identify
        level = level_of(app, request.endpoint) if request.endpoint else "public"  # else there is no such address
        if level == "public":
            return None
        found = principal()
        if found is None:
            return _ask_to_sign_in()
        if level not in found.scopes:
            refuse(HTTPStatus.FORBIDDEN, f"{_named(found)} may not do this; it needs the right {level!r}")
        _check_stream(found, (request.view_args or {}).get("stream_id"))
        return None


def check_streams(stream_ids: Iterable[str]) -> None:
    """Refuse the present request unless all the streams may be seen."""
    found = present()
    for stream_id in stream_ids:
        _check_stream(found, stream_id)


def _check_stream(found: Principal, stream_id: str | None) -> None:
    """Refuse a stream that may not be seen, in the same words whether there is such a stream or not."""
    if stream_id is not None and not found.may_see(stream_id):
        seen = ", ".join(sorted(found.streams or ())) or "none"
        refuse(
            HTTPStatus.FORBIDDEN, f"{_named(found)} may not see {short(stream_id)!r}; the streams to see are: {seen}"
        )


def _named(found: Principal) -> str:
    return f"a token of {found.user}" if found.credential and found.credential[0] == "token" else str(found.user)


def _ask_to_sign_in() -> Response:
    """Send people to the page where they sign in, and tell programs how they do.

    Raises:
        Refused: where a program asks.
    """
    if not asks_for_page() or "Authorization" in request.headers or "login_page" not in current_app.view_functions:
        # A browser would ask for name and password in a window of its own, which no page can style or sign out of.
        is_browser = "Mozilla" in request.headers.get("User-Agent", "") or "Sec-Fetch-Mode" in request.headers
        refuse(
            HTTPStatus.UNAUTHORIZED,
            "sign in at /login, or send a token, as Bearer or as the password of Basic",
            {"WWW-Authenticate": f"{'Bearer' if is_browser else 'Basic'} {_REALM}"},
        )
    asked = urlencode({"next": request.full_path.rstrip("?")})
    return cast(Response, redirect(f"{root()}login?{asked}", HTTPStatus.SEE_OTHER))


def asks_for_page() -> bool:
    """Return whether the present request is a browser's that wants to show something to somebody."""
    is_page = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")
    return is_page and not request.path.startswith("/api/")


def root() -> str:
    """Return the way to the application's root: as a proxy names it, or else from the present request's address."""
    if request.script_root:
        return f"{quote(request.script_root)}/"
    return "../" * (request.path.count("/") - 1) or "./"
