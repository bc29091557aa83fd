"""How long the interpreter's lock (GIL) is held: what limits a pipeline whose network is fast, however many cores.

A thread sleeps for about a millisecond at a time. When it wakes, it needs the lock. If the lock is free, the kernel
counts one voluntary context switch for the sleep; if another thread holds it, the probe blocks and further ones are
counted (getrusage(2), ``ru_nvcsw``). Each sleep is thus one yes-or-no sample of "somebody holds the lock". A sample
counts with the time since the one before, since waiting for the lock delays the next. The share of yes, times the time
a frame takes, is the time for which the lock is held for each frame.

The standard error of a share from n samples is at most ``0.5 / sqrt(n)``: about one percent in ten seconds. The probe
needs Linux and a Python that has the lock; elsewhere there is no figure.
"""

from __future__ import annotations

import random
import resource
import sys
import threading
import time
from types import TracebackType

MEAN_SLEEP_S = 0.001
"""Short enough for a thousand samples a second; taking the lock so often costs well below 1 % of a core."""
_THREAD: int | None = getattr(resource, "RUSAGE_THREAD", None)


class LockProbe:
    """Samples, from :meth:`__enter__` to :meth:`__exit__`, whether another thread holds the interpreter's lock."""

    def __init__(self) -> None:
        self._all_s = self._held_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lock-probe", daemon=True)

    @property
    def held_share(self) -> float | None:
        """Share of the time for which others held the lock, 0..1; ``None`` where that cannot be measured."""
        return self._held_s / self._all_s if self._all_s else None

    def __enter__(self) -> LockProbe:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        if _THREAD is None or sys.platform != "linux" or not getattr(sys, "_is_gil_enabled", lambda: True)():
            return
        chance, begin_s = random.Random(0), time.monotonic()
        while not self._stopping.is_set():
            sleep_s = chance.uniform(0.5, 1.5) * MEAN_SLEEP_S  # no rhythm that a pipeline's own could fall in with
            before = resource.getrusage(_THREAD).ru_nvcsw
            time.sleep(sleep_s)
            held = resource.getrusage(_THREAD).ru_nvcsw - before > 1
            now_s = time.monotonic()
            self._all_s += now_s - begin_s
            self._held_s += now_s - begin_s if held else 0.0
            begin_s = now_s
