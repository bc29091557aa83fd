"""``streamvision eval``: how good a model is, in figures that others use too."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from streamvision.cli.dataset_options import format_option
from streamvision.cli.eval_caption import caption
from streamvision.cli.eval_compare import compare_models
from streamvision.cli.eval_cuboid import cuboid
from streamvision.cli.eval_drive import drive
from streamvision.cli.eval_image import image
from streamvision.cli.eval_options import chosen_options, measured_options, report_option, report_options, write_report
from streamvision.cli.eval_tables import (
    Rows,
    answer_rows,
    box_rows,
    class_rows,
    pixel_rows,
    shape_rows,
)
from streamvision.cli.eval_thresholds import thresholds
from streamvision.cli.eval_track import track
from streamvision.cli.progress import StepProgress
from streamvision.core.config.section import validate
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.model_location import ModelLocation
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.datasets import read_dataset
from streamvision.datasets.answer_table import read_answers
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.class_labels import read_class_maps
from streamvision.datasets.dataset import DatasetFormat, PictureSet
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.answers import evaluate_answers
from streamvision.evaluation.classify import evaluate_classifier
from streamvision.evaluation.evaluate import ShapeTask, evaluate, evaluate_shapes
from streamvision.evaluation.model import open_model
from streamvision.evaluation.semantic import evaluate_semantic

P = TypeVar("P", bound=PictureSet[Any])

SHAPES: dict[ShapeTask, tuple[str, str]] = {
    "segment": (
        "Average precision of masks.",
        """Measure how well MODEL finds objects to the pixel.

        Labels are YOLO polygons or COCO's instances_*.json. The figures are COCO's, by the overlap of masks, and beside
        them those by the edges of masks (boundary IoU, Cheng et al. 2021) and by box. Objects that are marked by a box
        alone count neither way.

        \b
        Examples:
          streamvision eval segment yolov8n-seg.onnx --data coco --split val
          streamvision eval segment maskrcnn.onnx --data coco/annotations/instances_val2017.json --json
        """,
    ),
    "pose": (
        "Average precision of keypoints, and how far they lie off.",
        """Measure how well MODEL finds the keypoints of objects.

        Labels are COCO's person_keypoints_*.json, given itself, or YOLO text files with kpt_shape in data.yaml. The
        figures are COCO's, by object keypoint similarity with the spreads (sigmas) of the model's card; objects without
        a visible keypoint are not counted. Beside them: how far keypoints lie off, in pixels and as a share of the
        distance between the outer corners of the eyes (300-W's normalised mean error; of the box where there are no
        such points), failures, and PCK.

        \b
        Examples:
          streamvision eval pose yolov8n-pose.onnx --data coco/annotations/person_keypoints_val2017.json
          streamvision eval pose tiger.onnx --data tigers --split val --json
        """,
    ),
    "obb": (
        "Average precision of oriented boxes.",
        """Measure how well MODEL finds objects that lie at an angle.

        Labels are YOLO lines with four corners, or polygons, whose smallest oriented box is taken. The figures are
        computed as COCO's, with the exact overlap of oriented boxes.

        \b
        Examples:
          streamvision eval obb yolo11n-obb.onnx --data dota8
          streamvision eval obb ships.onnx --data ships --class ship --json
        """,
    ),
}
"""By task whose objects have more than a box: what its command does in one line, and its help."""


class TaskGroup(click.Group):
    """Says that the task comes first where a model is given in its place."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a task."""
        name = args[0]
        if name not in self.commands and not context.resilient_parsing:
            near = difflib.get_close_matches(name, self.commands, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"say first what is measured: {', '.join(self.commands)}"
            context.fail(f"{name!r} is no task; {hint}")
        return super().resolve_command(context, args)


@click.group(name="eval", cls=TaskGroup)
def evaluation() -> None:
    """Measure a model, or a tracker, on labelled data."""


evaluation.add_command(track)
evaluation.add_command(caption)
evaluation.add_command(compare_models)
evaluation.add_command(cuboid)
evaluation.add_command(drive)
evaluation.add_command(thresholds)
evaluation.add_command(image)


@evaluation.command(short_help="Average precision of a detector, and why it is wrong.")
@measured_options(labels=True)
@report_options
@format_option("--train-format", "train_format", of="--train-data")
def detect(
    model: ModelLocation,
    data: Path,
    data_format: DatasetFormat | None,
    split: str | None,
    save_predictions: Path | None,
    report: Path | None,
    train_data: Path | None,
    train_format: DatasetFormat | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how well MODEL finds the objects that are marked in a data set.

    MODEL is an exported model (.onnx, .xml, .tflite, .param), one that ships, such as road_signs, or a checkpoint
    (.pt; that needs torch: `pip install 'streamvision-edge[train]'`). The figures are COCO's: every object down to a
    score of 0.001 counts, and classes are matched by name.

    \b
    Examples:
      streamvision eval detect signs.onnx --data roadsigns
      streamvision eval detect best.pt --data roadsigns --split test --report report.html
      streamvision eval detect signs.onnx --data roadsigns --save-predictions found.json --json
    """
    dataset = read_dataset(data, format=data_format)
    training = read_dataset(train_data, format=train_format, option="--train-format") if train_data else None
    result, measured = _measure(evaluate, model, dataset, split, given)
    if save_predictions:
        result.predictions.save(save_predictions)
    if report:
        from streamvision.evaluation.report import build_report

        training = training or training_part(dataset, measured)
        _report(build_report, result, report, model=model, data=data, training=training, given=given)
    _print(result, result.images, box_rows(result), as_json=as_json)


def _add_shape_command(task: ShapeTask, short_help: str, text: str) -> None:
    @evaluation.command(name=task, short_help=short_help, help=text)
    @measured_options(labels=True)
    def command(
        model: ModelLocation,
        data: Path,
        data_format: DatasetFormat | None,
        split: str | None,
        save_predictions: Path | None,
        as_json: bool,
        **given: Any,
    ) -> None:
        dataset = read_dataset(data, format=data_format, shapes=True)
        result, _ = _measure(partial(evaluate_shapes, task), model, dataset, split, given)
        if save_predictions:
            result.save_predictions(save_predictions)
        errors = result.keypoint_errors.sentences() if result.keypoint_errors else ()
        _print(result, len(result.predictions.images), shape_rows(result), *errors, as_json=as_json)


for _task, (_short_help, _text) in SHAPES.items():
    _add_shape_command(_task, _short_help, _text)


@evaluation.command(short_help="Intersection over union of each class of pixels.")
@measured_options(labels=False)
@report_options
def semantic(
    model: ModelLocation,
    data: Path,
    split: str | None,
    report: Path | None,
    train_data: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how well MODEL names the pixels of pictures: intersection over union of areas and of their edges.

    DIR has images/ and masks/, a PNG of the same name for each picture whose grey levels or palette indices are class
    ids; 255 counts neither way. Class names stand in classes.txt, a line each; without it they are the model's.

    \b
    Examples:
      streamvision eval semantic deeplabv3.onnx --data voc-maps
      streamvision eval semantic unet.onnx --data road --report report.html
    """
    pictures = read_class_maps(data)
    training = read_class_maps(train_data) if train_data else None
    result, measured = _measure(evaluate_semantic, model, pictures, split, given)
    if report:
        from streamvision.evaluation.report import build_semantic_report

        training = training or training_part(pictures, measured)
        _report(build_semantic_report, result, report, model=model, data=data, training=training, given=given)
    accuracy = f"{result.pixel_accuracy:.1%} of the pixels are named rightly."
    _print(result, result.images, pixel_rows(result), accuracy, as_json=as_json)


@evaluation.command(short_help="Accuracy and F1 of a classifier.")
@measured_options(labels=False, data="DIR|TABLE")
@report_options
def classify(
    model: ModelLocation,
    data: Path,
    split: str | None,
    report: Path | None,
    train_data: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how often MODEL names pictures rightly.

    DIR has a folder of pictures for each class, or such folders within train, val and test; or it is a CSV table with
    the columns filename and class. Classes are matched by name. A class's top-1 is its recall; F1 of all is the mean
    of the classes' own.

    \b
    Examples:
      streamvision eval classify yolov8n-cls.onnx --data imagenette
      streamvision eval classify flowers.onnx --data flowers --split test --report report.html
    """
    pictures = read_classes(data)
    training = read_classes(train_data) if train_data else None
    result, measured = _measure(evaluate_classifier, model, pictures, split, given)
    if report:
        from streamvision.evaluation.report import build_classify_report

        training = training or training_part(pictures, measured)
        _report(build_classify_report, result, report, model=model, data=data, training=training, given=given)
    _print(result, len(result.place), class_rows(result), as_json=as_json)


@evaluation.command(short_help="Accuracy and errors of several answers at once.")
@measured_options(labels=False, data="TABLE.csv")
@report_option
@click.option(
    "--answers", "columns", multiple=True, metavar="COLUMN", help="Measure these columns; default: as in training."
)
def answers(
    model: ModelLocation,
    data: Path,
    split: str | None,
    report: Path | None,
    columns: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how well MODEL tells a class and numbers of each picture.

    TABLE.csv has a row for each picture: filename, the part where there are several (split), and the
    answers under names of their own, a number's unit in brackets: filename,weather,distance [m]. Cells that are empty
    count neither way. Beside each figure stands that of the naive answer, which is always the same: the commonest
    class, or the mean. The skill is the share of its error that is gone, over all answers on average.

    \b
    Examples:
      streamvision eval answers best.onnx --data drive/answers.csv
      streamvision eval answers faces.onnx --data faces.csv --answers gender --answers age --report report.html
    """
    pictures = read_answers(data, only=columns)
    result, _ = _measure(evaluate_answers, model, pictures, split, given)
    if report:
        from streamvision.evaluation.report import build_answers_report

        write_report(build_answers_report, result, report, model=model, data=data)
    skill = "-" if result.skill is None else f"{result.skill:.3f}"
    remark = f"Skill over the naive answers: {skill} (1 is without error)."
    _print(result, result.images, answer_rows(result), remark, as_json=as_json)


def _measure(
    evaluate: Callable[..., Any], model: ModelLocation, pictures: Any, split: str | None, given: dict[str, Any]
) -> tuple[Any, Any]:
    """Return the evaluation of the part that was asked for, and that part; ``given`` holds the other options."""
    part, notes = choose_split(pictures, split)
    classes = given.pop("classes")
    if (tiles := given.pop("slices", None)) is not None:
        evaluate = partial(evaluate, slices=validate(SlicesConfig, {"tiles": tiles}, origin="--slices"))
    with open_model(model, **chosen_options(given)) as detector, StepProgress("pictures") as progress:
        return evaluate(detector, part, classes=classes, notes=notes, on_progress=progress.show), part


def _report(
    build: Callable[..., None],
    result: Any,
    report: Path,
    *,
    model: ModelLocation,
    data: Path,
    training: Any,
    given: dict[str, Any],
) -> None:
    """Write the page that explains an evaluation; ``given`` holds the options of the runtime."""
    from streamvision.evaluation.features import open_embedder

    embedder = open_embedder(model, trust_checkpoint=given["trust_checkpoint"])
    write_report(partial(build, embedder=embedder, training=training), result, report, model=model, data=data)


def _print(result: Any, pictures: int, rows: Rows, *remarks: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    lines = [f"{result.model} on {counted(pictures, 'pictures')}, {result.seconds:.1f} s", *table(rows), *remarks]
    click.echo("\n".join([*lines, *(f"Note: {note}" for note in result.notes)]))


def training_part(dataset: P, measured: P) -> P | None:
    """Return the train part of a data set where it is not what is measured, ``None`` where there is none."""
    seen = {image.path for image in measured.images}
    part = dataset.part("train")
    return part if part.images and not any(image.path in seen for image in part.images) else None
