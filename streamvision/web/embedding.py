"""Which sites' pages may show live streams, and what their browsers are told (CORS, https://fetch.spec.whatwg.org).

Such a page proves by a token alone what it may see: what a browser adds by itself, cookies and remembered passwords,
does not count for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from streamvision.core.config.serve import ANY_ORIGIN
from streamvision.core.redaction import short
from streamvision.web.refusal import refuse

PREFLIGHT_S = 600
"""How long a browser may remember what it was told before a request with a token."""
MODULES = "view/"
"""The folder of static files that such pages load."""
F = TypeVar("F", bound=Callable[..., Any])
_EMBEDDABLE = "_is_embeddable"


class Embedding:
    """Says which sites' pages may show live streams.

    Args:
        origins: theirs, as browsers send them; ``*`` for all that have a token.
        token_required: returns whether those who watch must prove who they are.
    """

    def __init__(self, origins: Iterable[str] = (), token_required: Callable[[], bool] = lambda: False) -> None:
        self._origins = frozenset(origins)
        self._token_required = token_required

    def may_embed(self, origin: str) -> bool:
        """Return whether pages of this origin may show live streams."""
        return origin in self._origins or (ANY_ORIGIN in self._origins and self._token_required())

    def refusal(self, origin: str) -> str:
        """Return why pages of this origin may not."""
        if ANY_ORIGIN in self._origins:
            return (
                "pages of all sites may show this with a token, and nobody has to sign in here; make a user, or name "
                f"{short(origin)} in serve.embed_origins"
            )
        return f"pages of {short(origin)} may not show this; name the origin in serve.embed_origins"

    @property
    def is_offered(self) -> bool:
        """Whether there are such sites."""
        return bool(self._origins)


def embeddable(view: F) -> F:
    """Let pages of the sites that were named load what a view gives."""
    setattr(view, _EMBEDDABLE, True)
    return view


def foreign_origin() -> str | None:
    """Return the origin of another site's page that makes the present request; ``None`` where none says so."""
    origin = request.headers.get("Origin")
    if origin is None or request.headers.get("Sec-Fetch-Site") == "same-origin":
        return None
    try:
        return None if urlsplit(origin).netloc == request.host else origin
    except ValueError:  # it is no address at all, which no browser sends
        return origin


def is_embedded() -> bool:
    """Return whether the present request is that of another site's page that may show live streams."""
    return "embedding_origin" in g


def allow_embedding(app: Flask, embedding: Embedding) -> None:
    """Let pages of the sites that were named read what is embeddable, and refuse it to those of all others."""

    @app.before_request
    def admit() -> Response | None:
        origin = foreign_origin()
        asked = request.headers.get("Access-Control-Request-Method") if request.method == "OPTIONS" else request.method
        if origin is None or asked != "GET" or not _is_embeddable():
            return None  # whoever checks other sites refuses what is to be refused
        if not embedding.may_embed(origin):
            refuse(HTTPStatus.FORBIDDEN, embedding.refusal(origin))
        g.embedding_origin = origin
        return _preflight() if request.method == "OPTIONS" else None

    @app.after_request
    def tell_browser(response: Response) -> Response:
        if embedding.is_offered and request.endpoint and _is_embeddable():
            response.vary.add("Origin")
        if is_embedded():
            response.headers["Access-Control-Allow-Origin"] = g.embedding_origin
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response


def _preflight() -> Response:
    response = Response(status=HTTPStatus.NO_CONTENT)
    response.headers["Access-Control-Allow-Methods"] = "GET"
    response.headers["Access-Control-Allow-Headers"] = "Authorization"
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_S)
    return response


def _is_embeddable() -> bool:
    if request.endpoint == "static":
        return str((request.view_args or {}).get("filename", "")).startswith(MODULES)
    return request.endpoint is not None and getattr(current_app.view_functions[request.endpoint], _EMBEDDABLE, False)
