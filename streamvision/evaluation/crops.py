"""Pictures of single objects, cut out of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.dataset import LabelledImage
from streamvision.evaluation.predict import read_bgr

MARGIN = 0.1
"""How much of its surroundings a crop shows on each side, as a share of the box."""
MIN_SIDE_PX = 6
"""Smaller objects show nothing that could be compared."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Crop:
    """One marked object."""

    path: Path
    """The picture."""
    object_index: int
    """Which of the picture's objects it is."""
    class_id: int
    """Its class."""
    bgr: NDArray[np.uint8]
    """(H, W, 3) its pixels, with a little around it."""


def cut_crops(images: Sequence[LabelledImage], *, at_most: int, seed: int = 0) -> list[Crop]:
    """Return crops of the marked objects that count, a random choice where there are more than ``at_most``.

    Raises:
        SourceError: when a picture cannot be read any more.
    """
    places = [
        (image, index)
        for image in images
        for index, box in enumerate(image.boxes)
        if not box.ignore and min(_sides(box.box_xyxy_px)) >= MIN_SIDE_PX
    ]
    if len(places) > at_most:
        chosen = np.random.default_rng(seed).choice(len(places), at_most, replace=False)
        places = [places[index] for index in sorted(chosen.tolist())]
    return list(_cut(places))


def cut(bgr: NDArray[np.uint8], box_xyxy_px: Sequence[float]) -> NDArray[np.uint8]:
    """Return the pixels of a box and a little around it, at least one pixel."""
    left, top, right, bottom = box_xyxy_px
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    height, width = bgr.shape[:2]
    x0, y0 = int(np.clip(left - across, 0, width - 1)), int(np.clip(top - down, 0, height - 1))
    x1, y1 = int(np.clip(np.ceil(right + across), x0 + 1, width)), int(np.clip(np.ceil(bottom + down), y0 + 1, height))
    return bgr[y0:y1, x0:x1]


def _cut(places: Iterable[tuple[LabelledImage, int]]) -> Iterable[Crop]:
    path, bgr = None, np.empty((0, 0, 3), np.uint8)
    for image, index in places:
        if image.path != path:
            path, bgr = image.path, read_bgr(image.path)
        box = image.boxes[index]
        yield Crop(image.path, index, box.class_id, cut(bgr, box.box_xyxy_px).copy())


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]
