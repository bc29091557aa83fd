"""``streamvision eval classify``: how well whole pictures are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamvision.cli.eval_options import cells, choose_split, chosen_options, measured_options, table
from streamvision.cli.steps import StepProgress
from streamvision.evaluation.classes import TOP, ClassifyEvaluation, evaluate_classes


@click.command(name="classify", short_help="Top-1 and top-5 accuracy of a classifier.")
@measured_options
def classify(
    model: Path, data: Path, split: str | None, classes: tuple[str, ...], as_json: bool, **runtime: Any
) -> None:
    """Measure how often MODEL names pictures rightly.

    DIR has a folder of pictures for each class, or such folders within train, val and test. Classes are matched by
    name.

    \b
    Examples:
      streamvision eval classify yolov8n-cls.onnx --data imagenette
      streamvision eval classify flowers.onnx --data flowers --split test --json
    """
    from streamvision.datasets.class_labels import read_class_folders

    pictures, notes = choose_split(read_class_folders(data), split)
    options = chosen_options(runtime)
    with StepProgress("pictures") as progress:
        result = evaluate_classes(
            model, pictures, options=options, classes=classes, notes=notes, on_progress=progress.show
        )
    click.echo(json.dumps(result.to_json()) if as_json else describe(result))


def describe(result: ClassifyEvaluation) -> str:
    """Return the figures as a table for the terminal."""
    rows: list[tuple[str, ...]] = [("class", "top-1", f"top-{TOP}", "pictures")]
    rows.append(("all", *cells(result.top(1), result.top(TOP)), f"{len(result.place)}"))
    for class_id, name in enumerate(result.names):
        if count := int((result.truth == class_id).sum()):
            rows.append((name, *cells(result.top(1, class_id), result.top(TOP, class_id)), f"{count}"))
    lines = [f"{result.model} on {len(result.place)} pictures, {result.seconds:.1f} s", *table(rows)]
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])
