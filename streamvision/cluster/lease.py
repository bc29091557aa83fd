"""How long a node may run its streams without word of the head: what nobody may run twice must end by itself.

Clocks of two machines cannot be compared, but an order of events can: each exchange says which answer the head had
received when it sent it, so it was sent after that answer. The node counts from the moment at which it gave that
answer, which lies before the exchange was sent, however long this was on its way; the head counts from the moment at
which it received the answer, which lies behind. So the node's time is always over before the head's (C. Gray and
D. Cheriton, "Leases", SOSP 1989; here without synchronised clocks).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 16
"""Answers whose times are known; the head has one exchange on its way at a time, and may repeat it."""


class Lease:
    """Of one node; any thread may ask.

    Args:
        duration_s: how long it holds.
        clock: monotonic seconds.
    """

    def __init__(self, duration_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._duration_s = duration_s
        self._clock = clock
        self._lock = threading.Lock()
        self._answered_at_s: OrderedDict[int, float] = OrderedDict()
        self._ends_at_s: float | None = None

    def answered(self, number: int) -> None:
        """Note that an answer is given now; call it before the answer leaves."""
        with self._lock:
            self._answered_at_s[number] = self._clock()
            while len(self._answered_at_s) > REMEMBERED:
                self._answered_at_s.popitem(last=False)

    def renew(self, heard: int) -> bool:
        """Renew it for an exchange that was sent after an answer was heard; return whether it holds.

        Args:
            heard: number of that answer; 0: none yet, which renews nothing.
        """
        with self._lock:
            answered_at_s = self._answered_at_s.get(heard)
            if answered_at_s is not None and self._holds():
                self._ends_at_s = max(self._ends_at_s or 0.0, answered_at_s + self._duration_s)
            return self._ends_at_s is not None and self._holds()

    @property
    def over(self) -> bool:
        """Whether it has been given and is over, which lasts."""
        with self._lock:
            return not self._holds()

    def _holds(self) -> bool:
        return self._ends_at_s is None or self._clock() < self._ends_at_s
