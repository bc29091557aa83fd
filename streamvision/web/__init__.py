"""The face of a running pipeline: pages, API, metrics, and pictures for any number of viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamvision.core.config.app import ServeConfig
from streamvision.core.live import LiveView

if TYPE_CHECKING:
    from streamvision.web.server import WebServer


def web_server(config: ServeConfig | None, view: LiveView) -> WebServer | None:
    """Return the server of the page, not yet started; ``None`` where none is wanted."""
    if config is None:
        return None
    from streamvision.web.server import WebServer  # Flask takes a fifth of the start, which other runs do without

    return WebServer(view, host=config.host, port=config.port)
