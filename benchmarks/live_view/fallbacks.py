"""Where the best way does not go: what the page shows then, with which boxes, and what it says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.live_view.boxes import box_figures
from benchmarks.live_view.setting import HOST, Setting, browsing, reader_of, served, watched, way_of
from support.nginx import proxied

CASES = ("best", "HEVC camera", "MJPEG camera", "no secure context", "no WebSocket", "neither")


def measure_fallbacks(setting: Setting) -> dict[str, Any]:
    """Return, by case, the pictures shown in some seconds, their boxes, and the page's own words."""
    films = {"HEVC camera": "hevc.mp4", "MJPEG camera": "mjpeg.mkv"}
    found = {}
    with browsing() as browser:
        for case in CASES:
            with (
                setting.camera(films.get(case, "h264.mp4")) as camera,
                _page_at(setting, case, camera.server.url) as url,
            ):
                found[case] = _seen(setting, browser, url)
    return found


@contextmanager
def _page_at(setting: Setting, case: str, source: str) -> Iterator[str]:
    with ExitStack() as stack:
        server = stack.enter_context(served(setting, {"camera": source}))
        url = server.url
        if case in ("no WebSocket", "neither"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(proxied(server.port, folder))  # as most are set up: it passes no Upgrade on
        if case in ("no secure context", "neither"):
            url = url.replace("127.0.0.1", HOST)
        yield url


def _seen(setting: Setting, browser: Browser, url: str) -> dict[str, Any]:
    with watched(browser, url) as page:
        shown = reader_of(page).during(setting.seconds)
        return {"way": way_of(page), "fps": round(len(shown) / setting.seconds, 1), **box_figures(shown)}
