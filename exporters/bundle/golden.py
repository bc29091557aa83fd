"""Golden vectors: one picture on its way through the runtime, kept at every stage, so that an app can check itself.

Beside them stands how a bundle's decoders read the model's outputs: which of their layouts it is, and what counts as
an object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.parity.model_run import ModelRun
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.preprocess import InputBatch
from streamvision.synthetic.drive import DriveScene

LAYOUTS = {
    "yolo_v8": "yolo_v8",
    "yolo_seg": "yolo_v8",
    "yolo_pose": "yolo_v8",
    "yolo_end2end": "yolo_end2end",
    "yolo_seg_end2end": "yolo_end2end",
    "yolo_pose_end2end": "yolo_end2end",
    "yolo_v5": "yolo_v5",
    "yolox": "yolox",
    "tflite_detection": "tflite_detection",
    "vision_objects": "vision_objects",
}
"""By head of the card, the layout as the decoders know it. Of masks and keypoints they read the boxes."""
OUTPUT_ORDER = {"vision_objects": ("coordinates", "confidence")}
"""By layout, names of the outputs in the order of the decoders, where that is not the model's own."""
_RESIZES = ("letterbox_center", "letterbox_top_left", "stretch")


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
    """How near to the golden objects another runtime comes: it adds up in another order, a GPU in fewer bits."""

    iou: float
    """Lowest overlap of two boxes that are the same object."""
    score: float
    """Most that their scores differ by."""


def tolerance_of(backend: Backend) -> GoldenTolerance:
    """Return what another runtime may differ by; integers round apart what floating point hardly moves."""
    return GoldenTolerance(0.75, 0.15) if backend.precision == "int8" else GoldenTolerance(0.9, 0.02)


def reading_of(card: ModelCard, config: ModelConfig) -> Reading:
    """Return how the decoders read this model, with the thresholds of the configuration.

    Raises:
        ExportError: when they cannot.
    """
    if card.head not in LAYOUTS:
        raise ExportError(
            f"the decoders of a bundle read the heads {', '.join(LAYOUTS)}, not {card.head}; export without a bundle"
        )
    if card.input.resize not in _RESIZES:
        raise ExportError(
            f"the decoders of a bundle know the resize rules {', '.join(_RESIZES)}, not {card.input.resize}; "
            "export without a bundle"
        )
    if card.input.color == "gray":
        raise ExportError("the decoders of a bundle feed three channels, not brightness alone; export without a bundle")
    if card.input.batch != 1 and not card.input.dynamic_batch:
        raise ExportError(
            f"a bundle is for one picture a call, and this model takes {card.input.batch}; export it with batch 1"
        )
    return Reading(LAYOUTS[card.head], config.score, config.iou, config.max_detections)


_DRIVE_SIZE_PX = (960, 540)
_DRIVE_FPS = 30.0
_DRIVE_SEED = 3
_DRIVE_FRAME = 180
"""Cars, traffic lights and a crosswalk in one picture: models of COCO and of road signs both find several objects."""

_BYTES = {"layout": "nhwc", "dtype": "uint8", "color": "rgb", "scale": 1.0, "mean": None, "std": None}


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """A picture and what the runtime makes of it."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) uint8 BGR."""
    content_rgb: NDArray[np.uint8]
    """(h, w, 3) uint8 RGB: the picture resized as it lies in the network's input, which no two resizers do alike."""
    input: NDArray[Any]
    """The tensor that the network was fed, batch 1."""
    outputs: dict[str, NDArray[np.float32]]
    """The raw outputs by name as float32, in the order in which the decoders read them."""
    detections: Detections
    """The objects in the picture's own pixels, the best score first."""


@lru_cache(maxsize=1)
def drawn_picture() -> NDArray[np.uint8]:
    """Return a frame of the drawn drive, (540, 960, 3) uint8 BGR: nobody's photograph, so nobody's licence."""
    scene = DriveScene(*_DRIVE_SIZE_PX, _DRIVE_FPS, _DRIVE_SEED)
    bgr = np.ascontiguousarray(scene.picture_at(_DRIVE_FRAME).to_bgr())
    bgr.flags.writeable = False
    return bgr


def record(backend: Backend, card: ModelCard, bgr: NDArray[np.uint8], *, path: Path, score: float) -> GoldenVectors:
    """Send a picture through the runtime and return every stage of it.

    Args:
        backend: the artefact, loaded; it stays open.
        card: its card, with a fixed size and one picture a call.
        bgr: (H, W, 3) uint8 BGR.
        path: the artefact, for messages.
        score: lowest score of an object.

    Raises:
        ModelError: when the card does not fit the model, or its runtime fails.
        ExportError: when nothing is found on the picture: vectors without an object prove nothing.
    """
    picture = BgrPicture(bgr)
    trace = ModelRun(backend, card, path=path, score=score).trace(picture)
    if not len(trace.found.detections):
        raise ExportError(
            f"nothing on the test picture scores {score:g} or more, and golden vectors without an object prove "
            "nothing; give a picture of what the model is for"
        )
    outputs = {
        spec.name: output.astype(np.float32) for spec, output in zip(backend.outputs, trace.outputs, strict=True)
    }
    outputs = {name: outputs[name] for name in OUTPUT_ORDER.get(card.head, outputs)}
    return GoldenVectors(bgr, _content(picture, card.input), trace.tensor[None], outputs, trace.found.detections)


def _content(picture: BgrPicture, card: InputCard) -> NDArray[np.uint8]:
    """Return the picture as it lies in the input, (h, w, 3) uint8 RGB, by way of an input that takes plain bytes."""
    batch = InputBatch(card.model_copy(update=_BYTES), 1)
    place = batch.put(0, picture)
    rows = slice(place.top_px, place.top_px + place.content_height_px)
    columns = slice(place.left_px, place.left_px + place.content_width_px)
    return np.asarray(batch.tensor[0, rows, columns], np.uint8)
