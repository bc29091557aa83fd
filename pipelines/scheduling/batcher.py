"""Batching: the newest frames of several streams become one call into the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, Queue
from typing import Generic, Protocol, TypeVar

from pipelines.scheduling.collection_window import CollectionWindow

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

IDLE_WAIT_S = 0.1
"""Longest sleep without a look at the streams, so that the end of a stream is noticed though nothing woke us."""


class FrameSupply(Protocol[T_co]):
    """One stream, as the batcher sees it."""

    def ready(self) -> bool:
        """Say whether a frame waits and the stages behind the network can take it."""

    def take(self) -> T_co | None:
        """Hand over that frame; ``None`` when it is gone after all. Any thread may ask."""

    def active(self) -> bool:
        """Say whether more frames may come soon, so that waiting for one makes sense."""


class Batcher(Generic[T]):
    """Collects at most one frame of each stream, fairly, waiting no longer than the window allows.

    A stream that becomes ready queues once; streams are served in the order in which they queued. Several threads may
    collect. A stream whose later stages are busy does not queue: its frame stays where the stream's own policy rules
    (a newer one replaces it, or the file waits), so a slow stream holds up no other.
    """

    def __init__(self, *, max_batch: int, window: CollectionWindow) -> None:
        self._changing = threading.Lock()
        self._supplies: tuple[FrameSupply[T], ...] = ()  # replaced, never changed: other threads go through it
        self._collecting = threading.Lock()
        self.max_batch = max_batch
        """Most frames of a batch."""
        self._window = window
        # Not a SimpleQueue: where its get() comes back to an empty queue after the deadline, it waits for ever.
        self._queue: Queue[FrameSupply[T] | None] = Queue()
        self._queued: set[FrameSupply[T]] = set()

    def add(self, supply: FrameSupply[T]) -> None:
        """Take frames from this stream too."""
        with self._changing:
            self._supplies = (*self._supplies, supply)
        self.notify(supply)

    def remove(self, supply: FrameSupply[T]) -> None:
        """Take no more frames from this stream, once it is not ready any more."""
        with self._changing:
            self._supplies = tuple(one for one in self._supplies if one is not supply)

    def notify(self, supply: FrameSupply[T]) -> None:
        """Tell that a frame has come, or that a later stage can take one again."""
        # A stream leaves the set before it is asked whether it is ready, so whatever makes it ready is never missed.
        if supply not in self._queued and supply.ready():
            self._queued.add(supply)
            self._queue.put(supply)

    def wake(self) -> None:
        """Let whoever waits look at ``stopped`` and at the ends of streams."""
        self._queue.put(None)

    def collect(self, *, stopped: Callable[[], bool]) -> list[T]:
        """Return the next batch; empty when nothing came within a short while or ``stopped()`` is true."""
        if self.max_batch == 1:
            return self._collect(stopped)
        if not self._collecting.acquire(timeout=IDLE_WAIT_S):
            return []
        try:
            return self._collect(stopped)
        finally:
            self._collecting.release()

    def _collect(self, stopped: Callable[[], bool]) -> list[T]:
        frames: list[T] = []
        served: list[FrameSupply[T]] = []
        deadline_s = time.monotonic() + IDLE_WAIT_S
        while len(frames) < self.max_batch and not stopped():
            taken = self._next(deadline_s)
            if taken is None:
                break
            served.append(taken[0])
            frames.append(taken[1])
            if len(served) == 1 and self.max_batch > 1:
                deadline_s = time.monotonic() + self._window.seconds
            if (
                self.max_batch > 1
                and self._window.seconds > 0
                and len(frames) >= sum(supply.active() for supply in self._supplies)
            ):
                deadline_s = 0.0  # all that may come soon is here; what has queued meanwhile goes along
        for supply in served:  # only now, so that each stream has one frame in the batch
            self.notify(supply)
        return frames

    def _next(self, deadline_s: float) -> tuple[FrameSupply[T], T] | None:
        """Return the stream that queued first with its frame; ``None`` where none does until the deadline."""
        while True:
            left_s = deadline_s - time.monotonic()
            try:
                supply = self._queue.get(timeout=left_s) if left_s > 0 else self._queue.get_nowait()
            except Empty:
                return None
            if supply is None:
                return None
            self._queued.discard(supply)
            if supply.ready() and (frame := supply.take()) is not None:
                return supply, frame
