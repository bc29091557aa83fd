"""A few pictures on which two models differ most."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.detections import Detections, class_name
from streamvision.core.model_control import ExampleObject, ShadowExample
from streamvision.inference.model import Prediction
from streamvision.service.models.comparison import Compared
from streamvision.service.models.tap import Shown

KEPT = 6
"""Most of them."""
WIDTH_PX = 640
"""Most that they are wide."""
MAX_OBJECTS = 100
"""Most objects of each model on one."""


class Examples:
    """One thread adds pictures, any may ask for them.

    Args:
        allowed: whether pictures may be kept at all; not where parts of them are to be hidden from everybody.
    """

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._kept: list[tuple[ShadowExample, bytes]] = []
        self._number = 0
        self._encode = JpegEncoder()

    def consider(self, shown: Shown, current: Prediction, new: Prediction, compared: Compared) -> None:
        """Keep a picture where both models differ on it, in place of one on which they differ less."""
        agreement = compared.agreement
        if not self._allowed or agreement is None or agreement >= 1.0:
            return
        with self._lock:
            kept = list(self._kept)
        if len(kept) >= KEPT:
            likest = max(kept, key=_agreement)
            if _agreement(likest) <= agreement:
                return
            kept.remove(likest)
        picture = shown.frame.picture.scaled(WIDTH_PX)
        scale = picture.width_px / shown.frame.picture.width_px
        names = shown.stream.names
        self._number += 1
        example = ShadowExample(
            number=self._number,
            stream_id=shown.stream.id,
            frame=shown.frame.index,
            width_px=picture.width_px,
            height_px=picture.height_px,
            agreement=round(agreement, 4),
            current=_objects(current.detections, compared.current_matched, names, scale),
            new=_objects(new.detections, compared.new_matched, names, scale),
        )
        kept.append((example, self._encode(picture.to_canvas())))
        with self._lock:
            self._kept = kept

    def all(self) -> tuple[ShadowExample, ...]:
        """Return them, that on which both differ most first."""
        with self._lock:
            return tuple(example for example, _ in sorted(self._kept, key=_agreement))

    def picture(self, number: int) -> bytes | None:
        """Return a picture as a JPEG file; ``None`` where there is none of that number."""
        with self._lock:
            return next((jpeg for example, jpeg in self._kept if example.number == number), None)


def _agreement(kept: tuple[ShadowExample, bytes]) -> float:
    return kept[0].agreement or 0.0


def _objects(
    found: Detections, matched: NDArray[np.bool_], names: tuple[str, ...], scale: float
) -> tuple[ExampleObject, ...]:
    boxes = (found.box_xyxy_px[:MAX_OBJECTS].astype(np.float64) * scale).round(1).tolist()
    rows = zip(boxes, found.class_id.tolist(), found.score.tolist(), matched.tolist(), strict=False)
    return tuple(
        ExampleObject(class_name(class_id, names), round(score, 4), (left, top, right, bottom), is_matched)
        for (left, top, right, bottom), class_id, score, is_matched in rows
    )
