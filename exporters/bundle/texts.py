"""What a bundle says for people in the model's own numbers: its README."""

from __future__ import annotations

from importlib import resources
from string import Template

from exporters.bundle.golden import GoldenVectors
from exporters.bundle.reading import GoldenTolerance, Reading
from streamvision.inference.model_card import OBJECT_TASKS, InputCard, ModelCard, PictureCard

_RESIZES = {
    "letterbox_center": "shrink or enlarge it, aspect kept, until it fits; centre it; fill the border with grey $pad",
    "letterbox_top_left": "shrink or enlarge it, aspect kept, until it fits; put it into the top left corner; fill the "
    "rest with grey $pad",
    "stretch": "stretch it to that size; the aspect is not kept",
    "crop_center": "bring its shorter side to $shorter pixels, aspect kept, and cut out the middle",
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
    "yolo_end2end": "One row a box: $edges, score, class. Rows that are not used have the score 0.",
    "probabilities": "One probability a class.",
    "logits": "One logit a class; their softmax are the probabilities.",
    "class_map": "A map, for all of the input, of class numbers or of one logit a class; a single channel holds the "
    "logit of the second class. Interpolate logits bilinearly to the input's pixels, cut the border away, and take the "
    "largest.",
    "several": "Outputs of one value are the numbers, in this order: $numbers. Another holds one probability a class.",
    "sentence": "The first holds the numbers of words, lines of `labels.txt` from 0 on; 0 is the end, 1 an unknown "
    "word, which is left out. The second holds their probabilities. Words are joined by spaces, but for punctuation.",
    "cuboid": "One row: length, width and height in metres; two logits of which half of the circle the angle is in; "
    "its cosine and sine from the middle of the first, then of the second (0, half a turn); the logarithm of the "
    "distance's factor; the middle's place, right and down, in shares of the box; the logarithm of the distance's "
    "spread. The picture is the crop of an object, 5 % larger than its box on each side. Distance ahead in metres: "
    "focal length in pixels times the height in metres, by the height of the box in pixels, times the factor.",
    "picture": "A picture, which may be larger than the input. $levels Cut the border away that was filled.",
}
_SAMPLINGS = {
    "pixel_center": "bilinearly, the middles of the pixels laid onto each other, as most libraries do",
    "pixel_corner": "bilinearly, the top left corners of the pixels laid onto each other, as MediaPipe does",
    "bicubic": "with Pillow's bicubic kernel, which widens where the picture becomes smaller",
}
_CROPPED_SAMPLING = (
    "bilinearly, over an area that widens where the picture becomes smaller (antialiasing), as Pillow does"
)
_TASKS = {
    "segment": "Behind them stand 32 weights for the 32 prototypes, the other output. A mask is where the weighted sum "
    "of the prototypes, interpolated to the picture's own pixels, is above 0, within the box.",
    "pose": "Behind them stand the keypoints: $points. Each has x and y, and a score where there is a third value.",
    "obb": "The angle stands last: of the box's width, in radians, clockwise on the picture.",
}
_OBJECT_FILES = (
    ("detections.json", "the $found"),
    ("detections.f32", "the same as rows: left, top, right, bottom, score, class"),
)
_TASK_FILES = {
    "segment": (
        "masks.u32",
        "the mask of each: left, top, width, height, the number of runs, and their lengths along the rows, zeros first",
    ),
    "pose": ("keypoints.f32", "the keypoints of each: x, y, score"),
    "obb": ("oriented.f32", "the oriented box of each: centre x, centre y, width, height, angle"),
    "classify": ("classes.f32", "the probability of each class; the likeliest is $found"),
    "semantic": ("class_map.u8", "the class of each pixel of the content; $found"),
    "caption": ("sentence.txt, words.f32", "what is said, and the probability of each word: $found"),
    "cuboid": ("cuboid.f32", "length, width, height, angle, factor, offset right and down, spread: $found"),
    "image": ("made.u8", "what was made, rows of RGB bytes: $found"),
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
    sampling = _CROPPED_SAMPLING if _antialiased(given) else _SAMPLINGS[given.sampling]
    return _template("README.md").substitute(
        model=model,
        what=f"{len(card.names)} classes, {card.task}." + (f" Made from {card.source}." if card.source else ""),
        licence=f"\n\nLicence of the weights: {card.licence}." if card.licence else "",
        width=given.width_px,
        height=given.height_px,
        resize=Template(_RESIZES[given.resize]).substitute(
            pad=given.pad_value, shorter=given.crop_short_side_px or max(given.width_px, given.height_px)
        ),
        sampling=sampling,
        color=given.color.upper(),
        levels=_levels(given),
        dtype=given.dtype,
        shape=list(vectors.input.shape),
        outputs="\n".join(outputs),
        read=_read(card, reading),
        picture_width=width_px,
        picture_height=height_px,
        input_file="input.u8" if given.dtype == "uint8" else "input.f32",
        files="\n".join(_files(card, vectors)),
        agreement=_agreement(card, tolerance),
    )


def _read(card: ModelCard, reading: Reading) -> str:
    """Return how the outputs are read, as paragraphs."""
    edges = "centre x, centre y, width, height" if card.task == "obb" else "left, top, right, bottom"
    layout = Template(_LAYOUTS[reading.layout]).substitute(
        edges=edges,
        numbers=", ".join(f"{one.name} ({one.unit})" if one.unit else one.name for one in card.numbers),
        levels=_made_levels(card.picture or card.input),
    )
    if card.task not in OBJECT_TASKS:
        return layout
    unit = "fractions of the input, 0..1" if card.box_unit == "normalized" else "pixels of the input"
    points = ", ".join(card.keypoints.names) if card.keypoints else ""
    added = Template(f" {_TASKS[card.task]}").substitute(points=points) if card.task in _TASKS else ""
    measure = "probabilistic IoU, arXiv:2106.06072" if card.task == "obb" else "IoU"
    suppress = (
        "duplicates are gone already"
        if card.nms_inside
        else f"of two boxes of a class that overlap by more than {reading.iou:g} ({measure}) the better stays"
    )
    return (
        f"{layout}{added} Boxes are in {unit}.\nKeep what scores {reading.score:g} or more; {suppress}.\n"
        "Map each box back from the input to the picture, and cut it at the picture's edges."
    )


def _files(card: ModelCard, vectors: GoldenVectors) -> list[str]:
    """Return the rows of the table of what was found."""
    rows = [*(_OBJECT_FILES if card.task in OBJECT_TASKS else ()), *filter(None, [_TASK_FILES.get(card.task)])]
    if card.head == "several":
        rows = [*rows[: len(vectors.outputs) - len(card.numbers)], ("numbers.f32", "the numbers: $found")]
    found = vectors.in_words(card.names)
    return [f"| `{name}` | {Template(text).substitute(found=found)} |" for name, text in rows]


def _agreement(card: ModelCard, tolerance: GoldenTolerance) -> str:
    if card.task == "caption":
        return f"a sentence is the same with {tolerance.same_words:.0%} of its words."
    if card.task == "image":
        return f"the levels of the picture may be off by {tolerance.levels:g} on average."
    if card.task == "cuboid" or card.head == "several":
        scores = f", a probability with {tolerance.class_score:g} of difference" if card.task == "classify" else ""
        return f"a number is the same with {tolerance.number:.0%} of difference{scores}."
    if card.task == "classify":
        return f"a probability is the same with {tolerance.class_score:g} of difference."
    if card.task == "semantic":
        return f"{1 - tolerance.same_pixels:.0%} of the cells may have another class."
    more = {
        "segment": f", its mask with {tolerance.mask_iou:g} of overlap",
        "pose": f", its keypoints within {tolerance.keypoint_share:g} of its size",
    }.get(card.task, "")
    return (
        f"an object is the\nsame with {tolerance.iou:g} of overlap (IoU) and {tolerance.score:g} of score{more}, "
        "and what lies that near to the threshold may be missing."
    )


def _antialiased(given: InputCard) -> bool:
    return given.resize == "crop_center" and given.sampling != "bicubic"


def _made_levels(made: InputCard | PictureCard) -> str:
    text = f"Its channels are {made.color.upper()}. "
    if made.std or made.mean:
        text += f"Multiply each channel by {list(made.std or (1, 1, 1))}, add {list(made.mean or (0, 0, 0))}. "
    return text + f"Multiply by {1 / made.scale:g}, round, and cut at 0 and 255."


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


def _template(name: str) -> Template:
    return Template((resources.files("exporters.bundle") / "templates" / name).read_text(encoding="utf-8"))
