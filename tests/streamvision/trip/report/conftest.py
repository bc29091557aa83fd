"""One Chromium for the module, without network."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from support.browser import launched

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(chromium):
    """Open a report offline; afterwards nothing may have gone wrong, and nothing but files may have been asked for."""

    @contextmanager
    def opening(path, *, width=1280, height=900, address="", asks="file:", **context):
        fresh = chromium.new_context(viewport={"width": width, "height": height}, offline=True, **context)
        page = fresh.new_page()
        page.set_default_timeout(PATIENCE_MS)
        wrong, asked = [], []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + address)
        yield page
        fresh.close()
        assert not wrong
        assert {url.split(":")[0] + ":" for url in asked} - {"data:", "blob:"} == {asks}, asked

    return opening
