"""``streamvision eval semantic``: how well the pixels of pictures are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from streamvision.cli.eval_options import cells, choose_split, chosen_options, measured_options, table
from streamvision.cli.steps import StepProgress
from streamvision.evaluation.regions import SemanticEvaluation, evaluate_regions


@click.command(name="semantic", short_help="Intersection over union of each class of pixels.")
@measured_options
def semantic(
    model: Path, data: Path, split: str | None, classes: tuple[str, ...], as_json: bool, **runtime: Any
) -> None:
    """Measure how well MODEL names the pixels of pictures.

    DIR has images/ and masks/, a PNG of the same name for each picture whose grey levels or palette indices are class
    ids; 255 counts neither way. Class names stand in classes.txt, a line each; without it they are the model's.

    \b
    Examples:
      streamvision eval semantic deeplabv3.onnx --data voc-maps
      streamvision eval semantic unet.onnx --data road --class road --json
    """
    from streamvision.datasets.class_labels import read_class_maps

    pictures, notes = choose_split(read_class_maps(data), split)
    options = chosen_options(runtime)
    with StepProgress("pictures") as progress:
        result = evaluate_regions(
            model, pictures, options=options, classes=classes, notes=notes, on_progress=progress.show
        )
    click.echo(json.dumps(result.to_json()) if as_json else describe(result))


def describe(result: SemanticEvaluation) -> str:
    """Return the figures as a table for the terminal."""
    iou, marked = result.iou(), result.confusion.sum(axis=1)
    rows: list[tuple[str, ...]] = [("class", "IoU", "of all pixels"), ("all", *cells(result.mean_iou), "100 %")]
    rows += [
        (result.names[class_id], *cells(iou[class_id]), f"{marked[class_id] / marked.sum():.1%}")
        for class_id in result.measured
        if not np.isnan(iou[class_id])
    ]
    lines = [f"{result.model} on {result.images} pictures, {result.seconds:.1f} s", *table(rows)]
    lines.append(f"{result.pixel_accuracy:.1%} of the pixels are named rightly.")
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])
