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

from streamvision.core.version import __version__
from streamvision.inference.backends.cores import usable_cores

_STAT = Path("/proc/stat")
_OWN_PAGES = Path("/proc/self/statm")
_CPU = Path("/proc/cpuinfo")
INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "asimdhp": "NEON FP16",
    "asimddp": "NEON dot product",
    "i8mm": "NEON I8MM",
    "bf16": "NEON BF16",
    "sve": "SVE",
}
"""What decides how fast a network is, by the kernel's word for it."""


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
        return cls(time.monotonic(), time.process_time() + sum(map(_cpu_s, pids)), _busy_s())

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
        "cpu": _cpu_name(),
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


def _busy_s() -> float | None:
    """Return the machine's user, nice, system, interrupt and stolen time (proc(5))."""
    try:
        first = _STAT.read_text(encoding="ascii").splitlines()[0].split()
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, first[1:9])
    except (OSError, ValueError, IndexError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def instruction_sets() -> list[str]:
    """Return which of :data:`INSTRUCTION_SETS` the processor has; empty where the system does not tell."""
    flags = {flag for words in _of_processor("flags", "Features")[:1] for flag in words.split()}
    return [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]


def _cpu_name() -> str:
    names = _of_processor("model name", "Model")
    return names[0] if names else platform.processor() or platform.machine()


def _of_processor(*keys: str) -> list[str]:
    try:
        lines = _CPU.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(keys)]
