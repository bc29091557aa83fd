"""Writes a model's constants as Kotlin and as Swift, for decoders that read no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from exporters.bundle.reading import Reading, Tolerance
from streamvision.inference.model_card import InputCard, ModelCard

_GENERATED = "// Made by StreamVision for the model of this bundle; another model brings its own.\n"


def kotlin_constants(
    card: ModelCard,
    reading: Reading,
    tolerance: Tolerance,
    outputs: Mapping[str, Sequence[int]],
    picture: Sequence[int],
) -> str:
    """Return ``ModelSpec.kt``.

    Args:
        card: the model's card.
        reading: how the outputs are read.
        tolerance: what another runtime may differ by.
        outputs: shape of each output by its name, with batch 1.
        picture: width and height of the golden picture, in pixels.
    """
    given = card.input
    shapes = ", ".join(f"intArrayOf({', '.join(map(str, shape))})" for shape in outputs.values())
    labels = ",\n        ".join(_quoted(name).replace("$", "\\$") for name in card.names)
    mean, std = (f"floatArrayOf({', '.join(f'{v}f' for v in vs)})" if vs else "null" for vs in (given.mean, given.std))
    return f"""{_GENERATED}package streamvision

val MODEL = ModelSpec(
    inputWidth = {given.width_px}, inputHeight = {given.height_px}, planar = {_flag(given.layout == "nchw")},
    uint8Input = {_flag(given.dtype == "uint8")}, bgr = {_flag(given.color == "bgr")}, resize = "{given.resize}",
    padValue = {given.pad_value}, scale = {_scale(given)}, mean = {mean}, std = {std},
    layout = "{reading.layout}", normalizedBoxes = {_flag(card.box_unit == "normalized")},
    nmsInside = {_flag(card.nms_inside)},
    outputShapes = listOf({shapes}),
    scoreThreshold = {reading.score}f, iouThreshold = {reading.iou}f, maxDetections = {reading.max_detections},
    labels = listOf(
        {labels},
    ),
)

const val GOLDEN_PICTURE_WIDTH = {picture[0]}
const val GOLDEN_PICTURE_HEIGHT = {picture[1]}

/** How near to the golden objects a runtime comes. */
const val GOLDEN_IOU = {tolerance.iou}f
const val GOLDEN_SCORE = {tolerance.score}f
"""


def swift_constants(
    card: ModelCard,
    reading: Reading,
    tolerance: Tolerance,
    outputs: Mapping[str, Sequence[int]],
    picture: Sequence[int],
) -> str:
    """Return ``ModelSpec.swift``; arguments as for :func:`kotlin_constants`."""
    given = card.input
    labels = ",\n        ".join(_quoted(name) for name in card.names)
    mean, std = (f"[{', '.join(map(str, vs))}]" if vs else "nil" for vs in (given.mean, given.std))
    return f"""{_GENERATED}
let model = ModelSpec(
    inputWidth: {given.width_px}, inputHeight: {given.height_px}, planar: {_flag(given.layout == "nchw")},
    bgr: {_flag(given.color == "bgr")}, resize: "{given.resize}", padValue: {given.pad_value},
    scale: {_scale(given)}, mean: {mean}, std: {std},
    layout: "{reading.layout}", normalizedBoxes: {_flag(card.box_unit == "normalized")},
    nmsInside: {_flag(card.nms_inside)},
    outputNames: [{", ".join(_quoted(name) for name in outputs)}],
    outputShapes: {[list(shape) for shape in outputs.values()]},
    scoreThreshold: {reading.score}, iouThreshold: {reading.iou}, maxDetections: {reading.max_detections},
    labels: [
        {labels},
    ]
)

let goldenPictureWidth = {picture[0]}
let goldenPictureHeight = {picture[1]}

/// How near to the golden objects a runtime comes.
let goldenIou: Float = {tolerance.iou}
let goldenScore: Float = {tolerance.score}
"""


def _quoted(text: str) -> str:
    """Return a string literal; the escapes of JSON that names can need are those of Kotlin and Swift."""
    return json.dumps(text, ensure_ascii=False)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _scale(card: InputCard) -> str:
    return repr(float(card.scale))
