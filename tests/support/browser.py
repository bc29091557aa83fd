"""A real Chromium for the browser tests, whose waits all have bounds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

from support.chromium import CHROMIUM

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 90_000
"""How long a page may take to come to what is waited for; a busy machine takes twenty times as long as an idle one."""
TEST_WITHIN_S = 200.0
"""After so long a test's browser is ended, before pytest ends the test: calls such as ``evaluate`` have no timeout."""
expect.set_options(timeout=PATIENCE_MS)


class TestBrowser:
    """One Chromium for many tests: it begins anew for the test after one in which it died.

    A fixture that keeps it ends with its module: Playwright takes no second browser in a process beside an open one.
    """

    __test__ = False

    def __init__(self, *more_flags: str) -> None:
        self._flags = [*FLAGS, *more_flags]
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._pids: list[int] = []
        """Of Chromium and of Playwright's driver, which has started it."""

    def __enter__(self) -> TestBrowser:
        if CHROMIUM is None:
            pytest.skip("no Chromium on this machine: install the package chromium")
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.within(TEST_WITHIN_S):
            self._stop()

    def lent(self) -> Browser:
        """Return a browser that is alive."""
        if not all(map(_runs, self._pids)) or self._browser is None or not self._browser.is_connected():
            self._stop()
            self._start()
        assert self._browser is not None
        return self._browser

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the browser where the block takes longer; whatever waits for it then fails."""
        ended = threading.Event()

        def end() -> None:
            ended.set()
            self._kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        assert not ended.is_set(), f"the browser was ended, since the test took more than {seconds:.0f} s"

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=CHROMIUM, args=self._flags, timeout=PATIENCE_MS
        )
        session = self._browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        [pid] = [one["id"] for one in processes if one["type"] == "browser"]
        self._pids = [pid, int(_state(pid)[1])]

    def _stop(self) -> None:
        browser, playwright = self._browser, self._playwright
        self._browser = self._playwright = None
        with suppress(Error):  # it has died
            if browser is not None:
                browser.close()
        if playwright is not None:
            playwright.stop()
        self._pids = []

    def _kill(self) -> None:
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _state(pid: int) -> list[str]:
    """Return what stands behind a process's name in its ``stat`` (proc(5)): its state, its parent, and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _runs(pid: int) -> bool:
    try:
        return _state(pid)[0] not in "ZX"
    except OSError:
        return False


@contextmanager
def fresh_page(browser: Browser, *, patience_ms: int = PATIENCE_MS, **context: Any) -> Iterator[Page]:
    """Give a page of a context of its own for the length of the block; no script of it may have failed at the end."""
    own = browser.new_context(**context)
    page = own.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(patience_ms)
    try:
        yield page
    finally:  # a page with live video goes on taking time from the next test
        with suppress(Error):  # the browser has died
            own.close()
    assert not errors
