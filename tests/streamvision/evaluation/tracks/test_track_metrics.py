"""The figures are TrackEval's, on real sequences and real results."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.core.boxes import overlaps
from streamvision.evaluation.tracks.evaluate import evaluate, run_tracker
from streamvision.evaluation.tracks.mot_files import corners, read_sequences
from support import mot_benchmark

NEEDS_TRACKEVAL = "TrackEval is not installed: pip install --no-deps trackeval"


@pytest.mark.parametrize(("folder", "benchmark"), [("mot15", "MOT15"), ("mot17_noisy", "MOT17")])
def test_figures_are_those_of_trackeval(data_dir: Path, tmp_path: Path, folder: str, benchmark: str) -> None:
    pytest.importorskip("trackeval", reason=NEEDS_TRACKEVAL)
    root = data_dir / folder
    if not root.is_dir():
        pytest.skip(f"no sequences at {root}")
    sequences = read_sequences(root)
    results, _ = run_tracker(sequences, SteadyTracker)
    ours = evaluate(sequences, results).to_json()
    theirs = mot_benchmark.evaluate(results, root=root, work=tmp_path, benchmark=benchmark)
    assert ours["combined"] == pytest.approx(theirs.pop("combined"), abs=1e-6)
    for name, figures in theirs.items():
        assert ours["sequences"][name] == pytest.approx(figures, abs=1e-6), name


RULES = {"MOT15": "MOT15", "MOT16": "MOT16", "MOT17": "MOT17", "MOT20": "MOT20", "DanceTrack": "MOT17"}
"""Benchmarks, and the name that TrackEval has for their rules; DanceTrack is measured with the default."""


@st.composite
def street(draw: st.DrawFn, *, classes: bool) -> tuple[int, np.ndarray, np.ndarray]:
    """Return how many frames there are, the rows of a truth, and those of a result that is more or less right."""
    frames = draw(st.integers(1, 8))
    truth, found = [], []
    share = st.floats(0, 1).map(lambda value: round(value, 2))
    for identity in range(1, draw(st.integers(0, 5)) + 1):
        class_id, marked = draw(st.integers(1, 13)) if classes else -1, draw(st.integers(0, 5)) > 0
        left, top, width, height = (draw(st.integers(0, 60)) + draw(share) for _ in range(4))
        for frame in range(draw(st.integers(1, frames)), frames + 1):
            box = [left + 3 * frame, top, width + 1, height + 1]
            truth.append([frame, identity, *box, int(marked), class_id, 1, *([] if classes else [-1])])
            seen = draw(st.sampled_from(["well", "badly", "as another", "not at all"]))
            name = identity + (10 * (frame % 2) if seen == "as another" else 0)
            shift = draw(st.floats(-12, 12)) if seen == "badly" else 0.0
            if seen != "not at all":
                found.append([frame, name, round(box[0] + shift, 2), *box[1:], 0.9, -1, -1, -1])
        if draw(st.booleans()):
            found.append([draw(st.integers(1, frames)), 30 + identity, 10 * identity, 5, 30, 40, 0.9, -1, -1, -1])
    columns = 9 if classes else 10
    return frames, np.array(truth, float).reshape(-1, columns), np.array(found, float).reshape(-1, 10)


@pytest.mark.parametrize("benchmark", RULES)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_truths_are_measured_as_trackeval_measures_them(benchmark: str, data: st.DataObject) -> None:
    pytest.importorskip("trackeval", reason=NEEDS_TRACKEVAL)
    frames, truth, found = data.draw(street(classes=benchmark != "MOT15"))
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / benchmark / "train"
        name = f"{benchmark}-01"
        write_sequence(root / name, truth, frames=frames)
        (sequence,) = read_sequences(root)
        ours = evaluate([sequence], {name: found}).to_json()
        assert ours["benchmarks"] == {name: benchmark.lower()}
        theirs = mot_benchmark.evaluate({name: found}, root=root, work=Path(work), benchmark=RULES[benchmark])
    assert ours["combined"] == pytest.approx(theirs["combined"], abs=1e-6)


def write_sequence(folder: Path, truth: np.ndarray, *, frames: int) -> None:
    (folder / "gt").mkdir(parents=True)
    np.savetxt(folder / "gt" / "gt.txt", truth, delimiter=",", fmt="%.6g")
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={folder.name}\nframeRate=10\nseqLength={frames}\n")


@pytest.mark.parametrize(("folder", "hota"), [("MOT20-01", 100), ("MOT17-02", 70.710678)])
def test_only_in_mot20_may_vehicles_without_motor_be_found(tmp_path: Path, folder: str, hota: float) -> None:
    truth = np.array([[1, 1, 10, 10, 40, 80, 1, 1, 1], [1, 2, 200, 10, 60, 80, 1, 6, 1]], float)
    write_sequence(tmp_path / folder, truth, frames=1)
    sequences = read_sequences(tmp_path)
    assert evaluate(sequences, {folder: truth}).to_json()["combined"]["HOTA"] == pytest.approx(hota)
    sequences = read_sequences(tmp_path, benchmark="mot20")
    assert evaluate(sequences, {folder: truth}).to_json()["combined"]["HOTA"] == 100


@pytest.mark.parametrize("scale", ["hundred", "logit", "above one"])
def test_only_the_order_of_scores_on_other_scales_counts(data_dir: Path, tmp_path: Path, scale: str) -> None:
    """Right is what the same detections give with scores from 0 to 1, but for what the lost distances cost."""
    source = data_dir / "mot15" / "TUD-Stadtmitte"
    stretch = {"hundred": lambda s: 100 * s - 20, "logit": lambda s: np.log(s / (1 - s)), "above one": lambda s: 3 * s}
    folder = tmp_path / "TUD-Stadtmitte"
    for part in ("gt", "det"):
        (folder / part).mkdir(parents=True)
    (folder / "seqinfo.ini").write_bytes((source / "seqinfo.ini").read_bytes())
    (folder / "gt" / "gt.txt").write_bytes((source / "gt" / "gt.txt").read_bytes())
    found = np.loadtxt(source / "det" / "det.txt", delimiter=",")
    found[:, 6] = stretch[scale](found[:, 6])
    np.savetxt(folder / "det" / "det.txt", found, delimiter=",", fmt="%.6f")

    def hota(root: Path) -> float:
        sequences = read_sequences(root)
        assert sequences[0].ranked == (root == folder)
        return evaluate(sequences, run_tracker(sequences, SteadyTracker)[0]).to_json()["combined"]["HOTA"]

    assert hota(folder) > hota(source) - 2.5


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
