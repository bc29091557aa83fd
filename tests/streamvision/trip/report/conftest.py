"""Reports in Chromium, without network."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from support.browser import fresh_page


@pytest.fixture
def opened(browser):
    """Open a report offline; afterwards nothing may have gone wrong, and nothing but files may have been asked for."""

    @contextmanager
    def opening(path, *, width=1280, height=900, address="", asks="file:", **context):
        wrong, asked = [], []
        with fresh_page(browser, viewport={"width": width, "height": height}, offline=True, **context) as page:
            page.on("console", lambda message: wrong.append(message.text))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path.as_uri() + address)
            yield page
        assert not wrong
        assert {url.split(":")[0] + ":" for url in asked} - {"data:", "blob:"} == {asks}, asked

    return opening
