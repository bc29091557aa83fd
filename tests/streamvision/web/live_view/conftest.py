"""One browser a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser

from support.browser import launched
from support.module_page import ModulePage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def modules(browser: Browser) -> Iterator[ModulePage]:
    """Give a blank page that can import the page's modules."""
    page = ModulePage(browser)
    yield page
    page.page.close()
    assert not page.faults
