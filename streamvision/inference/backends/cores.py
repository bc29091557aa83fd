"""How many calls into the network run at a time on a CPU, and how many threads each gets.

Threads of one call wait for each other at every layer, and for the slowest when another thread takes a core away;
calls of one thread each never wait. Measured on two cores, CPU time a picture: YOLOv8n at 640x384 on ONNX Runtime 33.8
ms on one thread, 35.3 ms in each of two calls at a time, and 42.2 ms on two threads; on OpenVINO 33.6, 33.9 and 34.1
ms. So cores are shared out to calls first, up to four, beyond which a single camera would gain nothing more, and to
threads then.

One call more than cores fills the time in which a core waits for pictures. Measured on two cores with a 720p file, the
whole pipeline: OpenVINO in bf16 66 to 76 frames a second, in fp32 48 to 50; ONNX Runtime 46.6 to 45.5, so not there.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

MAX_REQUESTS = 4
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, capped by a container's quota (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))


def core_groups(count: int) -> list[frozenset[int]]:
    """Share the usable cores out to so many processes, neighbours together; empty groups where that is not possible.

    A process that keeps to its cores does not hand Python's lock from core to core. Measured on two cores, eight
    streams of a network of 0.1 ms in two processes: 311 frames a second anywhere, 395 on a core each.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if count > usable_cores() or count > len(cores):
        return [frozenset()] * count
    return [frozenset(cores[n * len(cores) // count : (n + 1) * len(cores) // count]) for n in range(count)]


def network_threads(threads: int | None) -> int:
    """Return the asked-for thread count; by default all cores but one, and at least one."""
    return threads if threads is not None else max(1, usable_cores() - 1)


class Share(NamedTuple):
    """How the cores are used."""

    requests: int
    """Calls into the network at a time."""
    threads: int
    """Threads of each call."""


def share_cores(*, requests: int | None, threads: int | None, spare: bool = False) -> Share:
    """Share the usable cores out to calls and their threads; what is given stays as it is.

    A single call leaves one core to capture, decoding and encoding; several calls share them all, since each waits
    for its own frame and the scheduler can put other work in between.

    Args:
        requests: calls at a time; ``None`` for as many as pay.
        threads: threads of each; ``None`` for what the cores allow.
        spare: add a call where each core has one of a single thread.
    """
    cores = usable_cores()
    if requests is None:
        requests = min(MAX_REQUESTS, max(1, cores // (threads or 1)))
        if spare and cores > 1 and requests == cores:
            requests += 1
    if threads is None:
        threads = network_threads(None) if requests == 1 else max(1, cores // requests)
    return Share(requests, threads)
