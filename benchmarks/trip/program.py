"""The program is run as a user runs it; its time and memory are watched from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SAMPLE_S = 0.5


@dataclass(frozen=True)
class Ran:
    """What a run came to."""

    document: Any
    """What it printed."""
    seconds: float
    """How long it took."""
    cpu_s: float
    """Processor time of all its processes."""
    rss_mb: list[float]
    """Memory of all its processes, sampled twice a second."""

    def memory(self) -> dict[str, float]:
        """Return the most memory, and that of the second and the last quarter of the time."""
        each = max(len(self.rss_mb) // 4, 1)
        second, last = self.rss_mb[each : 2 * each] or self.rss_mb, self.rss_mb[-each:]
        shares = {"second_quarter": _mean(second), "last_quarter": _mean(last), "most": max(self.rss_mb, default=0.0)}
        return {name: round(value, 1) for name, value in shares.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def start(arguments: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """Start the program with its output in a file beside the log."""
    command = [sys.executable, "-m", "streamvision", *map(str, arguments)]
    with log.with_suffix(".json").open("wb") as out, log.open("wb") as errors:
        return subprocess.Popen(command, stdout=out, stderr=errors, stdin=subprocess.DEVNULL)


def run(arguments: Sequence[str | Path], log: Path, *, timeout_s: float = 7200) -> Ran:
    """Run the program to its end.

    Raises:
        RuntimeError: when it fails or takes too long, with the end of what it said.
    """
    begin_s = time.monotonic()
    child = start(arguments, log)
    samples: list[float] = []
    cpu_s = 0.0
    while child.poll() is None:
        if time.monotonic() - begin_s > timeout_s:
            child.kill()
            child.wait()
            raise RuntimeError(f"{arguments[0]} took more than {timeout_s:g} s")
        samples.append(sum(_rss_mb(pid) for pid in _family(child.pid)))
        cpu_s = max(cpu_s, sum(_cpu_s(pid) for pid in _family(child.pid)))
        time.sleep(_SAMPLE_S)
    if child.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {child.returncode}: {log.read_text(errors='replace')[-2000:]}")
    text = log.with_suffix(".json").read_text(encoding="utf-8")
    return Ran(json.loads(text) if text.strip() else None, time.monotonic() - begin_s, cpu_s, samples)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _rss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / 100
