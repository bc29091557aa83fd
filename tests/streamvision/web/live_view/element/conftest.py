"""A server that lets pages of one site in, and that site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.live_feed import LiveFeed, published_after

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page

from streamvision.core.config.serve import ServeConfig
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.accounts import People, people
from support.browser import fresh_page
from support.embedding_site import EmbeddingSite, embedding_site
from support.view_elements import PLAIN


@pytest.fixture(scope="module")
def browser_flags() -> tuple[str, ...]:
    return (f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1",)


@pytest.fixture(scope="module")
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard", fps=10) as running:
        assert published_after(running["gate"].channel, 0)
        yield running


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def site() -> Iterator[EmbeddingSite]:
    with embedding_site() as running:
        yield running


@pytest.fixture(scope="module")
def server(feed: LiveFeed, known: People, site: EmbeddingSite) -> Iterator[WebServer]:
    """A server that lets pages of the site in under both its names: one is another site, one only another origin."""
    origins = (site.origin(), site.origin("127.0.0.1"))
    running = WebServer(feed.view, port=0, login=Login(known.accounts, ServeConfig()), embed_origins=origins)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 900, "height": 700}) as fresh:
        yield fresh
