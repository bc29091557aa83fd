"""A check that crashes, hangs, floods or vanishes costs itself alone, and turns the exit code."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from streamvision.bench.device.finding import NO_GPU, Settings
from streamvision.bench.device.proof import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_PASSED, Proof, prove
from streamvision.bench.device.running import CheckResult, DeviceCheck, run_check
from streamvision.core.nvidia.jetpack import wheel_for_jetson
from streamvision.core.nvidia.machine import NvidiaMachine
from streamvision.core.nvidia.texts import Gpu, L4tVersion

PATIENCE_S = 600.0
ORIN = NvidiaMachine(
    (Gpu("Orin (nvgpu)", "8.7", None),), None, None, None, None, None, None, None, None, None, None,
    wheel_for_jetson(L4tVersion(36, 4, 3), (3, 10)),
)  # fmt: skip


def _check(name: str, *, needs_gpu: bool = False, deadline_s: float = PATIENCE_S) -> DeviceCheck:
    return DeviceCheck(name, name, f"support.device_checks:{name}", deadline_s, needs_gpu)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(work=str(tmp_path), model="road_signs")


def _ran(name: str, settings: Settings, deadline_s: float = PATIENCE_S) -> CheckResult:
    return run_check(_check(name), settings, deadline_s=deadline_s)


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [
        ("passes", "passed", "as promised"),
        ("fails", "failed", "two objects are missing"),
        ("cannot", "not tried", "there is no such device"),
        ("refuses", "failed", "the file is damaged; give another"),
        ("raises", "failed", "RuntimeError: the driver says no"),
        ("crashes", "failed", "its process crashed with SIGSEGV"),
        ("leaves_silently", "failed", "its process ended with code 0 and no result"),
        ("nowhere", "failed", "AttributeError: module 'support.device_checks' has no attribute 'nowhere'"),
    ],
)
def test_every_end_of_a_check_is_told(name: str, outcome: str, why: str, settings: Settings) -> None:
    finding = _ran(name, settings).finding
    assert (finding.outcome, finding.why) == (outcome, why)


def test_a_check_that_hangs_is_ended_with_all_that_it_began(settings: Settings, tmp_path: Path) -> None:
    result = _ran("hangs", settings, deadline_s=8.0)
    assert result.finding.outcome == "failed" and "longer than 8 s" in result.finding.why
    began = tmp_path / "grandchild"
    assert not began.exists() or _is_gone(int(began.read_text()))


def _is_gone(pid: int) -> bool:
    for _ in range(600):
        try:
            os.kill(pid, 0)
            if " Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_a_check_that_floods_leaves_its_last_lines_alone(settings: Settings) -> None:
    result = _ran("floods", settings)
    assert result.finding.why == "it was loud"
    assert 0 < len(result.said) < 2000 and set(result.said) <= {"x", "\n"}


def test_exit_codes(settings: Settings) -> None:
    def code(*names: str, machine: NvidiaMachine | None = None) -> int:
        return _proof(settings, *names, machine=machine).exit_code

    assert code("passes", "cannot") == EXIT_PASSED
    assert code("passes", "cannot", machine=ORIN) == EXIT_INCOMPLETE
    assert code("passes", machine=ORIN) == EXIT_PASSED
    proof = _proof(settings, "fails", "passes")
    assert proof.exit_code == EXIT_FAILED
    assert [result.finding.outcome for result in proof.results] == ["failed", "passed"], "the others go on"
    assert "Not everything is as promised: 1 passed, 1 failed" in proof.sentence


def _proof(settings: Settings, *names: str, machine: NvidiaMachine | None = None) -> Proof:
    return prove([_check(name) for name in names], settings, machine, total_s=PATIENCE_S)


def test_without_a_gpu_its_checks_are_not_begun_and_after_the_deadline_none_is(settings: Settings) -> None:
    gpu = prove([_check("fails", needs_gpu=True)], settings, None)
    assert [(r.finding.outcome, r.finding.why) for r in gpu.results] == [("not tried", NO_GPU)]
    short = prove([_check("hangs", deadline_s=PATIENCE_S)], settings, None, total_s=8.0)
    assert [r.finding.outcome for r in short.results] == ["not tried"] and "--minutes" in short.results[0].finding.why
    late = prove([_check("fails")], settings, None, total_s=1.0)
    assert [r.finding.outcome for r in late.results] == ["not tried"] and late.exit_code == EXIT_PASSED
