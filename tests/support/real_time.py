"""Real-time scheduling, which a library may give to the whole process: SVT-AV1 does, where root encodes with it.

Such a process, and all that it starts, takes every core from what runs beside it, other test processes included.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def left_real_time() -> bool:
    """Give all threads of this process the usual scheduling; return whether the calling one had another."""
    if not hasattr(os, "sched_getscheduler"):  # only Linux tells
        return False
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        return False
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended
            os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
    return True


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """Let nothing of the block's real-time scheduling outlast it."""
    try:
        yield
    finally:
        left_real_time()
