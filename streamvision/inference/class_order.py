"""Class numbers of a model as others know them: a model that takes another's place may number the same classes anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult


def joined_names(known: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Return known class names, and behind them those of a model that are not among them.

    A name that stands several times among a model's own is as many classes.

    >>> joined_names(("person", "car"), ("car", "bus", "person"))
    ('person', 'car', 'bus')
    """
    left = list(known)
    further = []
    for name in own:
        if name in left:
            left.remove(name)
        else:
            further.append(name)
    return (*known, *further)


class ClassOrder:
    """Turns the class numbers of a model into those that are known, by name.

    Args:
        own: the model's class names, by its own class id.
        known: all class names, by the class id that others know; each of ``own`` is among them.
    """

    def __init__(self, own: tuple[str, ...], known: tuple[str, ...]) -> None:
        free: dict[str, list[int]] = {}
        for class_id, name in enumerate(known):
            free.setdefault(name, []).append(class_id)
        self.known_ids: NDArray[np.int32] = np.array([free[name].pop(0) for name in own], np.int32)
        """(own classes,) int32 known class id of each of the model's own."""
        self._count = len(known)

    def to_own(self, by_known: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is given for each known class, (known classes,), for each of the model's own."""
        return by_known[self.known_ids]

    def to_known(self, detections: Detections) -> Detections:
        """Return objects with known class numbers."""
        return detections.with_columns(class_id=self.known_ids[detections.class_id])

    def image_to_known(self, image_result: ImageResult) -> ImageResult:
        """Return what is said of a whole picture with known class numbers."""
        class_score, class_map = image_result.class_score, image_result.class_map
        if class_score is not None:
            spread = np.zeros(self._count, np.float32)
            spread[self.known_ids] = class_score
            class_score = spread
        if class_map is not None:
            class_map = self.known_ids.astype(class_map.dtype)[class_map]
        return replace(image_result, class_score=class_score, class_map=class_map)
