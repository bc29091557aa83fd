"""The bundle's own README: how to feed the model and how to read it, in the model's own numbers."""

from __future__ import annotations

from string import Template

from exporters.bundle.golden import GoldenVectors
from exporters.bundle.reading import Reading, Tolerance
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


def describe(model: str, card: ModelCard, reading: Reading, tolerance: Tolerance, vectors: GoldenVectors) -> str:
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
