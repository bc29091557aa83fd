"""Memory that was let go of, given back to the operating system.

The C library keeps what a closed decoder freed, in pieces all over the heap of the thread that used it, and the next
decoder does not fit them exactly. With cameras that come and go, that was 12 MB of 180 after a hundred connections.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back_free_memory() -> None:
    """Give back what is free; some milliseconds, without Python's lock. Where the C library cannot (musl), nothing."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # Windows has no such handle
        return None
    return trim
