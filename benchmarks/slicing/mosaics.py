"""4K pictures put together from labelled ones, each smaller than life, with all labels kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.datasets.dataset import LabelledBox, LabelledImage
from streamvision.evaluation.predictions import read_bgr

WIDTH_PX, HEIGHT_PX = 3840, 2160
COLUMNS, ROWS = 6, 4
SCALES = (0.3, 1.0)
"""How much smaller than life a picture is shown, at random in between."""
GREY = 114


def mosaic(images: Sequence[LabelledImage], *, seed: int) -> tuple[NDArray[np.uint8], LabelledImage]:
    """Return a (2160, 3840, 3) BGR picture of some of the pictures, and what is marked on it.

    Each cell of 640x540 px shows one of them, at a random place and scale. No picture is shown twice before all were.
    """
    rng = np.random.default_rng(seed)
    canvas = np.full((HEIGHT_PX, WIDTH_PX, 3), GREY, np.uint8)
    cell_px = np.array([WIDTH_PX // COLUMNS, HEIGHT_PX // ROWS])
    order = np.concatenate([rng.permutation(len(images)) for _ in range(-(-COLUMNS * ROWS // len(images)))])
    boxes: list[LabelledBox] = []
    for place, index in enumerate(order[: COLUMNS * ROWS].tolist()):
        image = images[index]
        native_px = np.array([image.width_px, image.height_px])
        scale = float(min(rng.uniform(*SCALES), *(cell_px / native_px)))
        size_px = np.maximum((native_px * scale).astype(int), 1)
        start = cell_px * (place % COLUMNS, place // COLUMNS) + (rng.random(2) * (cell_px - size_px)).astype(int)
        end = start + size_px
        small = cv2.resize(read_bgr(image.path), size_px.tolist(), interpolation=cv2.INTER_AREA)
        canvas[start[1] : end[1], start[0] : end[0]] = small
        ratio = np.tile(size_px / native_px, 2)
        for box in image.boxes:
            corners = np.array(box.box_xyxy_px) * ratio + np.tile(start, 2)
            boxes.append(replace(box, box_xyxy_px=tuple(corners.tolist()), shape=None))
    first = images[0]
    return canvas, replace(first, width_px=WIDTH_PX, height_px=HEIGHT_PX, boxes=tuple(boxes))


def scaled_labels(image: LabelledImage, ratio: float) -> LabelledImage:
    """Return what is marked on a picture, as it is on one that is so many times as large."""
    boxes = [replace(box, box_xyxy_px=tuple(ratio * edge for edge in box.box_xyxy_px)) for box in image.boxes]
    return replace(
        image, width_px=round(ratio * image.width_px), height_px=round(ratio * image.height_px), boxes=tuple(boxes)
    )
