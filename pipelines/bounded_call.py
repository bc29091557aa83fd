"""A bound on work of a library that cannot be stopped: it is done in a thread of its own, which may be left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

POLL_S = 0.25


def fault_within(timeout_s: float, work: Callable[[], None], *, given_up: threading.Event) -> str | None:
    """Do something, and return why it failed or was not done in time; ``None`` where it was done.

    Args:
        timeout_s: the longest wait.
        work: what is to be done.
        given_up: set where nobody wants it any more.
    """
    faults: list[str] = []

    def attempt() -> None:
        try:
            work()
        except Exception as error:
            faults.append(str(error) or repr(error))

    thread = threading.Thread(target=attempt, name="inference-reopening", daemon=True)
    thread.start()
    deadline_s = time.monotonic() + timeout_s
    while thread.is_alive() and not given_up.is_set() and time.monotonic() < deadline_s:
        thread.join(POLL_S)
    if thread.is_alive():
        return f"it did not open within {timeout_s:.0f} s"
    return faults[0] if faults else None
