"""``streamvision explain``: what a network looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from streamvision.cli.dataset_options import format_option
from streamvision.cli.eval_options import chosen_options, runtime_options
from streamvision.cli.options import field_option
from streamvision.cli.progress import StepProgress
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import OutputError
from streamvision.core.files import writing
from streamvision.datasets.dataset import DatasetFormat
from streamvision.evaluation.heat import METHOD_WORDS, Explanation, HeatMethod

DEFAULT_MASKS = 400


@click.command()
@click.argument("image", type=Path)
@click.option("--model", "path", type=Path, required=True, metavar="FILE", help="Checkpoint (.pt) or exported model.")
@click.option("--output", type=Path, metavar="F.png", help="Where to draw it; default: IMAGE-explained.png right here.")
@field_option("--score", ModelConfig, "score", default=0.25, help="Lowest score of an object that is explained.")
@click.option("--max-objects", type=click.IntRange(1, 23), default=5, show_default=True, help="Most objects explained.")
@click.option(
    "--method",
    type=click.Choice(get_args(HeatMethod)),
    default="auto",
    show_default=True,
    help="gradient: needs a .pt; occlusion: any model, slower; auto: gradient where it can be had.",
)
@click.option(
    "--masks",
    type=click.IntRange(min=16),
    default=DEFAULT_MASKS,
    show_default=True,
    help="Covered pictures tried by occlusion; more are finer and take longer.",
)
@click.option("--train-data", type=Path, metavar="DIR", help="Show the most similar objects of this data set too.")
@format_option("--train-format", "train_format", of="--train-data")
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON document on stdout.")
def explain(
    image: Path,
    path: Path,
    output: Path | None,
    score: float,
    max_objects: int,
    method: HeatMethod,
    masks: int,
    train_data: Path | None,
    train_format: DatasetFormat | None,
    as_json: bool,
    **runtime: Any,
) -> None:
    """Show what a network looked at when it found the objects on IMAGE.

    For a checkpoint, the heat comes from its gradients; for an exported model, from covering random parts of the
    picture and seeing which of them matter. Heat outside the box is context: a sign's pole, a car's road.

    \b
    Examples:
      streamvision explain crossing.jpg --model best.pt
      streamvision explain crossing.jpg --model signs.onnx --train-data roadsigns --output why.png
    """
    from streamvision.evaluation.heat import explain as explain_picture
    from streamvision.evaluation.heat_drawing import Thumb, draw_explanation
    from streamvision.evaluation.model import open_model
    from streamvision.evaluation.predictions import read_bgr

    bgr = read_bgr(image)
    with open_model(path, **chosen_options(runtime)) as detector, StepProgress("covered pictures") as progress:
        explanation = explain_picture(
            detector,
            bgr,
            path=path,
            score=score,
            most=max_objects,
            method=method,
            masks=masks,
            on_progress=progress.show,
        )
    trusted = runtime["trust_checkpoint"]
    alike = _look_alikes(explanation, path, train_data, train_format, trusted=trusted) if train_data else []
    thumbs = [[Thumb(crop.bgr, name) for crop, name, _ in row] for row in alike]
    target = output or Path(f"{image.stem}-explained.png")
    _write(target, draw_explanation(explanation, thumbs))
    report = {
        "image": str(image),
        "model": str(path),
        "method": explanation.method,
        "objects": _objects(explanation, alike),
        "output": str(target),
    }
    click.echo(json.dumps(report) if as_json else _describe(explanation, target))


def _look_alikes(
    explanation: Explanation, model: Path, train_data: Path, format: DatasetFormat | None, *, trusted: bool
) -> list[list[tuple[Any, str, float]]]:
    from streamvision.datasets import read_dataset
    from streamvision.evaluation.crops import cut, cut_crops, find_look_alikes
    from streamvision.evaluation.features import open_embedder
    from streamvision.evaluation.report.build import MAX_TRAINING_CROPS

    training = read_dataset(train_data, format=format, option="--train-format")
    crops = cut_crops(training.images, at_most=MAX_TRAINING_CROPS)
    pixels = [cut(explanation.bgr, box) for box in explanation.found.box_xyxy_px.tolist()]
    if not pixels or not crops:
        return []
    embedder = open_embedder(model, trust_checkpoint=trusted)
    features = embedder.embed([crop.bgr for crop in crops])
    found = find_look_alikes(pixels, [""] * len(pixels), crops, features, embedder)
    return [[(crop, training.names[crop.class_id], likeness) for crop, likeness in one.alike] for one in found]


def _objects(explanation: Explanation, alike: list[list[tuple[Any, str, float]]]) -> list[dict[str, Any]]:
    objects = []
    for index, one in enumerate(explanation.found.objects(explanation.names)):
        share = explanation.share_inside(index)
        row = {key: one[key] for key in ("class_id", "class_name", "score", "box_xyxy_px")}
        row["heat_inside_box"] = None if share is None else round(share, 4)
        if alike:
            row["look_alikes"] = [
                {"path": str(crop.path), "class_name": name, "likeness": round(likeness, 4)}
                for crop, name, likeness in alike[index]
            ]
        objects.append(row)
    return objects


def _describe(explanation: Explanation, target: Path) -> str:
    if not len(explanation.found):
        return f"Nothing was found at this score; the picture is in {target}, a lower --score shows weaker objects."
    lines = [f"Heat by {METHOD_WORDS[explanation.method]}:"]
    for index, one in enumerate(explanation.found.objects(explanation.names)):
        share = explanation.share_inside(index)
        inside = "no heat" if share is None else f"{share:.0%} of the heat is inside the box"
        lines.append(f"  {one['class_name']} {one['score']:.2f}: {inside}")
    return "\n".join([*lines, f"Drawn in {target}"])


def _write(target: Path, sheet: Any) -> None:
    import cv2

    try:
        encoded = cv2.imencode(target.suffix or ".png", sheet)[1]
    except cv2.error as error:
        raise OutputError(f"{target} has an ending that no picture has; use .png or .jpg") from error
    with writing(target, instead="give another file with --output"):
        target.write_bytes(encoded.tobytes())
