"""How a bundle's decoders read a model's outputs, what counts as an object, and how near other runtimes come."""

from __future__ import annotations

from dataclasses import dataclass

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ExportError
from streamvision.inference.backends.base import Backend
from streamvision.inference.model_card import ModelCard, NumberCard

LAYOUTS = {
    "yolo_v8": "yolo_v8",
    "yolo_seg": "yolo_v8",
    "yolo_pose": "yolo_v8",
    "yolo_obb": "yolo_v8",
    "yolo_end2end": "yolo_end2end",
    "yolo_seg_end2end": "yolo_end2end",
    "yolo_pose_end2end": "yolo_end2end",
    "yolo_obb_end2end": "yolo_end2end",
    "yolo_v5": "yolo_v5",
    "yolox": "yolox",
    "tflite_detection": "tflite_detection",
    "vision_objects": "vision_objects",
    "classify": "probabilities",
    "classify_logits": "logits",
    "semantic": "class_map",
    "several": "several",
    "sentence": "sentence",
    "cuboid": "cuboid",
    "image": "picture",
}
"""By head of the card, the layout as the decoders know it; what the card's task adds to a box stands behind it."""
OUTPUT_ORDER = {"vision_objects": ("coordinates", "confidence")}
"""By layout, names of the outputs in the order of the decoders, where that is not the model's own."""


@dataclass(frozen=True)
class Reading:
    """What stands in ``bundle.json`` beside the card."""

    layout: str
    """Layout of the outputs, a value of :data:`LAYOUTS`."""
    score: float
    """Lowest score of an object."""
    iou: float
    """Overlap above which the weaker of two boxes of a class is a duplicate."""
    max_detections: int
    """Most objects on one picture."""


@dataclass(frozen=True)
class GoldenTolerance:
    """How near to the golden results another runtime comes: it adds up in another order, a GPU in fewer bits."""

    iou: float
    """Lowest overlap of two boxes, upright or oriented, that are the same object."""
    score: float
    """Most that their scores differ by."""
    mask_iou: float
    """Lowest overlap of an object's two masks."""
    keypoint_share: float
    """Most mean distance of an object's two keypoints, as a share of the root of its box's area."""
    class_score: float
    """Most that the probability of any class differs by."""
    same_pixels: float
    """Lowest share of cells with the same class."""
    number: float
    """Most that a number, or a value of a cuboid, differs by, as a share of it, or of 1 where it is smaller."""
    same_words: float
    """Lowest share of a sentence's words that are the same."""
    levels: float
    """Most that the levels of a picture differ by on average."""


_FLOATS = GoldenTolerance(
    iou=0.9,
    score=0.02,
    mask_iou=0.85,
    keypoint_share=0.05,
    class_score=0.05,
    same_pixels=0.98,
    number=0.02,
    same_words=0.8,
    levels=2.0,
)
_INTEGERS = GoldenTolerance(
    iou=0.75,
    score=0.15,
    mask_iou=0.65,
    keypoint_share=0.15,
    class_score=0.2,
    same_pixels=0.9,
    number=0.15,
    same_words=0.5,
    levels=8.0,
)


def tolerance_of(backend: Backend) -> GoldenTolerance:
    """Return what another runtime may differ by; integers round apart what floating point hardly moves."""
    return _INTEGERS if backend.precision == "int8" else _FLOATS


def reading_of(card: ModelCard, config: ModelConfig) -> Reading:
    """Return how the decoders read this model, with the thresholds of the configuration.

    Raises:
        ExportError: when they cannot.
    """
    if card.head not in LAYOUTS:
        raise ExportError(
            f"the decoders of a bundle read the heads {', '.join(LAYOUTS)}, not {card.head}; export without a bundle"
        )
    if card.input.pixel_format is not None:
        raise ExportError(
            "the decoders of a bundle feed what the network sees, not whole pictures; export without --pixel-format or "
            "without a bundle"
        )
    if card.input.color == "gray":
        raise ExportError("the decoders of a bundle feed three channels, not brightness alone; export without a bundle")
    if card.input.known:
        raise ExportError(
            "the decoders of a bundle feed pictures alone, and this network is given numbers beside them; export "
            "without a bundle"
        )
    if card.input.batch != 1 and not card.input.dynamic_batch:
        raise ExportError(
            f"a bundle is for one picture a call, and this model takes {card.input.batch}; export it with batch 1"
        )
    return Reading(LAYOUTS[card.head], config.score, config.iou, config.max_detections)


def with_numbers(card: ModelCard, backend: Backend) -> ModelCard:
    """Return the card with the numbers that a network tells, which without it are known by the names of its outputs."""
    if card.head != "several" or card.numbers:
        return card
    alone = [output.name for output in backend.outputs if output.shape[1:] in ((), (1,))]
    return card.model_copy(update={"numbers": tuple(NumberCard(name=name) for name in alone)})
