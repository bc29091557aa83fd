"""The face of a running pipeline: pages, API, metrics, and pictures for any number of viewers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from streamvision.core.config.serve import ServeConfig
from streamvision.core.live import LiveView
from streamvision.web.listener import listening

__all__ = ["listening", "web_server"]

if TYPE_CHECKING:
    from streamvision.web.certificate import Certificate
    from streamvision.web.login import Login
    from streamvision.web.server import WebServer


def web_server(
    config: ServeConfig | None,
    view: LiveView,
    *,
    listener: socket.socket | None = None,
    login: Login | None = None,
    certificate: Certificate | None = None,
) -> WebServer | None:
    """Return the server of the page, not yet started; ``None`` where none is wanted.

    Args:
        config: where it is to be.
        view: what it shows.
        listener: a socket that listens there already, from :func:`listening`.
        login: how people sign in; ``None``: nobody does.
        certificate: what HTTPS is begun with; ``None``: HTTP.
    """
    if config is None:
        return None
    from streamvision.web.server import WebServer  # Flask takes a fifth of the start, which other runs do without

    return WebServer(
        view,
        host=config.host,
        port=config.port,
        host_names=(config.host, *config.host_names),
        ready_age_s=config.ready_age_s,
        listener=listener,
        login=login,
        proxy=config.proxy,
        certificate=certificate,
        embed_origins=config.embed_origins,
    )
