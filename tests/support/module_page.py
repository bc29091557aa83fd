"""A blank page that can import the modules of the web pages, in a browser that is given, without any server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Route

from support.browser import PATIENCE_MS

STATIC = Path(__file__).resolve().parents[2] / "streamvision" / "web" / "static"
_ORIGIN = "https://modules.test"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


class ModulePage:
    """One page; what goes wrong in it is collected.

    Args:
        browser: a running one.
        ratio: pixels of the screen in one of the page.
    """

    def __init__(self, browser: Browser, *, ratio: float = 1.0) -> None:
        self._browser = browser
        self._has_died = False
        self.page: Page = browser.new_page(viewport={"width": 1400, "height": 900}, device_scale_factor=ratio)
        self.page.set_default_timeout(PATIENCE_MS)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("crash", self._die)
        self.page.route(f"{_ORIGIN}/**", _answer)
        self.page.goto(f"{_ORIGIN}/")

    def is_alive(self, browser: Browser) -> bool:
        """Return whether it is a page of this browser that still answers."""
        return browser is self._browser and not self._has_died and not self.page.is_closed()

    def run(self, script: str, given: Any = None) -> Any:
        """Return what the body of an asynchronous function returns; ``given`` is what it is called with.

        ``await load("view/draw.js")`` imports a module.
        """
        load = f"const load = (name) => import('{_ORIGIN}/static/' + name);"
        return self.page.evaluate(f"async (given) => {{ {load} {script} }}", given)

    def pixels(self, script: str, given: Any, *, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the (h, w, 4) RGBA pixels of a canvas of this size after a script has drawn with ``pen`` on it."""
        levels = self.run(
            "const canvas = new OffscreenCanvas(given.width, given.height);"
            "const pen = canvas.getContext('2d');"
            f"await (async (given) => {{ {script} }})(given.given);"
            "const { data } = pen.getImageData(0, 0, given.width, given.height);"
            "let text = ''; for (let at = 0; at < data.length; at += 32768)"
            " text += String.fromCharCode(...data.subarray(at, at + 32768)); return btoa(text);",
            {"given": given, "width": width_px, "height": height_px},
        )
        return np.frombuffer(base64.b64decode(levels), np.uint8).reshape(height_px, width_px, 4)

    def _die(self, _: Page) -> None:
        self._has_died = True


def _answer(route: Route) -> None:
    path = route.request.url.removeprefix(f"{_ORIGIN}/").split("?")[0]
    if not path:
        route.fulfill(content_type="text/html", body="<!doctype html><title>modules</title><body></body>")
        return
    file = STATIC / path.removeprefix("static/")
    route.fulfill(content_type=_TYPES.get(file.suffix, "text/plain"), body=file.read_text("utf-8"))
