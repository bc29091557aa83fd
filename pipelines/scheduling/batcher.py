"""Batching: the newest frames of several streams become one call into the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pipelines.scheduling.collection_window import CollectionWindow

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

IDLE_WAIT_S = 0.1
"""Longest sleep without a look at the streams, so that the end of a stream is noticed though nothing woke us."""


class FrameSupply(Protocol[T_co]):
    """One stream, as the batcher sees it."""

    def ready(self) -> bool:
        """Say whether a frame waits and the stages behind the network have room for it."""

    def take(self) -> T_co | None:
        """Hand over that frame; ``None`` when it is gone after all."""

    def active(self) -> bool:
        """Say whether more frames may come soon, so that waiting for one makes sense."""


class Batcher(Generic[T]):
    """Collects at most one frame of each stream, fairly, waiting no longer than the window allows.

    Several threads may collect; one waits for frames at a time and the others for their turn, so that each stream's
    frames are taken in order.

    A stream whose later stages are busy is passed over: its frame stays where the stream's own policy rules (a newer
    one replaces it, or the file waits), so a slow stream holds up no other.
    """

    def __init__(self, *, max_batch: int, window: CollectionWindow) -> None:
        self._supplies: list[FrameSupply[T]] = []
        self._collecting = threading.Lock()
        self._max_batch = max_batch
        self._window = window
        self._wake = threading.Event()
        self._first = 0

    def add(self, supply: FrameSupply[T]) -> None:
        """Take frames from this stream too."""
        self._supplies.append(supply)

    def notify(self) -> None:
        """Wake the collector: a frame has come, or a later stage has room again."""
        self._wake.set()

    def collect(self, *, stopped: Callable[[], bool]) -> list[T]:
        """Return the next batch; empty when nothing came within a short while or ``stopped()`` is true."""
        if not self._collecting.acquire(timeout=IDLE_WAIT_S):
            return []
        try:
            return self._collect(stopped)
        finally:
            self._collecting.release()

    def _collect(self, stopped: Callable[[], bool]) -> list[T]:
        ready = self._wait_until(lambda found: len(found) > 0, time.monotonic() + IDLE_WAIT_S, stopped)
        if ready and self._window.seconds > 0 and len(ready) < self._max_batch:
            awaited = sum(supply.active() for supply in self._supplies)
            target = min(self._max_batch, awaited)
            ready = self._wait_until(
                lambda found: len(found) >= target, time.monotonic() + self._window.seconds, stopped
            )
        frames = [frame for supply in ready[: self._max_batch] if (frame := supply.take()) is not None]
        if ready:
            last = self._supplies.index(ready[min(len(ready), self._max_batch) - 1])
            self._first = (last + 1) % len(self._supplies)
        return frames

    def _wait_until(
        self, enough: Callable[[list[FrameSupply[T]]], bool], deadline_s: float, stopped: Callable[[], bool]
    ) -> list[FrameSupply[T]]:
        while True:
            self._wake.clear()
            in_turn = self._supplies[self._first :] + self._supplies[: self._first]
            ready = [supply for supply in in_turn if supply.ready()]
            left_s = deadline_s - time.monotonic()
            if enough(ready) or left_s <= 0 or stopped():
                return ready
            self._wake.wait(left_s)
