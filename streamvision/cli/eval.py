"""``streamvision eval``: how good a model is, in figures that others use too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from streamvision.cli.eval_track import track
from streamvision.cli.options import field_option
from streamvision.cli.steps import StepProgress
from streamvision.config import ModelConfig
from streamvision.errors import ConfigError
from streamvision.training.dataset import Dataset, DatasetFormat, Split
from streamvision.training.evaluation.evaluate import Evaluation, ModelOptions, evaluate

SPLITS = (*get_args(Split), "all")


@click.group(name="eval")
def evaluation() -> None:
    """Measure a model, or a tracker, on labelled data."""


evaluation.add_command(track)


@evaluation.command(short_help="Average precision of a detector, and why it is wrong.")
@click.argument("model", type=Path)
@click.option("--data", type=Path, required=True, metavar="DIR", help="Labelled pictures, in any of the formats.")
@click.option(
    "--format",
    "data_format",
    type=click.Choice(get_args(DatasetFormat)),
    help="Format of DIR; default: told by itself.",
)
@click.option(
    "--split", type=click.Choice(SPLITS), help="Part to measure; default: val, else test, else all where there is none."
)
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
@field_option("--backend", ModelConfig, "backend")
@field_option("--device", ModelConfig, "device")
@field_option("--precision", ModelConfig, "precision")
@field_option("--threads", ModelConfig, "threads")
@click.option(
    "--imgsz",
    type=click.IntRange(min=32),
    metavar="PX",
    help="Longer side of the input, for models that take any size.",
)
@field_option("--head", ModelConfig, "head")
@click.option("--names", metavar="A,B,...", help=ModelConfig.model_fields["names"].description)
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
    imgsz: int | None,
    names: str | None,
    as_json: bool,
    **runtime: str | int | None,
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
    from streamvision.training.datasets import read_dataset

    whole = read_dataset(data, format=data_format)
    dataset, notes = choose_split(whole, split)
    training = read_dataset(train_data) if train_data else training_part(whole, dataset)
    options = ModelOptions(
        **{key: value for key, value in runtime.items() if value is not None},  # type: ignore[arg-type]
        side_px=imgsz,
        names=tuple(names.split(",")) if names else None,
    )
    with StepProgress("pictures") as progress:
        result = evaluate(model, dataset, options=options, classes=classes, notes=notes, on_progress=progress.show)
    if save_predictions:
        result.predictions.save(save_predictions)
    if report:
        from streamvision.training.evaluation.features import open_embedder
        from streamvision.training.evaluation.report import build_report

        click.echo(f"Drawing {report} ...", err=True)
        title = f"{model.name} on {data.resolve().name}"
        build_report(result, report, title=title, embedder=open_embedder(model), training=training)
    click.echo(json.dumps(result.to_json()) if as_json else describe(result))


def choose_split(dataset: Dataset, split: str | None) -> tuple[Dataset, tuple[str, ...]]:
    """Return the part that is to be measured, and what to say about it.

    Raises:
        ConfigError: when the data set has no such part.
    """
    present = [name for name in get_args(Split) if any(image.split == name for image in dataset.images)]
    if split == "all" or (split is None and not present):
        return dataset, ()
    notes: tuple[str, ...] = ()
    if split is None:
        split = next(name for name in ("val", "test", "train") if name in present)
        notes = (f"The data set has the parts {', '.join(present)}; {split} was measured, --split chooses another.",)
    if split not in present:
        has = f"the parts {', '.join(present)}" if present else "no parts"
        raise ConfigError(f"--split {split}: the data set has {has}; leave it out or choose one of these")
    return dataset.part(split), notes  # type: ignore[arg-type]


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
    rows.append(("all", *_cells(figures.map50_95, figures.map50, figures.map75), f"{objects}", f"{result.images}"))
    rows += [
        (name, *_cells(one.map50_95, one.map50, one.map75), f"{one.objects}", f"{one.images}")
        for name, one in figures.per_class.items()
        if one.objects
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{result.model} on {result.images} pictures, {result.seconds:.1f} s"]
    for name, *cells in rows:
        lines.append("  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]))
    return "\n".join([*lines, *(f"Note: {note}" for note in result.notes)])


def _cells(*values: float | None) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in values]
