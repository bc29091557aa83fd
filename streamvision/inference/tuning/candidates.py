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
    cores: int, *, requests: int | None, threads: int | None, free: Collection[str], goal: Goal, spare: bool = False
) -> list[Share]:
    """Return the ways to share the cores out beside the :func:`baseline`, the likeliest winners first.

    That is one call of one thread for each core, and where ``spare`` says so one call more: it fills the time in which
    a core waits for pictures, of which a measurement without streams shows little. So it comes first, as the best so
    far stays unless another is clearly faster.

    Args:
        cores: how many may be used.
        requests: calls at a time, where they are given.
        threads: threads of each, where they are given.
        free: which of ``requests`` and ``threads`` the runtime lets be chosen.
        goal: what the choice is for.
        spare: whether one call more than cores is known to pay.

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
        if cores < MOST_REQUESTS and threads in (None, 1):
            found.insert(0 if spare else len(found), Share(cores + 1, 1))
    if alone:
        # Where cores come as two threads of one, half of them may be faster than all; and one may be better left free.
        found += [Share(first.requests, n) for n in (first.threads // 2, first.threads - 1)]
    unlike = [share for share in dict.fromkeys(found) if share.threads >= 1 and share != first]
    return unlike if cores > 1 else []
