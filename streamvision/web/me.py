"""Who asks: what the page shows of the user, and what it offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flask import Flask, Response, jsonify

from streamvision.web.access import access, present
from streamvision.web.openapi import Schema, describe


class Me(Schema):
    """Who asks."""

    user: str | None
    """Name of the user; null where nobody signs in."""
    role: Literal["admin", "viewer"]
    """What the user may do."""
    streams: list[str] | None
    """Ids of the streams that may be seen; null: all."""
    login: bool
    """Whether people sign in here."""


def add_me(app: Flask, must_sign_in: Callable[[], bool]) -> None:
    """Add what tells somebody who they are; ``must_sign_in`` returns whether people sign in here."""

    @app.get("/api/me")
    @access("view")
    @describe(answer=Me)
    def me() -> Response:
        """Say who asks."""
        who = present()
        streams = None if who.streams is None else sorted(who.streams)
        return jsonify({"user": who.user, "role": who.role, "streams": streams, "login": must_sign_in()})
