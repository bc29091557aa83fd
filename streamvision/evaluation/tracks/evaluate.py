"""Runs a tracker over sequences, measures it, and draws the figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, MissingDependencyError, SourceError
from streamvision.core.files import writing
from streamvision.core.install import install_command
from streamvision.evaluation.tracks.benchmarks import class_label
from streamvision.evaluation.tracks.metrics import ALPHAS, TrackCounts, add_counts, count, match_sequence
from streamvision.evaluation.tracks.mot_files import MotSequence
from streamvision.evaluation.tracks.mot_text import (
    CLASS,
    F64,
    IDENTITY,
    SCORE,
    check_frames,
    check_identities,
    read_table,
    result_rows,
    write_results,
)

OnProgress = Callable[[int, int], None]
"""Called with how many frames are done, and how many there are."""
PLOTTED_FIGURES = ("HOTA", "IDF1", "MOTA")
PLOT_ENDINGS = (".png", ".svg", ".pdf")


class Tracker(Protocol):
    """What is measured: gives identities to the detections of one sequence after another."""

    def update(self, detections: Detections, *, pts_s: float) -> Detections:
        """Return the detections of the next frame with identities."""


@dataclass(frozen=True, eq=False)
class TrackEvaluation:
    """How good a tracker is on several sequences."""

    results: Mapping[str, F64]
    """(N, 10) rows of the result, by sequence."""
    counts: Mapping[str, TrackCounts]
    """What was counted, by sequence."""
    frames: int
    """How many frames there were."""
    track_us: float | None
    """Median time of the tracker for one frame, in microseconds; ``None`` for results that were read from files."""
    benchmarks: Mapping[str, str]
    """Whose rules were followed, by sequence."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values: percent, and for IDSW a number."""
        sequences = {name: _rounded(one.figures()) for name, one in self.counts.items()}
        return {
            "combined": _rounded(add_counts(self.counts.values()).figures()),
            "sequences": sequences,
            "benchmarks": dict(self.benchmarks),
            "frames": self.frames,
            "identities": {name: len(np.unique(rows[:, IDENTITY])) for name, rows in self.results.items()},
            "track_us": None if self.track_us is None else round(self.track_us, 1),
        }


def run_tracker(
    sequences: Sequence[MotSequence],
    create: Callable[[], Tracker],
    *,
    on_progress: OnProgress = lambda done, total: None,
) -> tuple[dict[str, F64], float]:
    """Track every sequence with a tracker of its own; return the results and the median microseconds of a frame.

    Args:
        sequences: what to track.
        create: makes a tracker.
        on_progress: called with how many frames are done, and how many there are.

    Raises:
        ConfigError: when a sequence has no detections, or there is no frame at all.
    """
    detections = {sequence.name: sequence.detections() for sequence in sequences}
    total = sum(sequence.frames for sequence in sequences)
    if not total:
        raise ConfigError("no frame is left to track; drop fewer")
    results: dict[str, F64] = {}
    seconds: list[float] = []
    for sequence in sequences:
        tracker, rows = create(), []
        for number, found in zip(sequence.number.tolist(), detections.pop(sequence.name), strict=True):
            begin_s = time.perf_counter()
            tracked = tracker.update(found, pts_s=(number - 1) / sequence.fps)
            seconds.append(time.perf_counter() - begin_s)
            rows.append(result_rows(tracked, frame_number=number))
            on_progress(len(seconds), total)
        results[sequence.name] = np.concatenate(rows) if rows else np.empty((0, 10))
    return results, 1e6 * float(np.median(seconds))


def read_results(folder: Path, sequences: Sequence[MotSequence]) -> dict[str, F64]:
    """Return the results of another tracker: a file ``NAME.txt`` for each sequence.

    Raises:
        SourceError: when a file is missing or damaged, has frames that the sequence does not have, an identity twice
            on one frame, or objects of classes that do not count.
    """
    results = {}
    for sequence in sequences:
        path = folder / f"{sequence.name}.txt"
        rows = read_table(path, least_columns=7)
        check_frames(rows, path, frames=int(sequence.number[-1]))
        check_identities(rows, path)
        if sequence.has_classes:
            _check_classes(rows, path, wanted=sequence.rules.wanted)
        results[sequence.name] = rows
    return results


def _check_classes(rows: F64, path: Path, *, wanted: Sequence[int]) -> None:
    if rows.shape[1] <= CLASS:
        return
    named = rows[:, CLASS]
    others = named[(named > 1) & ~np.isin(named, wanted)]
    if len(others):
        raise SourceError(
            f"{path} has objects of class {class_label(int(others[0]))}, but what counts is class "
            f"{', '.join(map(class_label, wanted))}; leave the others out, or choose with --class"
        )


def check_truth(sequences: Sequence[MotSequence]) -> None:
    """Find out whether there is something to be found in each sequence whose truth has objects, and in one at least.

    Raises:
        ConfigError: naming the sequence, what its truth has, and what to do.
    """
    if not any(len(sequence.truth) for sequence in sequences):
        raise ConfigError(f"the truth of {sequences[0].folder} has no object, so nothing can be measured")
    for sequence in sequences:
        if not len(sequence.truth) or sequence.counted.any():
            continue
        path = sequence.folder / "gt" / "gt.txt"
        if not (np.trunc(sequence.truth[:, SCORE]) != 0).any():
            raise ConfigError(f"{path} marks every object as not to be counted (0 in column 7), so there is no truth")
        classes, count_of = np.unique(sequence.truth[:, CLASS].astype(np.int64), return_counts=True)
        raise ConfigError(
            f"{path} has no object of class {', '.join(map(class_label, sequence.rules.wanted))} that counts by the "
            f"rules of {sequence.rules.benchmark}; it has {', '.join(map(class_label, classes[:10].tolist()))}: "
            f"choose with --class {classes[count_of.argmax()]}, or count all classes with --benchmark mot15"
        )


def evaluate(
    sequences: Sequence[MotSequence], results: Mapping[str, F64], *, track_us: float | None = None
) -> TrackEvaluation:
    """Measure results against the truth."""
    counts = {one.name: count(match_sequence(one, results[one.name])) for one in sequences}
    frames = sum(sequence.frames for sequence in sequences)
    return TrackEvaluation(results, counts, frames, track_us, {one.name: one.rules.benchmark for one in sequences})


def save_results(results: Mapping[str, F64], folder: Path) -> None:
    """Write one MOTChallenge file for each sequence.

    Raises:
        OutputError: when the folder cannot be written.
    """
    with writing(folder, instead="give another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in results.items():
            write_results(rows, folder / f"{name}.txt")


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: int(value) if name == "IDSW" else round(value, 9) for name, value in figures.items()}


def plot(evaluation: TrackEvaluation, path: Path, *, title: str) -> None:
    """Draw the figures of each sequence, and HOTA over the overlap that is asked for.

    Raises:
        ConfigError: when the file's ending is of no picture.
        MissingDependencyError: when matplotlib is not installed.
        OutputError: when the file cannot be written.
    """
    if path.suffix.lower() not in PLOT_ENDINGS:
        raise ConfigError(f"--plot {path}: give a name that ends in {', '.join(PLOT_ENDINGS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(f"a plot needs matplotlib: {install_command('eval')}") from error
    combined = add_counts(evaluation.counts.values())
    rows = {**evaluation.counts, "combined": combined}
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    bars, curve = figure.subplots(1, 2, width_ratios=[2, 1])
    place = np.arange(len(rows))
    for number, name in enumerate(PLOTTED_FIGURES):
        values = [one.figures()[name] for one in rows.values()]
        drawn = bars.bar(place + (number - 1) * 0.27, values, width=0.25, label=name)
        bars.bar_label(drawn, fmt="%.0f", fontsize=7)
    bars.set_xticks(place, list(rows), rotation=20, ha="right")
    bars.margins(y=0.18)
    bars.set(ylabel="%", title=title)
    bars.legend(ncols=len(PLOTTED_FIGURES), frameon=False)
    for name, one in rows.items():
        last = name == "combined"
        curve.plot(ALPHAS, 100 * one.hota(), label=name, color="black" if last else None, linewidth=2.5 if last else 1)
    curve.set(xlabel="overlap asked for", ylabel="HOTA, %", xlim=(0, 1), ylim=(0, None), title="HOTA by overlap")
    curve.legend(fontsize=7, frameon=False)
    with writing(path):
        figure.savefig(path, dpi=150)
