"""Which ways to share the cores out are worth measuring."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from streamvision.inference.backends.cores import Share

Goal = Literal["latency", "throughput"]
"""What the choice is for: the shortest call, or the most pictures a second."""
MOST_REQUESTS = 16
"""Each call at a time has buffers of its own, some 50 MB with a network at 640x640."""


def baseline(cores: int, *, requests: int | None, threads: int | None) -> Share:
    """Return what every other way must be faster than: one call of all cores, as far as nothing else is given."""
    requests = requests or 1
    return Share(requests, threads or max(cores // requests, 1))


def candidates(
    cores: int, *, requests: int | None, threads: int | None, free: Collection[str], goal: Goal
) -> list[Share]:
    """Return the ways to share the cores out beside the :func:`baseline`, the likeliest winners first.

    Args:
        cores: how many may be used.
        requests: calls at a time, where they are given.
        threads: threads of each, where they are given.
        free: which of ``requests`` and ``threads`` the runtime lets be chosen.
        goal: what the choice is for.

    Returns:
        None where there is nothing to choose, as on one core.
    """
    first = baseline(cores, requests=requests, threads=threads)
    several = requests is None and "requests" in free and goal == "throughput"
    alone = threads is None and "threads" in free
    found: list[Share] = []
    if several:
        calls = [max(cores // (threads or 1), 1), 4, 2, 8, MOST_REQUESTS]
        found += [Share(n, threads or cores // n) for n in calls if 1 < n <= min(cores, MOST_REQUESTS)]
        if 1 < cores < MOST_REQUESTS:
            # One call more than cores fills the time in which a core waits for pictures.
            found.append(Share(cores + 1, threads or 1))
    if alone:
        # Where cores come as two threads of one, half of them may be faster than all; and one may be better left free.
        found += [Share(first.requests, n) for n in (first.threads // 2, first.threads - 1)]
    unlike = [share for share in dict.fromkeys(found) if share.threads >= 1 and share != first]
    return unlike if cores > 1 else []
