"""``streamvision eval track``: how well identities are kept."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path

import click
import numpy as np

from pipelines.stages.tracking import create_tracker
from pipelines.trajectories.smoothing import smoothed_rows
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import field_option
from streamvision.cli.progress import StepProgress
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.errors import ConfigError
from streamvision.core.files import writing
from streamvision.core.terminal import table
from streamvision.evaluation.tracks.benchmarks import BENCHMARKS
from streamvision.evaluation.tracks.evaluate import (
    TrackEvaluation,
    check_truth,
    evaluate,
    read_results,
    run_tracker,
    save_results,
)
from streamvision.evaluation.tracks.metrics import add_counts
from streamvision.evaluation.tracks.mot_files import MotSequence, read_sequences

log = logging.getLogger(__name__)

COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")


@click.command(name="track", short_help="HOTA, MOTA and IDF1 of a tracker.")
@click.option(
    "--data", type=Path, required=True, metavar="DIR", help="Folder of MOTChallenge sequences, or one sequence."
)
@click.option(
    "--benchmark",
    type=click.Choice(tuple(BENCHMARKS)),
    help="Whose rules hold: which classes of the truth count, and which may be found or not. [default: as names of "
    "folders say, else mot17 for a truth with classes and mot15 for one without]",
)
@click.option(
    "--class",
    "classes",
    type=click.IntRange(0, 1_000_000),
    multiple=True,
    metavar="N",
    help="Class of the truth that is to be found, by number; may be repeated. [default: 1, pedestrians]",
)
@field_option("--tracker", TrackerConfig, "name")
@field_option("--memory-s", TrackerConfig, "memory_s")
@click.option("--score", type=FiniteRange(0, 1), default=0.25, show_default=True, help="Lowest score of interest.")
@click.option(
    "--results", type=Path, metavar="DIR", help="Measure these files (one NAME.txt a sequence) instead of a tracker."
)
@click.option("--save-results", "save", type=Path, metavar="DIR", help="Write what was tracked as MOTChallenge files.")
@click.option(
    "--smooth",
    is_flag=True,
    help="Measure whole trajectories, as `run --smooth` writes them: pieces joined, gaps filled, paths smoothed.",
)
@click.option("--plot", type=Path, metavar="F.png", help="Draw the figures (.png, .svg or .pdf).")
@click.option("--video", type=Path, metavar="DIR", help="Write an annotated video of each sequence (NAME.mp4).")
@click.option(
    "--drop",
    type=FiniteRange(0, 0.95),
    default=0.0,
    metavar="SHARE",
    help="Hide this share of the frames from the tracker, at random, and measure the others: how it bears dropped "
    "frames.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which frames --drop hides.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def track(
    data: Path,
    benchmark: str | None,
    classes: tuple[int, ...],
    name: str | None,
    memory_s: float | None,
    score: float,
    results: Path | None,
    save: Path | None,
    smooth: bool,
    plot: Path | None,
    video: Path | None,
    drop: float,
    seed: int,
    as_json: bool,
) -> None:
    """Measure how well a tracker keeps identities.

    Each sequence is a folder with seqinfo.ini, gt/gt.txt and det/det.txt in the form of MOTChallenge; the tracker gets
    the detections of det.txt. DanceTrack's sequences have none: measure --results there. The figures are equal to
    TrackEval's: HOTA, DetA, AssA, MOTA and IDF1 in percent, IDSW as a number.

    \b
    Examples:
      streamvision eval track --data MOT15/train
      streamvision eval track --data MOT17/train --tracker ocsort --save-results runs/ocsort --plot ocsort.png
      streamvision eval track --data MOT15/train --drop 0.5
      streamvision eval track --data MOT15/train --smooth
      streamvision eval track --data MOT15/train --results other-tracker/ --json
    """
    sequences = read_sequences(data, benchmark=benchmark, classes=classes)
    check_truth(sequences)
    if results and (name or drop):
        raise ConfigError("--results measures files that are there already; leave out --tracker and --drop")
    kept = [_thinned(sequence, drop=drop, seed=seed) for sequence in sequences]
    track_us: float | None = None
    if results:
        rows = read_results(results, sequences)
    else:
        given = {"name": name, "memory_s": memory_s}
        config = TrackerConfig.model_validate({key: value for key, value in given.items() if value is not None})
        if config.name == "none":
            raise ConfigError("--tracker none gives no identities, so there is nothing to measure; choose a tracker")
        for sequence in sequences:
            if sequence.ranked:
                log.warning("%s: scores of det.txt are not from 0 to 1, so only their order is used", sequence.name)
        create = partial(create_tracker, config, score=score)
        with StepProgress("frames") as progress:
            rows, track_us = run_tracker(kept, create, on_progress=progress.show)  # type: ignore[arg-type]  # not none
    if smooth:
        rows = {one.name: smoothed_rows(rows[one.name], one.number, one.fps) for one in kept}
    if save:
        save_results(rows, save)
    evaluation = evaluate(kept, rows, track_us=track_us)
    title = (str(results) if results else config.name) + smooth * ", smoothed"
    if plot:
        from streamvision.evaluation.tracks.evaluate import plot as draw

        draw(evaluation, plot, title=f"{title} on {data.resolve().name}")
    if video:
        _write_videos(sequences, evaluation, video)
    click.echo(json.dumps(evaluation.to_json()) if as_json else describe(evaluation, title=title))


def describe(evaluation: TrackEvaluation, *, title: str) -> str:
    """Return the figures as a table for the terminal."""
    cost = "" if evaluation.track_us is None else f", {evaluation.track_us:.0f} us a frame (median)"
    rules = " and ".join(sorted(set(evaluation.benchmarks.values())))
    title = f"{title}: {evaluation.frames} frames by the rules of {rules}{cost}"
    rows: list[tuple[str, ...]] = [("", *COLUMNS)]
    for name, counts in {**evaluation.counts, "combined": add_counts(evaluation.counts.values())}.items():
        figures = counts.figures()
        rows.append((name, *(f"{figures[c]:.0f}" if c == "IDSW" else f"{figures[c]:.2f}" for c in COLUMNS)))
    return "\n".join([title, *table(rows)])


def _thinned(sequence: MotSequence, *, drop: float, seed: int) -> MotSequence:
    if not drop:
        return sequence
    return sequence.without(np.random.default_rng(seed).random(sequence.frames) < drop)


def _write_videos(sequences: list[MotSequence], evaluation: TrackEvaluation, folder: Path) -> None:
    from pipelines.outputs.track_video import write_video

    with writing(folder, instead="give another folder"):
        folder.mkdir(parents=True, exist_ok=True)
    for sequence in sequences:
        with StepProgress(f"frames of {sequence.name}") as progress:
            path = folder / f"{sequence.name}.mp4"
            write_video(sequence, evaluation.results[sequence.name], path, on_progress=progress.show)
