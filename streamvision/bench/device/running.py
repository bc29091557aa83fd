"""Runs one check in a process group of its own: a crash, a hang or a flood of words costs that check alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from streamvision.bench.child_process import run_module
from streamvision.bench.device.finding import Finding, Outcome, Settings

_MAX_RESULT_BYTES = 1_000_000


@dataclass(frozen=True)
class DeviceCheck:
    """One thing that is promised, and what proves it."""

    name: str
    """Its name in the JSON document."""
    title: str
    """What it is, for people."""
    function: str
    """``module:function``, which takes :class:`Settings` and returns a :class:`Finding`."""
    deadline_s: float
    """Longest time; then it is ended, and has failed."""
    needs_gpu: bool = False
    """Whether it is not even begun where there is no NVIDIA GPU."""


@dataclass(frozen=True)
class CheckResult:
    """What became of a check."""

    check: DeviceCheck
    """Which it was."""
    finding: Finding
    """What it found."""
    seconds: float
    """How long it took."""
    said: str = ""
    """The end of what its process wrote, where it failed."""
    was_ended: bool = False
    """Whether it was ended by its deadline."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.check.name,
            "title": self.check.title,
            "outcome": self.finding.outcome,
            "why": self.finding.why,
            "figures": dict(self.finding.figures),
            "seconds": round(self.seconds, 1),
            "said": self.said,
        }


def run_check(check: DeviceCheck, settings: Settings, *, deadline_s: float) -> CheckResult:
    """Run a check and return what became of it; nothing that it does makes this fail or last much longer."""
    result = Path(settings.work) / f"{check.name}.json"
    result.unlink(missing_ok=True)
    ended = run_module(
        "streamvision.bench.device.child",
        [check.function, settings.to_json(), str(result)],
        deadline_s=deadline_s,
        environment={"XDG_CACHE_HOME": str(Path(settings.work) / "cache")},
    )
    finding = (None if ended.was_ended else _read(result)) or Finding("failed", ended.fate())
    said = ended.said if finding.outcome == "failed" else ""
    return CheckResult(check, finding, ended.seconds, said, was_ended=ended.was_ended)


def _read(result: Path) -> Finding | None:
    """Return what a check found; ``None`` where it left no result."""
    try:
        with result.open("rb") as file:
            document = json.loads(file.read(_MAX_RESULT_BYTES))
        outcome, why, figures = document["outcome"], str(document["why"]), dict(document["figures"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if outcome not in get_args(Outcome):
        return None
    return Finding(outcome, why, figures)
