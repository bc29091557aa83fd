"""Where the capture thread leaves frames and the pipeline takes them: two stated policies behind one interface.

Live sources keep only the newest frame, so that decode never waits on inference and what is taken is never old. Files
wait, so that every frame counts. Each slot tells its consumer through ``on_ready``, so that one thread can wait for
many streams.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from streamvision.core.frame import Frame
from streamvision.core.telemetry import DropCounter

QUEUE_FRAMES = 4
"""Enough to hide the unevenness of decoding; more would only hold memory."""
STOP_POLL_S = 0.1


class FrameBuffer(Protocol):
    """One producer, one consumer."""

    def put(self, frame: Frame, stop: threading.Event) -> bool:
        """Leave a frame; return whether it was accepted. It is not once the slot is closed or ``stop`` is set."""

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame, waiting for it up to ``timeout_s``; ``None`` if none came."""

    def has_frame(self) -> bool:
        """Say whether :meth:`take` would return at once with a frame."""

    def close(self) -> None:
        """Let go of every frame, accept no more and wake whoever waits; frames lost count as ``stopped``."""


class _Buffer:
    """What both policies share: a bounded row of frames under one condition."""

    def __init__(self, *, drops: DropCounter, on_ready: Callable[[], None]) -> None:
        self._drops = drops
        self._on_ready = on_ready
        self._changed = threading.Condition()
        self._frames: deque[Frame] = deque()
        self._closed = False

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame, waiting for it up to ``timeout_s``; ``None`` if none came."""
        with self._changed:
            if not self._frames and timeout_s > 0:
                self._changed.wait_for(lambda: self._frames or self._closed, timeout_s)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._changed.notify_all()
            return frame

    def has_frame(self) -> bool:
        """Say whether :meth:`take` would return at once with a frame."""
        return bool(self._frames)

    def close(self) -> None:
        """Let go of every frame, accept no more and wake whoever waits; frames lost count as ``stopped``."""
        with self._changed:
            self._closed = True
            if self._frames:
                self._drops.add("stopped", len(self._frames))
            self._frames.clear()
            self._changed.notify_all()

    def _leave(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._changed.notify_all()


class NewestFrameBuffer(_Buffer):
    """For live sources: holds one frame; a newer one replaces it, which counts as the drop ``newer_frame``."""

    def put(self, frame: Frame, stop: threading.Event) -> bool:
        """Leave a frame without ever waiting."""
        with self._changed:
            if self._closed or stop.is_set():
                return False
            if self._frames:
                self._frames.clear()
                self._drops.add("newer_frame")
            self._leave(frame)
        self._on_ready()
        return True


class FrameQueue(_Buffer):
    """For files: holds a few frames in order; the producer waits for room."""

    def __init__(self, *, drops: DropCounter, on_ready: Callable[[], None], capacity: int = QUEUE_FRAMES) -> None:
        super().__init__(drops=drops, on_ready=on_ready)
        self._capacity = capacity

    def put(self, frame: Frame, stop: threading.Event) -> bool:
        """Leave a frame, waiting for room until the slot is closed or ``stop`` is set."""
        with self._changed:
            while len(self._frames) >= self._capacity and not self._closed and not stop.is_set():
                self._changed.wait(STOP_POLL_S)
            if self._closed or stop.is_set():
                return False
            self._leave(frame)
        self._on_ready()
        return True
