"""Privacy: faces, number plates or whatever the model knows become unrecognisable, in every output.

    streamvision run --config examples/stages/blur.yaml --model faces.onnx --source /dev/video0

The picture itself is changed before it is drawn, recorded or sent. A frame that this code did not finish in time is
hidden as a whole, since one sharp frame is enough to know a face.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

import streamvision

CELLS = 6
"""Cells of a mosaic along the longer side of a box; a face of six cells is nobody's."""


@streamvision.stage(budget_ms=100, unfinished="hide")
def blur(
    view: streamvision.StageView, classes: Sequence[str] | None = None, margin: float = 0.15
) -> NDArray[np.uint8] | None:
    """Return the picture with a mosaic over each object.

    Args:
        view: the frame.
        classes: which objects; ``None``: all.
        margin: how far the mosaic reaches beyond a box, as a share of the box.
    """
    found = view.detections
    if classes is not None:
        found = found[np.isin(found.class_id, view.class_ids(*classes))]
    if not len(found):
        return None
    picture = view.bgr.copy()
    height, width = picture.shape[:2]
    low, high = found.box_xyxy_px[:, :2], found.box_xyxy_px[:, 2:]
    reach = (high - low) * margin
    edges = np.concatenate([np.floor(low - reach), np.ceil(high + reach)], axis=1)
    for left, top, right, bottom in np.clip(edges, 0, [width, height] * 2).astype(int).tolist():
        part = picture[top:bottom, left:right]
        if part.size:
            shrink = CELLS / max(part.shape[:2])
            cells = (max(round(part.shape[1] * shrink), 1), max(round(part.shape[0] * shrink), 1))
            small = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
            part[...] = cv2.resize(small, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST)
    return picture
