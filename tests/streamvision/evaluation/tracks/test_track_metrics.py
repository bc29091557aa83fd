"""The figures are TrackEval's, on real sequences and real results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.stages.tracking.two_stage import SteadyTracker
from streamvision.core.boxes import overlaps
from streamvision.evaluation.tracks.evaluate import evaluate, run_tracker
from streamvision.evaluation.tracks.mot_files import corners, read_sequences
from support import mot_benchmark


@pytest.mark.parametrize("benchmark", ["mot15", "mot17_noisy"])
def test_figures_are_those_of_trackeval(data_dir: Path, tmp_path: Path, benchmark: str) -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed: pip install --no-deps trackeval")
    root = data_dir / benchmark
    if not root.is_dir():
        pytest.skip(f"no sequences at {root}")
    sequences = read_sequences(root)
    results, _ = run_tracker(sequences, SteadyTracker)
    ours = evaluate(sequences, results).to_json()
    theirs = mot_benchmark.evaluate(results, root=root, work=tmp_path)
    assert ours["combined"] == pytest.approx(theirs.pop("combined"), abs=1e-6)
    for name, figures in theirs.items():
        assert ours["sequences"][name] == pytest.approx(figures, abs=1e-6), name


def test_the_truth_scores_full_marks_and_nothing_scores_none(data_dir: Path) -> None:
    sequences = read_sequences(data_dir / "mot15" / "TUD-Stadtmitte")
    (sequence,) = sequences
    perfect = evaluate(sequences, {sequence.name: sequence.truth}).to_json()["combined"]
    assert perfect == {"HOTA": 100, "DetA": 100, "AssA": 100, "MOTA": 100, "IDF1": 100, "IDSW": 0}
    nothing = evaluate(sequences, {sequence.name: np.empty((0, 10))}).to_json()["combined"]
    assert nothing == {"HOTA": 0, "DetA": 0, "AssA": 0, "MOTA": 0, "IDF1": 0, "IDSW": 0}


def test_one_swap_of_identities_costs_two_switches(data_dir: Path) -> None:
    (sequence,) = read_sequences(data_dir / "mot15" / "TUD-Stadtmitte")
    swapped = sequence.truth.copy()
    first, second = np.unique(swapped[swapped[:, 0] == 90, 1])[:2]
    late = swapped[:, 0] >= 90
    swapped[late & (sequence.truth[:, 1] == first), 1] = second
    swapped[late & (sequence.truth[:, 1] == second), 1] = first
    figures = evaluate([sequence], {sequence.name: swapped}).to_json()["combined"]
    assert figures["IDSW"] == 2
    assert figures["DetA"] == 100
    assert figures["IDF1"] < 100 and figures["AssA"] < 100


def test_boxes_without_area_overlap_nothing() -> None:
    table = np.array([[1.0, 1, 0, 0, 10, 10], [1, 2, 5, 5, 0, 0], [1, 3, 20, 20, 10, 10]])
    assert overlaps(corners(table), corners(table)).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
