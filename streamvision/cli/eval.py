"""``streamvision eval``: how good a model is, in figures that others use too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamvision.cli.eval_classify import classify
from streamvision.cli.eval_obb import obb
from streamvision.cli.eval_options import cells, choose_split, chosen_options, runtime_options, split_option, table
from streamvision.cli.eval_pose import pose
from streamvision.cli.eval_segment import segment
from streamvision.cli.eval_semantic import semantic
from streamvision.cli.eval_track import track
from streamvision.cli.steps import StepProgress
from streamvision.datasets.dataset import Dataset, DatasetFormat
from streamvision.datasets.formats import FORMATS
from streamvision.evaluation.evaluate import Evaluation, evaluate


@click.group(name="eval")
def evaluation() -> None:
    """Measure a model, or a tracker, on labelled data."""


for command in (track, segment, pose, obb, semantic, classify):
    evaluation.add_command(command)


@evaluation.command(short_help="Average precision of a detector, and why it is wrong.")
@click.argument("model", type=Path)
@click.option("--data", type=Path, required=True, metavar="DIR", help="Labelled pictures, in any of the formats.")
@click.option(
    "--format",
    "data_format",
    type=click.Choice(list(FORMATS)),
    help="Format of DIR; default: told by itself.",
)
@split_option
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Measure these classes only.")
@click.option(
    "--save-predictions", type=Path, metavar="F.json", help="Write all that was found in COCO's results form."
)
@click.option(
    "--report", type=Path, metavar="F.html", help="Write a page that explains the figures; it opens without network."
)
@click.option(
    "--train-data",
    type=Path,
    metavar="DIR",
    help="What the model was trained with, for look-alikes in the report; default: the train part of DIR.",
)
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def detect(
    model: Path,
    data: Path,
    data_format: DatasetFormat | None,
    split: str | None,
    classes: tuple[str, ...],
    save_predictions: Path | None,
    report: Path | None,
    train_data: Path | None,
    as_json: bool,
    **runtime: Any,
) -> None:
    """Measure how well MODEL finds the objects that are marked in a data set.

    MODEL is an exported model (.onnx, .xml, .tflite) or an ultralytics checkpoint (.pt, needs the train extra). The
    figures are COCO's: every object down to a score of 0.001 counts, and classes are matched by name.

    \b
    Examples:
      streamvision eval detect signs.onnx --data roadsigns
      streamvision eval detect best.pt --data roadsigns --split test --report report.html
      streamvision eval detect signs.onnx --data roadsigns --save-predictions found.json --json
    """
    from streamvision.datasets import read_dataset

    whole = read_dataset(data, format=data_format)
    dataset, notes = choose_split(whole, split)
    training = read_dataset(train_data) if train_data else training_part(whole, dataset)
    options = chosen_options(runtime)
    with StepProgress("pictures") as progress:
        result = evaluate(model, dataset, options=options, classes=classes, notes=notes, on_progress=progress.show)
    if save_predictions:
        result.predictions.save(save_predictions)
    if report:
        from streamvision.evaluation.features import open_embedder
        from streamvision.evaluation.report import build_report

        click.echo(f"Drawing {report} ...", err=True)
        title = f"{model.name} on {data.resolve().name}"
        build_report(result, report, title=title, embedder=open_embedder(model), training=training)
    click.echo(json.dumps(result.to_json()) if as_json else describe(result))


def training_part(whole: Dataset, measured: Dataset) -> Dataset | None:
    """Return the train part of a data set where it is not what is measured, ``None`` where there is none."""
    seen = {image.path for image in measured.images}
    part = whole.part("train")
    return part if part.images and not any(image.path in seen for image in part.images) else None


def describe(result: Evaluation) -> str:
    """Return the figures as a table for the terminal."""
    figures = result.figures
    rows: list[tuple[str, ...]] = [("class", "mAP50-95", "mAP50", "mAP75", "objects", "pictures")]
    objects = sum(one.objects for one in figures.per_class.values())
    rows.append(("all", *cells(figures.map50_95, figures.map50, figures.map75), f"{objects}", f"{result.images}"))
    rows += [
        (name, *cells(one.map50_95, one.map50, one.map75), f"{one.objects}", f"{one.images}")
        for name, one in figures.per_class.items()
        if one.objects
    ]
    lines = [f"{result.model} on {result.images} pictures, {result.seconds:.1f} s", *table(rows)]
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])
