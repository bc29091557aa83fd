"""How many files, connections among them, the process may open, and for what they are kept."""

from __future__ import annotations

import resource
from contextlib import suppress

WANTED = 65536
MAX_VIEWERS = 1000
MAX_CONNECTIONS = 4096
"""Most connections that are not a viewer's."""
MIN_CONNECTIONS = 64
RESERVED = 256
"""For cameras, models, the database, and what else a run opens."""


def raise_limit() -> None:
    """Let the process open as many files as the system allows, up to :data:`WANTED`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # not every system lets itself be asked; what is allowed then holds
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def default_max_viewers() -> int:
    """Return how many viewers to admit: 1000, or half of the files that the process may open if that is less."""
    return min(MAX_VIEWERS, _limit() // 2)


def max_connections(max_viewers: int) -> int:
    """Return how many connections may be open beside those of viewers."""
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, _limit() - max_viewers - RESERVED))


def _limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft
