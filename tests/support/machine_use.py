"""Which tests meet the machine: start processes or threads, or use sockets.

How these come out depends on what else runs there, which is no property of the code. What a test starts begins in the
main thread, so only that one is watched: threads of servers that go on beside a test say nothing of it.
"""

from __future__ import annotations

import multiprocessing.process
import sys
import threading
from typing import Any

import pytest

EVENTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "socket.bind", "socket.connect", "subprocess.Popen"})
"""Audit events of Python (docs.python.org/3/library/audit_events.html)."""
MARKS = ("browser", "gstreamer")
"""Tests whose processes and threads other libraries start, unseen by Python."""


class MachineUse:
    """Tells of each test whether it, or a fixture that it uses, met the machine."""

    def __init__(self) -> None:
        self._count = 0
        self._before = 0
        self._fixtures: set[tuple[str, str]] = set()
        """Those that met it: the node for which each was made, and its name."""
        main_ident = threading.main_thread().ident

        def note(event: str, _arguments: Any) -> None:
            if event in EVENTS and threading.get_ident() == main_ident:
                self._count += 1

        sys.addaudithook(note)
        for started in (threading.Thread, multiprocessing.process.BaseProcess):  # of these Python tells nothing
            _announce_start(started, lambda: note("subprocess.Popen", ()))

    def begin(self) -> None:
        """Begin a test."""
        self._before = self._count

    def met(self, item: pytest.Item) -> bool:
        """Return whether the test that began last met the machine."""
        if self._count > self._before or any(item.get_closest_marker(mark) for mark in MARKS):
            return True
        nodes = {node.nodeid for node in item.listchain()}
        return any(name in item.fixturenames and node in nodes for node, name in self._fixtures)  # type: ignore[attr-defined]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Any:
        before = self._count
        try:
            return (yield)
        finally:
            if self._count > before:
                self._fixtures.add((request.node.nodeid, fixturedef.argname))


def _announce_start(kind: Any, announce: Any) -> None:
    start = kind.start

    def announced(self: Any) -> None:
        announce()
        start(self)

    kind.start = announced
