"""The truth about a video of a camera that stands still, without any network: what differs from the empty scene.

It holds for scenes with an empty stretch, in which objects do not touch each other: then each is one connected part of
the difference, and the next frame's overlapping part is the same object. Shadows belong to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.tracks.mot_files import MotSequence

LEAST_LEVELS = 32
"""Smallest difference of a colour, after the picture's brightness was aligned."""
CLOSED_PX = 25
"""Gaps within an object, such as windows of a car, that are closed."""
OPENED_PX = 7
"""Specks that are removed."""
LEAST_SHARE = 0.008
"""Smallest object, as a share of the picture."""
LEAST_FRAMES = 10
SAME_IOU = 0.2

Boxes = NDArray[np.int32]


def still_truth(video: Path, *, empty: tuple[int, int]) -> MotSequence:
    """Return the objects of a video in the form of MOTChallenge.

    Args:
        video: the file.
        empty: first frame, and one past the last, of a stretch with nothing but the scene; from 0.
    """
    frames, fps = _read(video)
    scene = np.median(np.stack(frames[slice(*empty)]), axis=0).astype(np.int16)
    rows: list[list[float]] = []
    alive: dict[int, Any] = {}
    identities = 0
    for number, frame in enumerate(frames, start=1):
        found: dict[int, Any] = {}
        for box in _objects(frame, scene):
            same = max(alive, key=lambda identity: _iou(alive[identity], box), default=None)
            if same is None or _iou(alive[same], box) < SAME_IOU:
                identities += 1
                same = identities
            else:
                del alive[same]
            found[same] = box
            rows.append([number, same, *box.tolist(), 1, -1, -1, -1])
        alive = found
    table = np.array(rows, np.float64).reshape(-1, 10)
    identity, seen = np.unique(table[:, 1], return_counts=True)
    table = table[np.isin(table[:, 1], identity[seen >= LEAST_FRAMES])]
    height, width = scene.shape[:2]
    number = np.arange(1, len(frames) + 1)
    return MotSequence(video.stem, video.parent, number, fps, (width, height), table, np.empty((0, 7)))


def _read(video: Path) -> tuple[list[NDArray[np.uint8]], float]:
    with av.open(str(video)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="bgr24") for frame in file.decode(stream)]
        return frames, float(stream.average_rate or 25)


def _objects(frame: NDArray[np.uint8], scene: NDArray[np.int16]) -> Boxes:
    """Return (N, 4) left, top, width, height of what differs from the scene."""
    difference = frame - scene
    difference -= np.median(difference.reshape(-1, 3), axis=0).astype(np.int16)
    level = np.abs(difference).max(axis=2).clip(0, 255).astype(np.uint8)
    marked: Any = (cv2.GaussianBlur(level, (5, 5), 0) > LEAST_LEVELS).astype(np.uint8)
    marked = cv2.morphologyEx(marked, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
    marked = cv2.morphologyEx(marked, cv2.MORPH_OPEN, np.ones((OPENED_PX, OPENED_PX), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(marked)
    large = stats[1:, cv2.CC_STAT_AREA] >= LEAST_SHARE * marked.size
    boxes: Boxes = stats[1:][large, :4]
    return boxes


def _iou(a: Any, b: Any) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    both = float(np.clip(high - low, 0, None).prod())
    return both / float(a[2] * a[3] + b[2] * b[3] - both)
