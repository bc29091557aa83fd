"""YOLOX' published inference, step by step in float64: ``preproc``, ``demo_postprocess`` and class-wise suppression.

Written from the formulas in https://github.com/Megvii-BaseDetection/YOLOX (yolox/data/data_augment.py,
yolox/utils/demo_utils.py, yolox/utils/boxes.py), as plain as can be: it is the yardstick, so nothing in it is clever.
The overlap is that of ``postprocess``, with which the network is evaluated; the ``nms`` of the ONNX demo adds one
pixel to each side, which tips a few pairs of boxes at the very limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from support.detection_sets import Rows

Network = Callable[[NDArray[np.float32]], NDArray[Any]]


def yolox_detections(network: Network, bgr: NDArray[np.uint8], *, side_px: int, score: float, iou: float) -> Rows:
    """Return what YOLOX finds on a picture, cut at the picture's edges."""
    ratio = min(side_px / bgr.shape[0], side_px / bgr.shape[1])
    padded = np.full((side_px, side_px, 3), 114, np.uint8)
    small = cv2.resize(bgr, (int(bgr.shape[1] * ratio), int(bgr.shape[0] * ratio)), interpolation=cv2.INTER_LINEAR)
    padded[: small.shape[0], : small.shape[1]] = small
    rows = network(padded.transpose(2, 0, 1)[None].astype(np.float32))[0].astype(np.float64)

    boxes = decode_boxes(rows, side_px) / ratio
    scores = rows[:, 4:5] * rows[:, 5:]
    best = scores.argmax(axis=1)
    kept: list[list[float]] = []
    for class_id in range(scores.shape[1]):
        of_class = np.flatnonzero((best == class_id) & (scores[:, class_id] >= score))
        waiting = of_class[np.argsort(-scores[of_class, class_id], kind="stable")].tolist()
        while waiting:
            first, *rest = waiting
            kept.append([*boxes[first], scores[first, class_id], class_id])
            waiting = [i for i in rest if overlap(boxes[first], boxes[i]) <= iou]
    found = np.array(kept, np.float64).reshape(-1, 6)
    found[:, [0, 2]] = found[:, [0, 2]].clip(0, bgr.shape[1])
    found[:, [1, 3]] = found[:, [1, 3]].clip(0, bgr.shape[0])
    return found


def decode_boxes(rows: NDArray[np.float64], side_px: int) -> NDArray[np.float64]:
    """Return left, top, right, bottom of every grid cell's box, in pixels of the network input."""
    boxes = []
    cell = 0
    for stride in (8, 16, 32):
        for y in range(side_px // stride):
            for x in range(side_px // stride):
                dx, dy, log_width, log_height = rows[cell, :4]
                center_x, center_y = (dx + x) * stride, (dy + y) * stride
                half_width, half_height = np.exp(log_width) * stride / 2, np.exp(log_height) * stride / 2
                boxes.append(
                    (center_x - half_width, center_y - half_height, center_x + half_width, center_y + half_height)
                )
                cell += 1
    return np.array(boxes)


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return intersection over union."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(width * height / (both - width * height))
