"""Golden vectors: one picture on its way through the runtime, kept at every stage, so that an app can check itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.capture.synthetic_drive import DriveScene
from pipelines.inference import Detector
from streamvision.backends.base import Backend, TensorSpec
from streamvision.config import ModelConfig
from streamvision.detections import Detections
from streamvision.errors import ExportError
from streamvision.model_card import ModelCard
from streamvision.picture import BgrPicture
from streamvision.placement import Letterbox

_DRIVE_SIZE_PX = (960, 540)
_DRIVE_FPS = 30.0
_DRIVE_SEED = 3
_DRIVE_FRAME = 180
"""Cars, traffic lights and a crosswalk in one picture: models of COCO and of road signs both find several objects."""


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """A picture and what the runtime makes of it."""

    bgr: NDArray[np.uint8]
    """(H, W, 3) uint8 BGR."""
    content_rgb: NDArray[np.uint8]
    """(h, w, 3) uint8 RGB: the picture resized as it lies in the network's input, which no two resizers do alike."""
    input: NDArray[Any]
    """The tensor that the network was fed, batch 1."""
    outputs: tuple[NDArray[np.float32], ...]
    """The raw outputs, in the model's order, as float32."""
    detections: Detections
    """The objects in the picture's own pixels, the best score first."""


def drawn_picture() -> NDArray[np.uint8]:
    """Return a frame of the drawn drive, (540, 960, 3) uint8 BGR: nobody's photograph, so nobody's licence."""
    scene = DriveScene(*_DRIVE_SIZE_PX, _DRIVE_FPS, _DRIVE_SEED)
    return np.ascontiguousarray(scene.picture_at(_DRIVE_FRAME).to_bgr())


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture file as (H, W, 3) uint8 BGR.

    Raises:
        ExportError: when the file is not a picture that OpenCV reads.
    """
    content = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else np.empty(0, np.uint8)
    bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if bgr is None:
        raise ExportError(f"{path} is not a picture that can be read; give a JPEG or PNG file for the golden vectors")
    return np.asarray(bgr, np.uint8)


def record(backend: Backend, card: ModelCard, config: ModelConfig, bgr: NDArray[np.uint8]) -> GoldenVectors:
    """Send a picture through the runtime and return every stage of it.

    Args:
        backend: the artefact, loaded; it stays open.
        card: its card, with a fixed size and one picture a call.
        config: thresholds.
        bgr: (H, W, 3) uint8 BGR.

    Raises:
        ModelError: when the card does not fit the model, or its runtime fails.
        ExportError: when nothing is found on the picture: vectors without an object prove nothing.
    """
    recorder = _Recorder(backend)
    picture = BgrPicture(bgr)
    detections = Detector(recorder, card, config).detect([picture])[0]
    if not len(detections):
        raise ExportError(
            f"nothing on the test picture scores {config.score:g} or more, and golden vectors without an object prove "
            "nothing; give a picture of what the model is for"
        )
    place = Letterbox.fit(picture.width_px, picture.height_px, card.input)
    content = picture.resize_rgb(place.content_width_px, place.content_height_px)
    return GoldenVectors(bgr, content, recorder.tensor, recorder.outputs_seen, detections)


class _Recorder:
    """A backend that keeps what goes through another one."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.tensor: NDArray[Any] = np.empty(0, np.float32)
        self.outputs_seen: tuple[NDArray[np.float32], ...] = ()

    @property
    def name(self) -> str:
        return self._backend.name

    @property
    def device(self) -> str:
        return self._backend.device

    @property
    def precision(self) -> str:
        return self._backend.precision

    @property
    def input(self) -> TensorSpec:
        return self._backend.input

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._backend.outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._backend.metadata

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        outputs = self._backend.run(tensor)
        self.tensor = tensor.copy()
        self.outputs_seen = tuple(output.astype(np.float32) for output in outputs)
        return outputs

    def close(self) -> None:
        """Leave the other backend open: it belongs to the caller."""
