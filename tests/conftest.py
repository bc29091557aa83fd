"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from support import second_try
from support.export_operations import list_operations_once
from support.postgres_server import PostgresServer, binaries, postgres_server
from support.real_time import left_real_time

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from support.browser import TestBrowser

# As the Makefile does: without compiled modules, each process that a test starts compiles for more than a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if "PYTEST_XDIST_WORKER" in os.environ:  # torch and NumPy read it when they are loaded; the cores are taken already
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("STREAMVISION_TUNE", "off")  # a second for each model, on cores that are taken already
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # that a machine is busy is no fault of what is tested
PROJECT_ROOT = Path(__file__).resolve().parent.parent


class FailuresAtOnce:
    """Writes each failure when it happens: what a run that is killed would have said at its end is lost."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.outcome == second_try.AGAIN:
            crash = getattr(report.longrepr, "reprcrash", None)
            cause = crash.message.splitlines()[0] if crash is not None and crash.message else report.longreprtext[-200:]
            failed = "failed" if report.failed else "failed at the first try"
            self._terminal.write_line(
                f"\n{report.nodeid}: {report.when} {failed} after {report.duration:.0f} s: {cause}"
            )


def pytest_addoption(parser: pytest.Parser) -> None:
    second_try.add_option(parser)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    second_try.register(config)
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(FailuresAtOnce(terminal))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Any:
    """Let no collection of garbage look through what is imported for all tests: that takes a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        list_operations_once()


@pytest.fixture(autouse=True)
def no_real_time() -> Iterator[None]:
    """A test that leaves its process real-time scheduling takes the cores from all tests beside and behind it."""
    yield
    assert not left_real_time(), "the process was left with real-time scheduling (see support/real_time.py)"


@pytest.fixture(scope="session")
def project_root() -> Path:
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def reference_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exports by other libraries and packages from npm stay between runs, if pytest keeps a cache at all."""
    cache = getattr(request.config, "cache", None)
    return cache.mkdir("reference") if cache is not None else tmp_path_factory.mktemp("reference")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real videos, models and pictures; tests that need them are skipped where they are absent."""
    folder = Path(os.environ.get("STREAMVISION_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not (folder / "videos").is_dir():
        pytest.skip(f"no test data at {folder}: set STREAMVISION_DATA to the folder that holds videos/ and models/")
    return folder.resolve()


@pytest.fixture(scope="session")
def trip_cards(reference_dir: Path) -> dict[str, Path]:
    """A card of each maker with three clips of one drive, made once; never write there (see support/trip_cards.py)."""
    from support.trip_cards import trip_cards

    return trip_cards(reference_dir)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that need one are skipped where it is not installed."""
    if binaries() is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database may be opened: a folder, or the address of a database on a real server."""
    if request.param == "sqlite":
        return str(tmp_path / "state")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture(scope="module")
def browser_flags() -> tuple[str, ...]:
    """Further flags of Chromium, for modules that need some."""
    return ()


@pytest.fixture(scope="module")
def kept_browser(browser_flags: tuple[str, ...]) -> Iterator[TestBrowser]:
    """One Chromium for the tests of a module."""
    pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    from support.browser import TestBrowser

    with TestBrowser(*browser_flags) as kept:
        yield kept


@pytest.fixture
def browser(kept_browser: TestBrowser) -> Iterator[Browser]:
    """The module's Chromium; a test that it dies in, or that waits for ever, costs no other test anything."""
    from support.browser import TEST_WITHIN_S

    with kept_browser.within(TEST_WITHIN_S):
        yield kept_browser.lent()
