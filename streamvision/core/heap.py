"""Memory that was let go of, given back to the operating system.

The C library keeps what a closed decoder freed, in pieces all over the heap of the thread that used it, and the next
decoder does not fit them exactly. With cameras that come and go, that was 12 MB of 180 after a hundred connections.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any

ARENAS = 2
"""Heaps among which the C library divides a long-lived process's threads. It would take up to eight for each core, and
room that is free in one of them serves no thread of another."""
M_ARENA_MAX = -8
"""Number of that setting in glibc's ``malloc.h``."""
_SET_BY_USER = ("MALLOC_ARENA_MAX", "MALLOC_ARENA_TEST")
_TUNABLE = "glibc.malloc.arena_"


def limit_arenas() -> bool:
    """Let threads share :data:`ARENAS` heaps from now on; return whether that was done.

    Nothing is done where the environment says otherwise, or the C library is not glibc. Call it before threads begin:
    heaps that there are stay in use.
    """
    if any(os.environ.get(name) for name in _SET_BY_USER) or _TUNABLE in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    library = _library()
    if library is None or not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(M_ARENA_MAX, ARENAS))


def give_back_free_memory() -> None:
    """Give back what is free; some milliseconds, without Python's lock. Where the C library cannot (musl), nothing."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    trim: Callable[[int], int] | None = getattr(_library(), "malloc_trim", None)
    return trim


def _library() -> Any:
    """Return the C library of this process; ``None`` where there is no such handle, as on Windows."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
