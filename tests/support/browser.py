"""A real Chromium for the browser tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched(*more_flags: str) -> Iterator[Browser]:
    """Run Chromium for the length of the block; the test is skipped where there is none.

    A fixture that does so ends with its module: Playwright takes no second browser in a process beside an open one.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more_flags])
        yield running
        running.close()


@contextmanager
def fresh_page(browser: Browser, *, patience_ms: int = 30_000, **context: Any) -> Iterator[Page]:
    """Give a page of a context of its own for the length of the block; no script of it may have failed at the end."""
    own = browser.new_context(**context)
    page = own.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(patience_ms)
    yield page
    own.close()
    assert not errors
