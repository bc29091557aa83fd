"""Whose tiles may lie under the map: off, unless asked for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from streamvision.core.errors import ConfigError

_PLACES = ("{z}", "{x}", "{y}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_URL = re.compile(r"[!-~]+")


def tile_origin(template: str) -> str:
    """Return the scheme and host that a template of tiles asks, for the page's Content-Security-Policy.

    Raises:
        ConfigError: when it is none.
    """
    try:
        parts = urlsplit(template)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not _HOST.fullmatch(parts.netloc)
        or not _URL.fullmatch(template)
        or any(template.count(place) != 1 for place in _PLACES)
    ):
        raise ConfigError(
            f"the map's tiles {template!r} must be an http(s) address with {{z}}, {{x}} and {{y}} once each after the "
            "host, such as https://tile.example.org/{z}/{x}/{y}.png"
        )
    return f"{parts.scheme}://{parts.netloc}"
