"""A model's constants as source code, for decoders that read no JSON: ``ModelSpec.kt`` and ``ModelSpec.swift``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Literal

from exporters.bundle.reading import GoldenTolerance, Reading
from streamvision.inference.model_card import ModelCard

_TENSOR_ERROR = {"float16": "2e-3"}
"""By type of the input, how near to the golden tensor a decoder comes; others reach 1e-5."""


def model_spec(
    language: Literal["kt", "swift"],
    card: ModelCard,
    reading: Reading,
    tolerance: GoldenTolerance,
    outputs: Mapping[str, Sequence[int]],
    picture: Sequence[int],
    made: Sequence[int],
) -> str:
    """Return a model's constants, ``ModelSpec.kt`` or ``ModelSpec.swift``.

    Args:
        language: the file's ending.
        card: the model's card.
        reading: how the outputs are read.
        tolerance: what another runtime may differ by.
        outputs: shape of each output by its name, with batch 1.
        picture: width and height of the golden picture, in pixels.
        made: width and height of what the network makes of it, in pixels; zeros where it makes no picture.
    """
    given, kotlin = card.input, language == "kt"
    points = card.keypoints
    skeleton = (
        []
        if points is None
        else [f"{one} to {other}" if kotlin else f"({one}, {other})" for one, other in points.skeleton]
    )
    single = "f" if kotlin else ""
    none = "null" if kotlin else "nil"
    numbers = [
        f"{name} to {unit}" if kotlin else f"({name}, {unit})"
        for number in card.numbers
        for name, unit in [_strings((number.name, number.unit or ""), kotlin=kotlin)]
        for unit in [unit if number.unit else none]
    ]
    scaling = card.picture or given
    text = (resources.files("exporters.bundle") / "templates" / f"ModelSpec.{language}").read_text(encoding="utf-8")
    return Template(text).substitute(
        task=card.task,
        width=given.width_px,
        height=given.height_px,
        planar=_flag(given.layout == "nchw"),
        uint8=_flag(given.dtype == "uint8"),
        bgr=_flag(given.color == "bgr"),
        resize=given.resize,
        crop_short_side=given.crop_short_side_px or max(given.width_px, given.height_px),
        pad=0 if given.resize == "crop_center" else given.pad_value,
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
        labels=",\n        ".join(_strings(card.names, kotlin=kotlin)),
        keypoint_names=", ".join(_strings(() if points is None else points.names, kotlin=kotlin)),
        skeleton=", ".join(skeleton),
        numbers=", ".join(numbers),
        made_bgr=_flag(scaling.color == "bgr"),
        made_scale=repr(float(scaling.scale)),
        made_mean=_floats(scaling.mean, kotlin=kotlin),
        made_std=_floats(scaling.std, kotlin=kotlin),
        made_width=made[0],
        made_height=made[1],
        picture_width=picture[0],
        picture_height=picture[1],
        tensor=f"{_TENSOR_ERROR.get(given.dtype, '1e-5')}{single}",
        golden_iou=tolerance.iou,
        golden_score=tolerance.score,
        golden_mask_iou=tolerance.mask_iou,
        golden_keypoint_share=tolerance.keypoint_share,
        golden_class_score=tolerance.class_score,
        golden_same_pixels=tolerance.same_pixels,
        golden_number=tolerance.number,
        golden_same_words=tolerance.same_words,
        golden_levels=tolerance.levels,
    )


def _strings(names: Sequence[str], *, kotlin: bool) -> list[str]:
    """Return string literals; a dollar sign begins a template in Kotlin."""
    return [_quoted(name).replace("$", "\\$" if kotlin else "$") for name in names]


def _floats(values: Sequence[float] | None, *, kotlin: bool) -> str:
    if not values:
        return "null" if kotlin else "nil"
    return f"floatArrayOf({', '.join(f'{v}f' for v in values)})" if kotlin else f"[{', '.join(map(str, values))}]"


def _quoted(text: str) -> str:
    """Return a string literal; the escapes of JSON that names can need are those of Kotlin and Swift."""
    return json.dumps(text, ensure_ascii=False)


def _flag(value: bool) -> str:
    return "true" if value else "false"
