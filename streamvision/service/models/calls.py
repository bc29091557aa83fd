"""Calls into a runtime that may take long, or never come back: whoever waits for one may give up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from streamvision.core.errors import ModelAwayError, ModelError

T = TypeVar("T")
POLL_S = 0.05
AWAY_PAUSE_S = 1.0
"""Pause before the server of a model is asked again that was away."""


class GivenUpError(Exception):
    """Nobody waits for a call any more."""


class _Call(Generic[T]):
    """One call, and what came of it."""

    def __init__(self, work: Callable[[], T], discard: Callable[[T], None]) -> None:
        self._work = work
        self._discard = discard
        self._lock = threading.Lock()
        self._is_given_up = False
        self._error: BaseException | None = None
        self._results: list[T] = []
        self.done = threading.Event()

    def run(self) -> None:
        try:
            result = self._work()
            with self._lock:
                is_late = self._is_given_up
                self._results.append(result)
            if is_late:
                self._discard(result)
        except BaseException as error:  # handed on to who waits
            self._error = error
        finally:
            self.done.set()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results.pop()

    def give_up(self) -> bool:
        """Let what comes too late be discarded; return whether it has not come already."""
        with self._lock:
            self._is_given_up = not self._results
            return self._is_given_up


class Caller:
    """Makes calls one after another in a thread of its own, since runtimes keep something for each thread that calls.

    The thread is left behind where a call never comes back. One thread waits at a time.

    Args:
        given_up: says whether nobody waits any more.
    """

    def __init__(self, given_up: Callable[[], bool]) -> None:
        self._given_up = given_up
        self._calls: queue.SimpleQueue[_Call[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=_work, args=(self._calls,), name="model-change-calls", daemon=True)
        self._thread.start()

    def call(
        self,
        work: Callable[[], T],
        *,
        timeout_s: float,
        what: str,
        discard: Callable[[T], None] = lambda result: None,
    ) -> T:
        """Return what a call gives.

        Args:
            work: the call.
            timeout_s: the longest wait for it.
            what: who is called, for the message.
            discard: called with a result that comes too late.

        Raises:
            ModelError: when it has not come back in time.
            GivenUpError: when nobody waits for it any more.
            BaseException: what it raises.
        """
        call = _Call(work, discard)
        self._calls.put(call)  # type: ignore[arg-type]
        deadline_s = time.monotonic() + timeout_s
        while not call.done.wait(POLL_S):
            is_late = time.monotonic() > deadline_s
            if (is_late or self._given_up()) and call.give_up():
                if is_late:
                    raise ModelError(f"{what} has not come back for {timeout_s:.0f} s")
                raise GivenUpError
        return call.result()

    def call_patiently(self, work: Callable[[], T], *, timeout_s: float, away_s: float, what: str) -> T:
        """Return what a call gives that may be made several times, since the model's server may be away for some time.

        Args:
            work: the call.
            timeout_s: the longest wait for it.
            away_s: how long the server may be away.
            what: who is called, for the message.

        Raises:
            ModelAwayError: when it is away for longer.
            ModelError, GivenUpError, BaseException: as :meth:`call` does.
        """
        deadline_s = time.monotonic() + away_s
        while True:
            try:
                return self.call(work, timeout_s=timeout_s, what=what)
            except ModelAwayError:
                if time.monotonic() > deadline_s:
                    raise
            again_at_s = time.monotonic() + AWAY_PAUSE_S
            while time.monotonic() < again_at_s:
                if self._given_up():
                    raise GivenUpError
                time.sleep(POLL_S)

    def close(self) -> None:
        """End the thread behind its present call."""
        self._calls.put(None)

    @property
    def ended(self) -> bool:
        """Whether the thread has ended: not while a call that was given up has not come back."""
        return not self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)


def _work(calls: queue.SimpleQueue[_Call[object] | None]) -> None:
    while (call := calls.get()) is not None:
        call.run()
        del call  # which holds what it has made
