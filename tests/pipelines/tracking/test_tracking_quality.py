"""Identities on real sequences, scored by TrackEval; one set of parameters for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.tracking import ByteTrack
from support import mot_benchmark

pytest.importorskip("trackeval", reason="TrackEval is not installed: pip install --no-deps trackeval")

FLOORS = {
    "mot15": {"HOTA": 39.0, "IDF1": 52.0, "MOTA": 41.0},
    "mot17_noisy": {"HOTA": 49.5, "IDF1": 61.0, "MOTA": 57.0},
}


@pytest.mark.parametrize("benchmark", FLOORS)
def test_quality_does_not_fall(data_dir: Path, tmp_path: Path, benchmark: str) -> None:
    root = data_dir / benchmark
    if not root.is_dir():
        pytest.skip(f"no sequences at {root}")
    score = mot_benchmark.run(root, tmp_path, ByteTrack)["combined"]
    assert {name: score[name] for name, floor in FLOORS[benchmark].items() if score[name] < floor} == {}, score


def test_a_tracker_without_memory_is_told_apart(data_dir: Path, tmp_path: Path) -> None:
    """The twin: the measure notices a tracker that forgets."""
    score = mot_benchmark.run(data_dir / "mot15", tmp_path, lambda: ByteTrack(memory_s=0.15))["combined"]
    assert score["IDF1"] < FLOORS["mot15"]["IDF1"] - 3
