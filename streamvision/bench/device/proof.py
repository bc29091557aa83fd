"""Runs the checks within one deadline, and says what came of all of them."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streamvision.bench.device.finding import NO_GPU, Finding, Outcome, Settings
from streamvision.bench.device.redaction import ReportRedactor
from streamvision.bench.device.running import CheckResult, DeviceCheck, run_check
from streamvision.bench.usage import machine
from streamvision.core.nvidia.machine import NvidiaMachine
from streamvision.core.version import __version__

TOTAL_S = 590.0
"""All checks together; those that are left then are not tried."""
_LEAST_S = 5.0
EXIT_PASSED, EXIT_FAILED, EXIT_INCOMPLETE = 0, 1, 3


@dataclass(frozen=True)
class Proof:
    """What became of all checks."""

    machine: NvidiaMachine | None
    """The machine; ``None`` without an NVIDIA GPU."""
    results: tuple[CheckResult, ...]
    """Of each check, in order."""
    seconds: float
    """How long it all took."""

    def count(self, outcome: Outcome) -> int:
        """Return how many checks came to this."""
        return sum(result.finding.outcome == outcome for result in self.results)

    @property
    def exit_code(self) -> int:
        """0 where all that can be tried here is as promised; 1 where something is not; 3 where nothing failed, but not
        everything of the NVIDIA GPU that is there could be tried.
        """
        if self.count("failed"):
            return EXIT_FAILED
        return EXIT_INCOMPLETE if self.machine is not None and self.count("not tried") else EXIT_PASSED

    @property
    def sentence(self) -> str:
        """Return the verdict."""
        words = {
            EXIT_PASSED: "All that can be tried on this machine is as promised",
            EXIT_FAILED: "Not everything is as promised",
            EXIT_INCOMPLETE: "Nothing failed, but not everything of this GPU could be tried",
        }[self.exit_code]
        counts = [
            f"{self.count(outcome)} {outcome}" for outcome in ("passed", "failed", "not tried") if self.count(outcome)
        ]
        return f"{words}: {', '.join(counts)}, in {self.seconds:.0f} s."

    def to_json(self, redactor: ReportRedactor) -> dict[str, Any]:
        """Return the document that may be given away."""
        document: dict[str, Any] = redactor.document(
            {
                "program": "prove_device",
                "streamvision": __version__,
                "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
                "verdict": self.sentence,
                "exit_code": self.exit_code,
                "machine": machine(),
                "nvidia": self.machine.to_json() if self.machine else None,
                "checks": [result.to_json() for result in self.results],
                "seconds": round(self.seconds, 1),
            }
        )
        return document


def prove(
    checks: Sequence[DeviceCheck],
    settings: Settings,
    machine: NvidiaMachine | None,
    *,
    total_s: float = TOTAL_S,
    on_result: Callable[[CheckResult], None] = lambda result: None,
) -> Proof:
    """Run checks one after the other, each with its own deadline, all with one.

    Args:
        checks: what to run, in order.
        settings: what all are told.
        machine: what :func:`streamvision.core.nvidia.machine.read_machine` says.
        total_s: longest time for all of them.
        on_result: called after each.
    """
    begin_s = time.monotonic()
    results: list[CheckResult] = []
    for check in checks:
        left_s = begin_s + total_s - time.monotonic()
        if check.needs_gpu and machine is None:
            result = CheckResult(check, Finding("not tried", NO_GPU), 0.0)
        elif left_s < _LEAST_S:
            result = CheckResult(check, Finding("not tried", f"the {total_s:.0f} s for all checks were over"), 0.0)
        else:
            result = run_check(check, settings, deadline_s=min(check.deadline_s, left_s))
            if result.was_ended and left_s < check.deadline_s:
                short = f"it was ended, since the {total_s:.0f} s for all checks were over: give more --minutes"
                result = replace(result, finding=Finding("not tried", short), said="")
        results.append(result)
        on_result(result)
    return Proof(machine, tuple(results), time.monotonic() - begin_s)
