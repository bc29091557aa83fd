"""A second try for tests that meet the machine (see machine_use.py), once and after a pause; others have none.

All that the first try used is cleared away, fixtures of modules and of the session, too, so that the second inherits
nothing, and it has the whole time limit. What passed only then is told at the end of the run, with the end of its first
failure, so that it gets mended; and where more than a few tests needed one, the run fails.

pytest-rerunfailures 16 would not do: it keeps the fixtures of a module that were set up without an error, which may be
what is broken, and a second try of it runs without the limit of pytest-timeout.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial

import pytest
from _pytest.runner import runtestprotocol

from support.machine_use import MachineUse

MOST_SECOND_TRIES = 10
"""In a run; where more tests need one, something is wrong with what is tested, or with the machine."""
AGAIN = "again"
"""The outcome of what failed and is tried again."""
_LAST_LINES = 12
_STAGE = pytest.StashKey[str]()


class SecondTries:
    """Tries failed tests again, in the process that runs them."""

    def __init__(self, use: MachineUse, pause_s: float) -> None:
        self._use = use
        self._pause_s = pause_s
        self._given = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run the test; by the same way, and so within the same limits, it is cleared away and tried again."""
        stage = item.stash.get(_STAGE, "first try")
        if stage == "second try":
            return None
        if stage == "clearing":
            clear_all = partial(item.session._setupstate.teardown_exact, None)
            pytest.CallInfo.from_call(clear_all, when="teardown", reraise=(pytest.exit.Exception, KeyboardInterrupt))
            return True
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._use.begin()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        again = any(report.failed for report in reports) and self._use.met(item) and self._given < MOST_SECOND_TRIES
        for report in reports:
            if again and report.failed:
                report.outcome = AGAIN  # type: ignore[assignment]
            if not again or report.outcome == AGAIN:
                hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if again:
            self._given += 1
            time.sleep(self._pause_s)
            _forget_instance(item)
            for stage in ("clearing", "second try"):
                item.stash[_STAGE] = stage
                hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        return True


class SecondTriesTold:
    """Tells of second tries, in the process that writes what came out."""

    def __init__(self) -> None:
        self._first_failures: dict[str, pytest.TestReport] = {}
        self._failed: set[str] = set()

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        return (AGAIN, "A", "AGAIN") if report.outcome == AGAIN else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == AGAIN:
            self._first_failures.setdefault(report.nodeid, report)
        elif report.failed:
            self._failed.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if len(self._first_failures) > MOST_SECOND_TRIES and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._lines():
            terminalreporter.write_line(line)

    def _lines(self) -> Iterator[str]:
        passed = [report for name, report in self._first_failures.items() if name not in self._failed]
        if passed:
            yield f"==== passed at the second try, to be mended: {len(passed)} ===="
        for report in passed:
            yield f"{report.nodeid}: at the first try its {report.when} failed after {report.duration:.0f} s:"
            yield from (f"    {line}" for line in report.longreprtext.splitlines()[-_LAST_LINES:])
        if (count := len(self._first_failures)) > MOST_SECOND_TRIES:
            yield f"{count} tests needed a second try, and at most {MOST_SECOND_TRIES} may: the run fails"


def add_option(parser: pytest.Parser) -> None:
    """Add the command line's ``--second-try-after``."""
    parser.addoption(
        "--second-try-after",
        metavar="SECONDS",
        default="5",
        help="pause before the second try of a test that meets the machine, or never (default: %(default)s)",
    )


def register(config: pytest.Config) -> None:
    """Let tests that meet the machine have a second try, unless the command line says never."""
    after: str = config.getoption("second_try_after")
    if after == "never":
        return
    worker = "PYTEST_XDIST_WORKER" in os.environ
    if not worker:
        config.pluginmanager.register(SecondTriesTold())
    if worker or not config.getoption("numprocesses", None):
        use = MachineUse()
        config.pluginmanager.register(use)
        config.pluginmanager.register(SecondTries(use, pause_s=float(after)))


def _forget_instance(item: pytest.Item) -> None:
    """Let a method have a new object of its class."""
    if getattr(item, "_instance", None) is not None:
        del item._instance  # type: ignore[attr-defined]
        item._obj = None  # type: ignore[attr-defined]
