"""What ``eval segment``, ``eval pose`` and ``eval obb`` have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from streamvision.cli.eval_options import cells, choose_split, chosen_options, measured_options, table
from streamvision.cli.steps import StepProgress
from streamvision.datasets.dataset import DatasetFormat
from streamvision.datasets.formats import FORMATS
from streamvision.evaluation.evaluate_shapes import ShapeEvaluation, ShapeTask, evaluate_shapes

F = TypeVar("F", bound=Callable[..., Any])


def shape_options(command: F) -> F:
    """Add the options of these commands."""
    for option in (
        click.option(
            "--save-predictions", type=Path, metavar="F.json", help="Write all that was found in COCO's form."
        ),
        click.option(
            "--format",
            "data_format",
            type=click.Choice(list(FORMATS)),
            help="Format of DIR; default: told by itself.",
        ),
        measured_options,
    ):
        command = option(command)
    return command


def measure(
    task: ShapeTask,
    *,
    model: Path,
    data: Path,
    data_format: DatasetFormat | None,
    split: str | None,
    classes: tuple[str, ...],
    save_predictions: Path | None,
    as_json: bool,
    **runtime: Any,
) -> None:
    """Run the evaluation and print it; the arguments are the options."""
    from streamvision.datasets import read_dataset

    dataset, notes = choose_split(read_dataset(data, format=data_format, shapes=True), split)
    options = chosen_options(runtime)
    with StepProgress("pictures") as progress:
        result = evaluate_shapes(
            task, model, dataset, options=options, classes=classes, notes=notes, on_progress=progress.show
        )
    if save_predictions:
        result.save_predictions(save_predictions)
    click.echo(json.dumps(result.to_json()) if as_json else describe(result))


def describe(result: ShapeEvaluation) -> str:
    """Return the figures as a table for the terminal."""
    figures, boxes = result.figures, result.box_figures
    rows: list[tuple[str, ...]] = [("class", f"{result.by} mAP50-95", "mAP50", "mAP75", "box mAP50-95", "objects")]
    of_all = cells(figures.map50_95, figures.map50, figures.map75, boxes.map50_95)
    rows.append(("all", *of_all, f"{sum(one.objects for one in figures.per_class.values())}"))
    rows += [
        (name, *cells(one.map50_95, one.map50, one.map75, boxes.per_class[name].map50_95), f"{one.objects}")
        for name, one in figures.per_class.items()
        if one.objects
    ]
    pictures = len(result.predictions.images)
    lines = [f"{result.model} on {pictures} pictures, {result.seconds:.1f} s", *table(rows)]
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])
