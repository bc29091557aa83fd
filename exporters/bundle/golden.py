"""Golden vectors: one picture on its way through the runtime, kept at every stage, so that an app can check itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.bundle.reading import OUTPUT_ORDER
from exporters.parity.model_run import ModelRun
from streamvision.core.detections import class_name
from streamvision.core.errors import ExportError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model import Prediction
from streamvision.inference.model_card import OBJECT_TASKS, InputCard, ModelCard
from streamvision.inference.preprocess import InputBatch
from streamvision.synthetic.drive import DriveScene

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
    """(h, w, 3) uint8 RGB: the picture resized as it lies in the network's input, which no two resizers do alike;
    whole, even where the input shows its middle alone."""
    input: NDArray[Any]
    """The tensor that the network was fed, batch 1."""
    outputs: dict[str, NDArray[np.float32]]
    """The raw outputs by name as float32, in the order in which the decoders read them."""
    found: Prediction
    """The objects in the picture's own pixels, the best score first, or what holds for the whole picture."""

    def in_words(self, names: tuple[str, ...]) -> str:
        """Return what was found, such as ``12 objects``."""
        result = self.found.image_result
        if result is None:
            return f"{len(self.found.detections)} objects"
        said = result.number_texts()
        if result.class_score is not None:
            best = int(result.class_score.argmax())
            said = [f"{class_name(best, names)!r} at {result.class_score[best]:.2f}", *said]
        if result.class_map is not None:
            said.append(f"{len(np.unique(result.class_map))} classes of pixels")
        if result.text is not None:
            said.append(f"{result.text!r}")
        if result.cuboid is not None:
            said.append("a cuboid of {:.1f} x {:.1f} x {:.1f} m".format(*result.cuboid.size_lwh_m))
        if result.picture is not None:
            said.append("a picture of {} x {} px".format(*self.made_px))
        return ", ".join(said)

    @property
    def made_px(self) -> tuple[int, int]:
        """Width and height of the picture that the network made; zeros where it made none."""
        made = None if self.found.image_result is None else self.found.image_result.picture
        return (0, 0) if made is None else (made.width_px, made.height_px)


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
    _check_found(trace.found, card, score)
    outputs = {
        spec.name: output.astype(np.float32) for spec, output in zip(backend.outputs, trace.outputs, strict=True)
    }
    outputs = {name: outputs[name] for name in OUTPUT_ORDER.get(card.head, outputs)}
    return GoldenVectors(bgr, _content(picture, card.input), trace.tensor[None], outputs, trace.found)


def _check_found(found: Prediction, card: ModelCard, score: float) -> None:
    """Raise where a decoder that finds nothing would agree."""
    instead = "give a picture of what the model is for"
    if card.task in OBJECT_TASKS and not len(found.detections):
        raise ExportError(
            f"nothing on the test picture scores {score:g} or more, and golden vectors without an object prove "
            f"nothing; {instead}"
        )
    if found.image_result is not None and found.image_result.text == "":
        raise ExportError(f"nothing is said of the test picture, and vectors without words prove nothing; {instead}")
    class_map = None if found.image_result is None else found.image_result.class_map
    if class_map is not None and (class_map == class_map.flat[0]).all():
        name = class_name(int(class_map.flat[0]), card.names)
        raise ExportError(
            f"all of the test picture is {name!r}, and golden vectors of one class prove little; {instead}"
        )


def _content(picture: BgrPicture, card: InputCard) -> NDArray[np.uint8]:
    """Return the picture as it lies in the input, (h, w, 3) uint8 RGB, by way of an input that takes plain bytes."""
    place = Letterbox.fit(picture.width_px, picture.height_px, card)
    if card.resize == "crop_center":
        whole = place.content_width_px, place.content_height_px
        card = card.model_copy(update={"width_px": whole[0], "height_px": whole[1], "crop_short_side_px": min(whole)})
    batch = InputBatch(card.model_copy(update=_BYTES), 1)
    place = batch.put(0, picture)
    rows = slice(place.top_px, place.top_px + place.content_height_px)
    columns = slice(place.left_px, place.left_px + place.content_width_px)
    return np.asarray(batch.tensor[0, rows, columns], np.uint8)
