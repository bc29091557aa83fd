"""The bounded hand-over between threads, with a stated policy for what happens when it is full.

>>> frames = Channel[str](policy=Policy.LATEST, capacity=1)
>>> frames.put("old"), frames.put("new")
(True, True)
>>> frames.get(0), frames.get(0)
('new', None)
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from streamvision.core.telemetry import DropCounter

T = TypeVar("T")

POLL_S = 0.1
"""How often a producer that waits for room asks whether it is to give up."""


class Policy(Enum):
    """What a full channel does with one more item."""

    LATEST = "latest"
    """The oldest item makes room: what is taken is never old."""
    BLOCK = "block"
    """The producer waits for room: nothing is lost. It is woken at half, so that threads change less often."""
    DROP_NEWEST = "drop_newest"
    """The new item is refused."""


class Channel(Generic[T]):
    """Items from any number of producers to any number of consumers, in order.

    Args:
        policy: what happens to an item for which there is no room.
        capacity: most items that wait.
        drops: where lost items are counted.
        cause: the cause under which items are counted that the policy loses.
        on_put: called after each item that was accepted, from the producer's thread and without the channel's lock.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        capacity: int = 1,
        drops: DropCounter | None = None,
        cause: str = "dropped",
        on_put: Callable[[], None] | None = None,
    ) -> None:
        self._policy = policy
        self._capacity = capacity
        self._drops = drops
        self._cause = cause
        self._on_put = on_put
        self._items: deque[T] = deque()
        lock = threading.Lock()
        self._lock = lock
        self._not_empty = threading.Condition(lock)
        self._not_full = threading.Condition(lock)
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing is accepted any more."""
        return self._closed

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    def put(self, item: T, *, timeout_s: float | None = None, give_up: Callable[[], bool] | None = None) -> bool:
        """Hand over an item; return whether it was accepted. After :meth:`close` none is.

        Args:
            item: what is handed over.
            timeout_s: under ``BLOCK``, the longest wait for room; ``None`` for no limit but ``give_up``.
            give_up: under ``BLOCK``, asked while waiting for room whether to wait no longer.
        """
        with self._lock:
            full = len(self._items) >= self._capacity
            if self._closed or (full and not self._make_room(timeout_s, give_up)) or self._closed:
                return False
            self._items.append(item)
            self._not_empty.notify()
        if self._on_put is not None:
            self._on_put()
        return True

    def get(self, timeout_s: float) -> T | None:
        """Return the next item, waiting for it up to ``timeout_s``; ``None`` if none came, or none will."""
        with self._lock:
            if not self._items and timeout_s > 0 and not self._closed:
                self._not_empty.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            if self._policy is Policy.BLOCK and len(self._items) <= self._capacity // 2:
                self._not_full.notify()
            return item

    def close(self, *, discard: bool = False, cause: str = "stopped") -> None:
        """Accept nothing more and wake whoever waits; what waits can still be taken unless it is discarded.

        Args:
            discard: let go of what waits; it is counted as lost.
            cause: the cause of that loss.
        """
        with self._lock:
            self._closed = True
            if discard and self._items:
                if self._drops is not None:
                    self._drops.add(cause, len(self._items))
                self._items.clear()
            self._not_empty.notify_all()
            self._not_full.notify_all()

    def _make_room(self, timeout_s: float | None, give_up: Callable[[], bool] | None) -> bool:
        """Apply the policy to a full channel; return whether there is room now. Called with the lock held."""
        if self._policy is Policy.BLOCK:
            return self._wait_for_room(timeout_s, give_up)
        if self._drops is not None:
            self._drops.add(self._cause)
        if self._policy is Policy.DROP_NEWEST:
            return False
        self._items.popleft()
        return True

    def _wait_for_room(self, timeout_s: float | None, give_up: Callable[[], bool] | None) -> bool:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while len(self._items) >= self._capacity and not self._closed:
            left_s = POLL_S if deadline_s is None else min(POLL_S, deadline_s - time.monotonic())
            if left_s <= 0 or (give_up is not None and give_up()):
                return False
            self._not_full.wait(left_s)
        return True
