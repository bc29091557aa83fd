"""Faces and plates by the cascades that OpenCV ships (Viola and Jones 2001): upright and near ones only."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.stages.blur.parts import F64, widened

U8 = NDArray[np.uint8]
WIDEST_PX = 960
"""Wider pictures are searched at this width; smaller faces are not readable, and the time grows with the pixels."""
SMALLEST_FACE_PX = 20
SMALLEST_PLATE_PX = (36, 12)
STEP = 1.2
"""From one size that is searched to the next."""
NEIGHBOURS = 3
"""How many of the windows around a face must agree. Fewer find more, and more that is none, which does no harm here."""

_FACES = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
_PLATES = "haarcascade_russian_plate_number.xml"


class CascadeDetector:
    """Finds faces and plates in the luma of a picture. One thread may use it at a time."""

    def __init__(self) -> None:
        folder = Path(cv2.__file__).parent / "data"
        self._faces = [cv2.CascadeClassifier(str(folder / name)) for name in _FACES]
        self._plates = cv2.CascadeClassifier(str(folder / _PLATES))

    def find(self, luma: U8) -> F64:
        """Return the (N, 4) boxes of faces and plates in an (H, W) uint8 picture, in its pixels."""
        scale = min(1.0, WIDEST_PX / luma.shape[1])
        size = (max(round(luma.shape[1] * scale), 1), max(round(luma.shape[0] * scale), 1))
        small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA) if scale < 1 else luma
        even = cv2.equalizeHist(np.ascontiguousarray(small))
        frontal, profile = self._faces
        boxes = [
            _found(frontal, even, (SMALLEST_FACE_PX, SMALLEST_FACE_PX)),
            _found(profile, even, (SMALLEST_FACE_PX, SMALLEST_FACE_PX)),
            _mirrored(_found(profile, cv2.flip(even, 1), (SMALLEST_FACE_PX, SMALLEST_FACE_PX)), size[0]),
            _found(self._plates, even, SMALLEST_PLATE_PX),
        ]
        return widened(np.concatenate(boxes) / scale)


def _found(cascade: cv2.CascadeClassifier, luma: U8, smallest_px: tuple[int, int]) -> F64:
    found = cascade.detectMultiScale(luma, STEP, NEIGHBOURS, minSize=smallest_px)
    xywh = np.array(found, np.float64).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def _mirrored(boxes: F64, width_px: int) -> F64:
    return np.stack([width_px - boxes[:, 2], boxes[:, 1], width_px - boxes[:, 0], boxes[:, 3]], axis=1)
