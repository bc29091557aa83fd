"""Opens a report in Chromium and sees to it that it needs nothing else and complains of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def opened_report(path: Path) -> Iterator[Any]:
    """Give the page of a report; afterwards, nothing may have gone wrong in it."""
    pytest.importorskip("playwright", reason="the browser tests need playwright")
    from support.browser import PATIENCE_MS, TEST_WITHIN_S, TestBrowser

    with TestBrowser() as kept, kept.within(TEST_WITHIN_S):
        page = kept.lent().new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        wrong: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        yield page
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "a phone scrolls sideways"
    assert not wrong
    assert [url[:5] for url in asked if not url.startswith("data:")] == ["file:"], "nothing but the file itself"
