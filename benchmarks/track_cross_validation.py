"""What a tracker's parameters are worth on sequences that they were not chosen on: leave one sequence out.

    python benchmarks/track_cross_validation.py sweep  --data mot15 --data mot17_noisy ... --every 1 --every 2
    python benchmarks/track_cross_validation.py search --data mot15 --data mot17_noisy ... --output runs/track-cv

Each folder of ``--data`` holds MOTChallenge sequences with ``det.txt``, and sequences of one name in several folders
(other seeds of simulated detections) are one truth. Each is tracked at each rate of ``--every``. The score of a truth
is the mean of HOTA and IDF1 over all its detections and rates, and what is maximised is the mean over truths.

``sweep`` changes one parameter at a time and prints by how much the score changes: mean, standard error and how many
of the truths gain. ``search`` climbs along the parameters in turn, once on all truths (fitted), and once for each truth
on all others (left out): all detections and rates of a truth are left out together. By how much the left-out score is
below the fitted one is what the choice has learnt by heart. Scores are kept in DIR/scores.json, so that a search goes
on where it was ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipelines.stages.tracking.kalman import BoxFilter
from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.evaluation.tracks.evaluate import Tracker
from streamvision.evaluation.tracks.metrics import TrackCounts, add_counts, count, match_sequence
from streamvision.evaluation.tracks.mot_files import MotSequence, read_sequences
from streamvision.evaluation.tracks.mot_text import result_rows

Settings = dict[str, float]
"""Parameters that differ from the defaults, by name; those of the filter are ``filter.NAME``."""

SPACE: dict[str, tuple[float, ...]] = {
    "memory_s": (0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
    "low_score": (0.05, 0.1, 0.2),
    "high_score": (0.3, 0.4, 0.5, 0.6),
    "high_match": (0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
    "low_match": (0.2, 0.3, 0.4, 0.5),
    "new_match": (0.05, 0.1, 0.2, 0.3),
    "new_track_score": (0.5, 0.6, 0.7, 0.8),
    "confirm_s": (0.0, 0.045, 0.1, 0.15),
    "confirm_hits": (1, 2, 3),
    "unsure_confirm_s": (0.25, 0.5, 1.0, 2.0),
    "filter.measurement_std": (0.03, 0.04, 0.055, 0.07, 0.09),
    "filter.doubt": (0.0, 0.5, 1.0, 2.0),
    "filter.drift_std": (0.04, 0.08, 0.12, 0.2),
    "filter.acceleration_std": (0.2, 0.4, 0.6, 1.0),
    "filter.initial_velocity_std": (0.5, 1.0, 1.5, 2.0),
    "score_change": (0.0, 0.05, 0.1, 0.2),
    "camera_motion": (0, 1),
    "filter.growth": (0.1, 0.2, 0.4),
}
"""What is tried of each parameter, in order."""
LEAST_GAIN = 0.02
"""A step that gains less is not taken: it would be noise."""
MAX_ROUNDS = 3
"""How often a search goes through all parameters at most."""


@dataclass(frozen=True, eq=False)
class Case:
    """One sequence with one detector at one rate."""

    group: str
    """Folder and rate: cases of one group are counted together."""
    truth: str
    """Name of the sequence; cases that share it are left out together."""
    sequence: MotSequence
    """What to track, without the frames between."""


def read_cases(folders: Iterable[Path], every: Iterable[int]) -> list[Case]:
    """Return every sequence of the folders at each of the rates: 1 for all frames, 2 for every second and so on."""
    cases = []
    for folder in folders:
        for one in read_sequences(folder):
            for step in every:
                kept = one.without(np.arange(one.frames) % step != 0)
                cases.append(Case(folder.name if step == 1 else f"{folder.name}/{step}", one.name, kept))
    return cases


def steady(settings: Settings) -> Tracker:
    """Return the default tracker as a pipeline makes it, but for these settings."""
    names = {f"filter.{one.name}" for one in fields(BoxFilter)}
    box_filter = BoxFilter(**{name.partition(".")[2]: value for name, value in settings.items() if name in names})
    own: dict[str, Any] = {name: value for name, value in settings.items() if name not in names}
    return SteadyTracker(**{"class_agnostic": True, "report_score": 0.25, "box_filter": box_filter, **own})


class Scores:
    """Counts of each case for settings, computed once.

    Args:
        cases: what to track.
        create: makes a tracker of the settings.
        path: file that keeps scores between runs; ``None`` to keep none.
    """

    def __init__(
        self, cases: list[Case], create: Callable[[Settings], Tracker] = steady, path: Path | None = None
    ) -> None:
        self.cases = cases
        self.truths = sorted({case.truth for case in cases})
        self._create = create
        self._path = path
        self._detections = [case.sequence.detections() for case in cases]
        self._known: dict[str, dict[str, float]] = {}
        if path is not None and path.exists():
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def counts(self, settings: Settings) -> list[TrackCounts]:
        """Return what is counted in each case."""
        return [self._count(case, found, settings) for case, found in zip(self.cases, self._detections, strict=True)]

    def by_truth(self, settings: Settings) -> dict[str, float]:
        """Return the score of each truth."""
        key = json.dumps(settings, sort_keys=True)
        if key not in self._known:
            score: dict[str, list[float]] = {truth: [] for truth in self.truths}
            for case, counts in zip(self.cases, self.counts(settings), strict=True):
                score[case.truth].append(_score(counts))
            self._known[key] = {truth: float(np.mean(values)) for truth, values in score.items()}
            if self._path is not None:
                self._path.write_text(json.dumps(self._known), encoding="utf-8")
        return self._known[key]

    def _count(self, case: Case, detections: list[Any], settings: Settings) -> TrackCounts:
        tracker, rows = self._create(settings), []
        for number, found in zip(case.sequence.number.tolist(), detections, strict=True):
            tracked = tracker.update(found, pts_s=(number - 1) / case.sequence.fps)
            rows.append(result_rows(tracked, frame_number=number))
        return count(match_sequence(case.sequence, np.concatenate(rows)))


def _score(counts: TrackCounts) -> float:
    figures = counts.figures()
    return (figures["HOTA"] + figures["IDF1"]) / 2


def sweep(
    scores: Scores, space: Mapping[str, tuple[float, ...]], base: Settings
) -> Iterator[tuple[str, float, np.ndarray[Any, np.dtype[np.float64]]]]:
    """Yield for each value of each parameter the change of the score, (truths,)."""
    before = scores.by_truth(base)
    for name, values in space.items():
        for value in values:
            after = scores.by_truth({**base, name: value})
            yield name, value, np.array([after[truth] - before[truth] for truth in scores.truths])


def climb(scores: Scores, truths: Iterable[str], space: Mapping[str, tuple[float, ...]], base: Settings) -> Settings:
    """Return the settings that a search along one parameter after another finds best for these truths."""
    chosen = tuple(truths)

    def value_of(settings: Settings) -> float:
        by_truth = scores.by_truth(settings)
        return float(np.mean([by_truth[truth] for truth in chosen]))

    best, best_value = base, value_of(base)
    for _ in range(MAX_ROUNDS):
        begun = best_value
        for name, values in space.items():
            tried = [{**best, name: value} for value in values if best.get(name) != value]
            settings = max(tried, key=value_of)
            if value_of(settings) > best_value + LEAST_GAIN:
                best, best_value = settings, value_of(settings)
        if best_value == begun:
            break
    return best


def cross_validate(scores: Scores, space: Mapping[str, tuple[float, ...]], base: Settings) -> dict[str, Any]:
    """Return what the search finds on all truths, and what it is worth on each that it did not see."""
    fitted = climb(scores, scores.truths, space, base)
    choice = {
        truth: climb(scores, [other for other in scores.truths if other != truth], space, base)
        for truth in scores.truths
    }
    report: dict[str, Any] = {"fitted": fitted, "left_out": choice, "truths": {}, "groups": {}}
    before, after = scores.by_truth(base), scores.by_truth(fitted)
    for truth in scores.truths:
        report["truths"][truth] = {
            "base": before[truth],
            "fitted": after[truth],
            "left_out": scores.by_truth(choice[truth])[truth],
        }
    columns = {"base": scores.counts(base), "fitted": scores.counts(fitted)}
    of_choice = {json.dumps(one, sort_keys=True): scores.counts(one) for one in choice.values()}
    columns["left_out"] = [
        of_choice[json.dumps(choice[case.truth], sort_keys=True)][index] for index, case in enumerate(scores.cases)
    ]
    for group in dict.fromkeys(case.group for case in scores.cases):
        report["groups"][group] = {
            column: _rounded(
                add_counts(c for case, c in zip(scores.cases, counts, strict=True) if case.group == group).figures()
            )
            for column, counts in columns.items()
        }
    return report


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(figures[name], 2) for name in ("HOTA", "IDF1", "IDSW")}


def markdown(report: dict[str, Any]) -> str:
    """Return the tables of a cross-validation."""
    columns = ("base", "fitted", "left_out")
    lines = ["| HOTA / IDF1 | defaults | fitted | left out |", "|---|---|---|---|"]
    for group, by_column in report["groups"].items():
        cells = [f"{by_column[column]['HOTA']:.2f} / {by_column[column]['IDF1']:.2f}" for column in columns]
        lines.append(f"| {group} | {' | '.join(cells)} |")
    values = np.array([[row[column] for column in columns] for row in report["truths"].values()])
    lines += ["", "| mean of HOTA and IDF1 | defaults | fitted | left out |", "|---|---|---|---|"]
    for truth, row in zip(report["truths"], values, strict=True):
        lines.append(f"| {truth} | {' | '.join(f'{value:.2f}' for value in row)} |")
    lines.append(f"| mean | {' | '.join(f'{value:.2f}' for value in values.mean(axis=0))} |")
    change = values - values[:, :1]
    cells = [
        f"{mean:+.2f} ± {error:.2f}" for mean, error in zip(change.mean(axis=0), standard_error(change), strict=True)
    ]
    lines.append(f"| change, ± standard error | - | {' | '.join(cells[1:])} |")
    lines += ["", f"Fitted on all: `{json.dumps(report['fitted'])}`"]
    return "\n".join(lines) + "\n"


def standard_error(values: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Return the standard error of the mean over the first axis."""
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


@click.group(help=__doc__)
def main() -> None:
    """Commands."""
    with suppress(AttributeError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


_DATA = [
    click.option("--data", "folders", type=Path, multiple=True, required=True, help="Folder of sequences; repeatable."),
    click.option("--every", type=int, multiple=True, default=(1,), show_default=True, help="Every Nth frame alone."),
    click.option("--only", multiple=True, help="Parameters to try; all by default."),
    click.option("--set", "base", multiple=True, metavar="NAME=VALUE", help="Where to begin, instead of the defaults."),
    click.option("--output", type=Path, metavar="DIR", help="Folder for scores and tables."),
]


def _with_data(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_DATA):
        command = option(command)
    return command


def _begin(
    folders: tuple[Path, ...], every: tuple[int, ...], only: tuple[str, ...], base: tuple[str, ...], output: Path | None
) -> tuple[Scores, dict[str, tuple[float, ...]], Settings]:
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    scores = Scores(read_cases(folders, every), path=output / "scores.json" if output else None)
    space = {name: values for name, values in SPACE.items() if not only or name in only}
    settings = {name: float(value) for name, _, value in (one.partition("=") for one in base)}
    return scores, space, settings


@main.command("sweep")
@_with_data
def sweep_command(**options: Any) -> None:
    """Change one parameter at a time."""
    scores, space, base = _begin(**options)
    before = scores.by_truth(base)
    click.echo(f"{len(scores.cases)} cases of {len(scores.truths)} truths, score {np.mean(list(before.values())):.2f}")
    for name, value, change in sweep(scores, space, base):
        mean, gains = change.mean(), int((change > 0).sum())
        click.echo(f"{name:28} {value:6g} {mean:+6.2f} ± {standard_error(change):.2f}  {gains}/{len(change)} gain")


@main.command("search")
@_with_data
def search_command(**options: Any) -> None:
    """Search on all truths, and on all but each."""
    scores, space, base = _begin(**options)
    report = cross_validate(scores, space, base)
    if options["output"] is not None:
        (options["output"] / "cross_validation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (options["output"] / "cross_validation.md").write_text(markdown(report), encoding="utf-8")
    click.echo(markdown(report))


if __name__ == "__main__":
    main()
