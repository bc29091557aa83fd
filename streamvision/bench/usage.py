"""What this process and this machine have used: processor time and memory."""

from __future__ import annotations

import datetime
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.processor import busy_s, instruction_sets, processor_name
from streamvision.core.version import __version__
from streamvision.inference.backends.cores import usable_cores

_OWN_PAGES = Path("/proc/self/statm")


@dataclass(frozen=True)
class Usage:
    """Counters at one moment; the difference of two says what happened in between."""

    at_s: float
    """Monotonic clock."""
    cpu_s: float
    """Processor time of this process and its worker processes so far, over all threads."""
    busy_s: float | None
    """Processor time of everything on the machine so far; ``None`` where the system does not tell."""

    @classmethod
    def now(cls, pids: Sequence[int] = ()) -> Usage:
        """Read the counters; the processor time is that of these processes, too."""
        return cls(time.monotonic(), time.process_time() + sum(map(_cpu_s, pids)), busy_s())

    def cpu_percent_since(self, before: Usage) -> float:
        """Return this process's share since then, in percent of one core."""
        return 100 * (self.cpu_s - before.cpu_s) / max(self.at_s - before.at_s, 1e-9)

    def others_percent_since(self, before: Usage) -> float | None:
        """Return everyone else's share since then, in percent of one core; figures are only worth much near 0."""
        if self.busy_s is None or before.busy_s is None:
            return None
        others_s = self.busy_s - before.busy_s - (self.cpu_s - before.cpu_s)
        return max(100 * others_s / max(self.at_s - before.at_s, 1e-9), 0.0)


def rss_mb(pids: Sequence[int] = ()) -> float:
    """Return the memory of this process and of these that is in use now, in MiB; its peak where there is no more."""
    try:
        statms = [_OWN_PAGES, *(Path(f"/proc/{pid}/statm") for pid in pids)]
        pages = sum(int(statm.read_text(encoding="ascii").split()[1]) for statm in statms)
        return pages * resource.getpagesize() / 2**20
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def machine() -> dict[str, Any]:
    """Return what a figure needs beside it to mean anything: processor, cores, versions, and when."""
    return {
        "cpu": processor_name(),
        "cores": usable_cores(),
        "instruction_sets": instruction_sets(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "streamvision": __version__,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def _cpu_s(pid: int) -> float:
    """Return the user and system time of a process (proc(5)); 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
