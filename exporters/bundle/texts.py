"""What a bundle says in the model's own numbers: its README, and constants for decoders that read no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Literal

from exporters.bundle.golden import GoldenTolerance, GoldenVectors, Reading
from streamvision.inference.model_card import InputCard, ModelCard

_RESIZES = {
    "letterbox_center": "shrink or enlarge it, aspect kept, until it fits; centre it; fill the border with grey $pad",
    "letterbox_top_left": "shrink or enlarge it, aspect kept, until it fits; put it into the top left corner; fill the "
    "rest with grey $pad",
    "stretch": "stretch it to that size; the aspect is not kept",
}
_LAYOUTS = {
    "yolo_v8": "One column a box: centre x, centre y, width, height, then a score for each class.",
    "yolo_v5": "One row a box: centre x, centre y, width, height, objectness, then a score for each class. A box's "
    "score is objectness times class score.",
    "yolox": "One row a grid cell (strides 8, 16, 32): offset of the centre and logarithm of the size, in strides; "
    "objectness; then a score for each class. A box's score is objectness times class score.",
    "tflite_detection": "The first holds a row a box: top, left, bottom, right. The second holds the classes, "
    "the third the scores, the last the number of rows that count.",
    "vision_objects": "In the first, one row a box: centre x, centre y, width, height. In the second, its score for "
    "each class.",
    "yolo_end2end": "One row a box: left, top, right, bottom, score, class. Rows that are not used have the score 0.",
}
_SAMPLINGS = {
    "pixel_center": "bilinearly, the middles of the pixels laid onto each other, as most libraries do",
    "pixel_corner": "bilinearly, the top left corners of the pixels laid onto each other, as MediaPipe does",
    "bicubic": "with Pillow's bicubic kernel, which widens where the picture becomes smaller",
}


def describe(model: str, card: ModelCard, reading: Reading, tolerance: GoldenTolerance, vectors: GoldenVectors) -> str:
    """Return the README as Markdown.

    Args:
        model: file name of the artefact in the bundle.
        card: its card.
        reading: how its outputs are read.
        tolerance: what another runtime may differ by.
        vectors: the golden vectors.
    """
    given = card.input
    height_px, width_px = vectors.bgr.shape[:2]
    outputs = [f"- `{name}`, float32 `{list(output.shape)}`" for name, output in vectors.outputs.items()]
    return _template("README.md").substitute(
        model=model,
        what=f"{len(card.names)} classes, {card.task}." + (f" Made from {card.source}." if card.source else ""),
        licence=f"\n\nLicence of the weights: {card.licence}." if card.licence else "",
        width=given.width_px,
        height=given.height_px,
        resize=Template(_RESIZES[given.resize]).substitute(pad=given.pad_value),
        sampling=_SAMPLINGS[given.sampling],
        color=given.color.upper(),
        levels=_levels(given),
        dtype=given.dtype,
        shape=list(vectors.input.shape),
        outputs="\n".join(outputs),
        layout=_LAYOUTS[reading.layout],
        unit="fractions of the input, 0..1" if card.box_unit == "normalized" else "pixels of the input",
        score=f"{reading.score:g}",
        suppress="duplicates are gone already"
        if card.nms_inside
        else f"of two boxes of a class that overlap by more than {reading.iou:g} (IoU) the better stays",
        picture_width=width_px,
        picture_height=height_px,
        input_file="input.u8" if given.dtype == "uint8" else "input.f32",
        objects=len(vectors.detections),
        iou=f"{tolerance.iou:g}",
        off=f"{tolerance.score:g}",
    )


def _levels(given: InputCard) -> str:
    if given.dtype == "uint8":
        return "Leave the levels 0..255 as they are; the network scales them itself."
    divisor = 1 / given.scale
    text = "Leave the levels 0..255 as they are" if divisor == 1 else f"Divide the levels by {divisor:g}"
    if given.mean:
        text += f", subtract {list(given.mean)}"
    if given.std:
        text += f", divide by {list(given.std)}"
    return text + (" (one value a channel)." if given.mean or given.std else ".")


def model_spec(
    language: Literal["kt", "swift"],
    card: ModelCard,
    reading: Reading,
    tolerance: GoldenTolerance,
    outputs: Mapping[str, Sequence[int]],
    picture: Sequence[int],
) -> str:
    """Return a model's constants, ``ModelSpec.kt`` or ``ModelSpec.swift``.

    Args:
        language: the file's ending.
        card: the model's card.
        reading: how the outputs are read.
        tolerance: what another runtime may differ by.
        outputs: shape of each output by its name, with batch 1.
        picture: width and height of the golden picture, in pixels.
    """
    given, kotlin = card.input, language == "kt"
    # A dollar sign begins a template in Kotlin.
    labels = [_quoted(name).replace("$", "\\$" if kotlin else "$") for name in card.names]
    return _template(f"ModelSpec.{language}").substitute(
        width=given.width_px,
        height=given.height_px,
        planar=_flag(given.layout == "nchw"),
        uint8=_flag(given.dtype == "uint8"),
        bgr=_flag(given.color == "bgr"),
        resize=given.resize,
        pad=given.pad_value,
        scale=repr(float(given.scale)),
        mean=_floats(given.mean, kotlin=kotlin),
        std=_floats(given.std, kotlin=kotlin),
        layout=reading.layout,
        normalized=_flag(card.box_unit == "normalized"),
        nms_inside=_flag(card.nms_inside),
        output_names=", ".join(map(_quoted, outputs)),
        output_shapes=", ".join(f"intArrayOf({', '.join(map(str, shape))})" for shape in outputs.values())
        if kotlin
        else [list(shape) for shape in outputs.values()],
        score=reading.score,
        iou=reading.iou,
        max_detections=reading.max_detections,
        labels=",\n        ".join(labels),
        picture_width=picture[0],
        picture_height=picture[1],
        golden_iou=tolerance.iou,
        golden_score=tolerance.score,
    )


def _template(name: str) -> Template:
    return Template((resources.files("exporters.bundle") / "templates" / name).read_text(encoding="utf-8"))


def _floats(values: Sequence[float] | None, *, kotlin: bool) -> str:
    if not values:
        return "null" if kotlin else "nil"
    return f"floatArrayOf({', '.join(f'{v}f' for v in values)})" if kotlin else f"[{', '.join(map(str, values))}]"


def _quoted(text: str) -> str:
    """Return a string literal; the escapes of JSON that names can need are those of Kotlin and Swift."""
    return json.dumps(text, ensure_ascii=False)


def _flag(value: bool) -> str:
    return "true" if value else "false"
