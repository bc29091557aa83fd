"""Work in the background: it goes on behind faults, is called for the last time at the end, and hides no secrets."""

from __future__ import annotations

import threading
import time

import pytest

from streamvision.core.errors import StateError
from streamvision.service.periodic_task import PeriodicTask

HOUR_S = 3600.0
ENOUGH_S = 30.0


class _Work:
    """Counts its calls; fails as often as it is told."""

    def __init__(self, *faults: Exception, wait_s: float = HOUR_S) -> None:
        self.calls: list[bool] = []
        self._faults = list(faults)
        self._wait_s = wait_s
        self._called = threading.Condition()

    def __call__(self, is_last: bool) -> float:
        with self._called:
            self.calls.append(is_last)
            self._called.notify_all()
        if self._faults:
            raise self._faults.pop(0)
        return self._wait_s

    def wait_for(self, calls: int) -> None:
        with self._called:
            assert self._called.wait_for(lambda: len(self.calls) >= calls, ENOUGH_S), self.calls


def test_it_is_called_at_once_when_it_is_woken_and_for_the_last_time_at_the_end() -> None:
    work = _Work()
    task = PeriodicTask(work, name="test")
    task.start()
    work.wait_for(1)
    while len(work.calls) < 2:  # a wake that comes while the work goes on may count for that call
        task.wake()
        time.sleep(0.01)
    task.stop(ENOUGH_S)
    assert work.calls[-1] is True
    assert not any(work.calls[:-1])


def test_an_end_is_never_missed_however_close_to_a_call_it_comes() -> None:
    """The end was lost where it came between the look for it and the wait; the last call never was then."""
    for _ in range(50):
        work = _Work()
        task = PeriodicTask(work, name="test")
        task.start()
        task.stop(ENOUGH_S)
        assert work.calls[-1] is True


def test_what_fails_is_tried_again_and_its_fault_is_told_until_it_works() -> None:
    work = _Work(StateError("redis://user:secret@host is away"), wait_s=0.01)
    task = PeriodicTask(work, name="test", first_retry_s=HOUR_S, longest_retry_s=HOUR_S)
    task.start()
    work.wait_for(1)
    deadline_s = time.monotonic() + ENOUGH_S
    while task.fault is None and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert task.fault is not None
    assert "secret" not in task.fault
    task.wake()  # what comes in does not hurry a database that is away
    assert len(work.calls) == 1
    task.stop(ENOUGH_S)
    assert work.calls == [False, True]
    assert task.fault is None


def test_a_fault_of_the_code_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    work = _Work(ZeroDivisionError("by zero"), wait_s=HOUR_S)
    task = PeriodicTask(work, name="test", first_retry_s=0.01)
    task.start()
    work.wait_for(2)
    task.stop(ENOUGH_S)
    assert "test failed unexpectedly" in caplog.text
    assert task.fault is None


def test_one_that_was_never_begun_can_be_stopped() -> None:
    work = _Work()
    PeriodicTask(work, name="test").stop(ENOUGH_S)
    assert not work.calls
