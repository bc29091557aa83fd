"""Few threads at a time do what takes Python's lock many times."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from streamvision.inference.backends.cores import usable_cores

LONGEST_S = 1.0
"""Longest wait for the others; who computes for longer holds nobody up for ever."""


class Turns:
    """Held while a stream's stages or its drawing run, and not while they wait, encode or write.

    These are many short calls, each of which gives Python's lock away and takes it back. With several streams at it,
    the lock changes threads, and cores, in the middle of their work: measured on two cores, eight streams of a fast
    network made 142 frames a second at 8.6 ms of processor time each with two turns, and 163 at 7.8 ms with one. The
    other cores decode, encode and run the network meanwhile; half as many turns as cores leave room for large pictures
    and masks, which are drawn without the lock.
    """

    def __init__(self) -> None:
        self._free = threading.Semaphore(max(usable_cores() // 2, 1))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn for the length of the block."""
        is_held = self._free.acquire(timeout=LONGEST_S)
        try:
            yield
        finally:
            if is_held:
                self._free.release()
