"""What a bundle says in the model's own numbers: its README, and constants for decoders that read no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from string import Template

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
_TEXT = Template("""\
# $model

$what$licence

## Feed it

1. Take the picture in its upright orientation and fit it into $width x $height pixels: $resize.
   Resize $sampling.
2. Order the channels as $color.
3. $levels
4. Store it as $dtype `$shape`.

## Read it

$outputs

$layout Boxes are in $unit.
Keep what scores $score or more; $suppress.
Map each box back from the input to the picture, and cut it at the picture's edges.

`labels.txt` has the class names, one a line, in the order of their ids. `card.json` says all of this for programs.

## Paste it

| folder | for | files |
| --- | --- | --- |
| `android/` | Kotlin, no Android classes | `Decoder.kt`, `ModelSpec.kt` (this model's constants) |
| `ios/` | Swift, Foundation only | `Decoder.swift`, `ModelSpec.swift` (this model's constants) |
| `web/` | JavaScript, an ES module without imports | `decoder.mjs`, reads `card.json` and `bundle.json` |

## Check it

`golden/` holds one picture at every stage; `bundle.json` names files, shapes and types. All tensors are raw,
little-endian, row-major.

| file | what |
| --- | --- |
| `picture.png` | the picture, $picture_width x $picture_height |
| `content.rgb` | the same, resized as it lies in the input, RGB bytes: no two resizers agree to the last bit |
| `$input_file` | the input tensor |
| `output_N.f32` | the raw outputs |
| `detections.json`, `detections.f32` | the $objects objects; as rows: left, top, right, bottom, score, class |

The self-test beside each decoder goes from `content.rgb` to the tensor and from the outputs to the objects:

```sh
node web/self_test.mjs
kotlinc android/*.kt -include-runtime -d test.jar && java -jar test.jar golden
```

In the app, run the model on the golden input. Runtimes and processors add up in different orders: an object is the
same with $iou of overlap (IoU) and $off of score, and what lies that near to the threshold may be missing.
""")


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
    return _TEXT.substitute(
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


_GENERATED = "// Made by StreamVision for the model of this bundle; another model brings its own.\n"


def kotlin_constants(
    card: ModelCard,
    reading: Reading,
    tolerance: GoldenTolerance,
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
    tolerance: GoldenTolerance,
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
