"""Blank pages that can import the page's modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser

from support.module_page import ModulePage


@pytest.fixture
def modules(browser: Browser) -> Iterator[ModulePage]:
    """Give a page of the test's own."""
    page = ModulePage(browser)
    yield page
    page.page.close()
    assert not page.faults


@pytest.fixture(scope="module")
def opened_pages() -> list[ModulePage]:
    return []


@pytest.fixture
def shared_modules(browser: Browser, opened_pages: list[ModulePage]) -> Iterator[ModulePage]:
    """Give the module's page, for tests that leave nothing behind in it; it is another one after one that died."""
    if not opened_pages or not opened_pages[-1].is_alive(browser):
        opened_pages.append(ModulePage(browser))
    yield opened_pages[-1]
    assert not opened_pages[-1].faults
