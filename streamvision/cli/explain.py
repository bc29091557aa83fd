"""``streamvision explain``: what a network looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
from numpy.typing import NDArray

from streamvision.cli.dataset_options import format_option
from streamvision.cli.eval_options import chosen_options, runtime_options
from streamvision.cli.options import field_option
from streamvision.cli.progress import StepProgress
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.files import writing
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.datasets.dataset import DatasetFormat
from streamvision.evaluation.explaining.explanation import METHOD_WORDS, Explanation, HeatMethod
from streamvision.inference.model_card import OBJECT_TASKS, Task

KEYS: dict[Task, str] = {"classify": "classes", "semantic": "regions", "embed": "descriptions"}
"""What the explained things are called in the JSON report, by task; objects where it is not here."""
DEFAULT_MASKS = 400


@click.command()
@click.argument("image", type=Path)
@click.option(
    "--model",
    "path",
    type=model_location,
    required=True,
    metavar="FILE|NAME|URL",
    help="Checkpoint (.pt), exported model, or the name of one that ships, such as road_signs.",
)
@click.option("--output", type=Path, metavar="F.png", help="Where to draw it; default: IMAGE-explained.png right here.")
@field_option("--score", ModelConfig, "score", default=0.25, help="Lowest score of an object that is explained.")
@click.option(
    "--max-objects", type=click.IntRange(1, 23), default=5, show_default=True, help="Most objects or regions."
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME|N",
    help="Explain this class only; default: objects and regions of all classes, the likeliest class of a picture.",
)
@click.option(
    "--method",
    type=click.Choice(get_args(HeatMethod)),
    default="auto",
    show_default=True,
    help="gradient (HiResCAM), grad-cam, grad-cam++: need a .pt; occlusion: any model, slower; auto: gradient where it "
    "can be had.",
)
@click.option(
    "--masks",
    type=click.IntRange(min=16),
    default=DEFAULT_MASKS,
    show_default=True,
    help="Covered pictures tried by occlusion; more are finer and take longer.",
)
@click.option(
    "--curves/--no-curves",
    default=True,
    show_default=True,
    help="Judge the heat: what becomes of the score while the hottest pixels go (deletion) or come (insertion).",
)
@click.option(
    "--truth",
    metavar="BOX|F.png",
    help="Where it really is, to say how much heat lies there: left,top,right,bottom in pixels, or a picture that is "
    "black elsewhere.",
)
@click.option("--train-data", type=Path, metavar="DIR", help="Show the most similar objects or pictures of it too.")
@format_option("--train-format", "train_format", of="--train-data")
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON document on stdout.")
def explain(
    image: Path,
    path: ModelLocation,
    output: Path | None,
    score: float,
    max_objects: int,
    classes: tuple[str, ...],
    method: HeatMethod,
    masks: int,
    curves: bool,
    truth: str | None,
    train_data: Path | None,
    train_format: DatasetFormat | None,
    as_json: bool,
    **runtime: Any,
) -> None:
    """Show what a network looked at when it said what is on IMAGE: objects, its class, the regions of a scene.

    For a checkpoint, the heat comes from its gradients; for an exported model, from covering random parts of the
    picture and seeing which of them matter. Heat outside the object is context: a sign's pole, a car's road.

    \b
    Examples:
      streamvision explain crossing.jpg --model best.pt
      streamvision explain flower.jpg --model flowers.pt --method grad-cam++ --class rose
      streamvision explain crossing.jpg --model signs.onnx --train-data roadsigns --output why.png
    """
    from streamvision.evaluation.explaining import explain as explain_picture
    from streamvision.evaluation.explaining.drawing import Thumb, draw_explanation
    from streamvision.evaluation.model import open_model
    from streamvision.evaluation.predictions import read_bgr

    bgr = read_bgr(image)
    mask = None if truth is None else _true_place(truth, *bgr.shape[:2])
    with open_model(path, **chosen_options(runtime)) as model, StepProgress("covered pictures") as progress:
        explanation = explain_picture(
            model,
            bgr,
            path=path,
            score=score,
            most=max_objects,
            classes=classes,
            method=method,
            masks=masks,
            curves=curves,
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
        "task": explanation.task,
        "method": explanation.method,
        KEYS.get(explanation.task, "objects"): _rows(explanation, mask, alike),
        "output": str(target),
    }
    click.echo(json.dumps(report) if as_json else _describe(explanation, mask, target))


def _true_place(given: str, height_px: int, width_px: int) -> NDArray[np.bool_]:
    """Return (H, W) the pixels that ``--truth`` names."""
    from streamvision.evaluation.explaining.subjects import box_mask
    from streamvision.evaluation.predictions import read_bgr

    sides = given.split(",")
    if len(sides) == 4:
        try:
            mask = box_mask([float(side) for side in sides], height_px, width_px)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"--truth {given}: give left,top,right,bottom in pixels, such as 40,30,90,80") from error
    else:
        mask = read_bgr(Path(given)).max(axis=2) > 0
    if mask.shape != (height_px, width_px):
        raise ConfigError(
            f"--truth {given} has {mask.shape[1]}x{mask.shape[0]} px, but the picture has {width_px}x{height_px}; give "
            "one of the same size"
        )
    if not mask.any():
        raise ConfigError(f"--truth {given} names no pixel of the picture; give a place within {width_px}x{height_px}")
    return mask


def _look_alikes(
    explanation: Explanation, model: ModelLocation, train_data: Path, format: DatasetFormat | None, *, trusted: bool
) -> list[list[tuple[Any, str, float]]]:
    from streamvision.datasets import read_dataset
    from streamvision.datasets.class_csv import read_classes
    from streamvision.evaluation.crops import cut, cut_crops, find_look_alikes, small_pictures
    from streamvision.evaluation.features import open_embedder
    from streamvision.evaluation.report.parts import MAX_TRAINING_CROPS

    if explanation.task in OBJECT_TASKS:
        training: Any = read_dataset(train_data, format=format, option="--train-format")
        crops = cut_crops(training.images, at_most=MAX_TRAINING_CROPS)
        pixels = [cut(explanation.bgr, one.box_xyxy_px) for one in explanation.subjects if one.box_xyxy_px]
    elif explanation.task == "classify":
        training = read_classes(train_data)
        crops = small_pictures([(one.path, one.class_id) for one in training.images], at_most=MAX_TRAINING_CROPS)
        pixels = [explanation.bgr] * len(explanation.subjects)
    else:
        raise ConfigError(f"--train-data is for objects and classes; leave it out for a model for {explanation.task}")
    if not pixels or not crops:
        return []
    embedder = open_embedder(model, trust_checkpoint=trusted)
    features = embedder.embed([crop.bgr for crop in crops])
    found = find_look_alikes(pixels, [""] * len(pixels), crops, features, embedder)
    return [[(crop, training.names[crop.class_id], likeness) for crop, likeness in one.alike] for one in found]


def _rows(
    explanation: Explanation, truth: NDArray[np.bool_] | None, alike: list[list[tuple[Any, str, float]]]
) -> list[dict[str, Any]]:
    rows = []
    for index, subject in enumerate(explanation.subjects):
        row: dict[str, Any] = {"class_id": subject.class_id, "class_name": subject.name, "score": subject.score}
        if subject.box_xyxy_px is not None:
            row["box_xyxy_px"] = list(subject.box_xyxy_px)
        if (place := explanation.place(index)) is not None:
            name = "box" if subject.region is None else "region"
            row |= _inside(explanation, index, place, name)
        if truth is not None:
            row |= _inside(explanation, index, truth, "truth")
        if (curves := explanation.curves[index]) is not None:
            for name, area, line in (
                ("deletion", curves.deletion_area, curves.deletion),
                ("insertion", curves.insertion_area, curves.insertion),
            ):
                row[name] = {"area": round(area, 4), "curve": line.round(4).tolist()}
        if alike:
            row["look_alikes"] = [
                {"path": str(crop.path), "class_name": name, "likeness": round(likeness, 4)}
                for crop, name, likeness in alike[index]
            ]
        rows.append(row)
    return rows


def _inside(explanation: Explanation, index: int, mask: NDArray[np.bool_], name: str) -> dict[str, float | None]:
    share = explanation.share_inside(index, mask)
    return {
        f"heat_inside_{name}": None if share is None else round(share, 4),
        f"{name}_share_of_picture": round(float(mask.mean()), 4),
    }


def _describe(explanation: Explanation, truth: NDArray[np.bool_] | None, target: Path) -> str:
    from streamvision.evaluation.explaining.drawing import inside_words

    if not explanation.subjects:
        return f"Nothing was found at this score; the picture is in {target}, a lower --score shows weaker objects."
    lines = [f"Heat by {METHOD_WORDS[explanation.method]}:"]
    for index, subject in enumerate(explanation.subjects):
        parts = [f"{subject.name} {subject.score:.2f}: {inside_words(explanation, index)}"]
        if truth is not None and (share := explanation.share_inside(index, truth)) is not None:
            parts.append(f"{100 * share:.0f} % is inside the truth, {100 * truth.mean():.2g} % of the area")
        if (curves := explanation.curves[index]) is not None:
            parts.append(f"deletion {curves.deletion_area:.2f}, insertion {curves.insertion_area:.2f}")
        lines.append(f"  {'; '.join(parts)}")
    return "\n".join([*lines, f"Drawn in {target}"])


def _write(target: Path, sheet: Any) -> None:
    import cv2

    try:
        encoded = cv2.imencode(target.suffix or ".png", sheet)[1]
    except cv2.error as error:
        raise OutputError(f"{target} has an ending that no picture has; use .png or .jpg") from error
    with writing(target, instead="give another file with --output"):
        target.write_bytes(encoded.tobytes())
