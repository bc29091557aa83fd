"""Identities on real sequences; one set of parameters for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.stages.tracking import create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.evaluation.tracks.evaluate import evaluate, run_tracker
from streamvision.evaluation.tracks.mot_files import read_sequences

FLOORS = {
    "mot15": {"HOTA": 39.0, "IDF1": 51.0, "MOTA": 41.0},
    "mot17_noisy": {"HOTA": 51.0, "IDF1": 64.5, "MOTA": 59.0},
}


def figures(root: Path, config: TrackerConfig) -> dict[str, float]:
    if not root.is_dir():
        pytest.skip(f"no sequences at {root}")
    sequences = read_sequences(root)
    results, _ = run_tracker(sequences, lambda: create_tracker(config, score=0.25))  # type: ignore[arg-type]
    combined: dict[str, float] = evaluate(sequences, results).to_json()["combined"]
    return combined


@pytest.mark.parametrize("benchmark", FLOORS)
def test_quality_does_not_fall(data_dir: Path, benchmark: str) -> None:
    score = figures(data_dir / benchmark, TrackerConfig())
    assert {name: score[name] for name, floor in FLOORS[benchmark].items() if score[name] < floor} == {}, score


def test_a_tracker_without_memory_is_told_apart(data_dir: Path) -> None:
    """The twin: the measure notices a tracker that forgets."""
    assert figures(data_dir / "mot15", TrackerConfig(memory_s=0.15))["IDF1"] < FLOORS["mot15"]["IDF1"] - 3
