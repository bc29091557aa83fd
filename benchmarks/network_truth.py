"""The objects of a real video as a network sees them, in the place of labels that nobody has made.

What it says at a high score is strung together from frame to frame, gaps are filled in between, and what is seen for a
moment only is left out. It is no truth: where the network is wrong, so is whatever is measured by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import streamvision
from streamvision.core.boxes import overlaps

SAME_IOU = 0.3
"""Overlap from which a box is the same object as that of the frame before, or of the last one that saw it."""
LARGEST_GAP = 8
"""Frames that an object may be missed."""
LEAST_FRAMES = 5
LEAST_SHARE, LARGEST_SHARE = 0.01, 0.6
"""Of the picture."""
MOVES_BY = 0.1
"""Least way of a box's middle within a second, as a share of its diagonal, that counts as moving."""

Box = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """One object on one frame."""

    identity: int
    """Who it is."""
    box_xyxy_px: Box
    """(4,) left, top, right, bottom."""
    moves: bool
    """Whether it moves now."""


def network_truth(
    video: Path, model: Path, *, classes: Sequence[str] | None, score: float, fps: float
) -> tuple[list[NDArray[np.uint8]], list[list[Seen]]]:
    """Return the pictures of a video, (H, W, 3) BGR, and what is on each.

    Args:
        video: the file.
        model: the network.
        classes: those that count; ``None``: whatever it is called, as where a camera looks from where none of the
            network's training pictures was taken.
        score: the least.
        fps: frames a second.
    """
    pictures: list[NDArray[np.uint8]] = []
    tracks: list[dict[int, Box]] = []
    settings = {} if classes is None else {"classes": list(classes)}
    for index, result in enumerate(
        streamvision.stream(str(video), model=model, score=score, agnostic_nms=True, tracker="none", **settings)
    ):
        pictures.append(result.frame.picture.to_bgr())
        area = float(np.prod(pictures[0].shape[:2]))
        boxes = [one for one in result.detections.box_xyxy_px.astype(np.float64) if _fits(one, area)]
        open_tracks = [track for track in tracks if index - max(track) <= LARGEST_GAP]
        while boxes and open_tracks:
            iou = overlaps(np.stack(boxes), np.stack([track[max(track)] for track in open_tracks]))
            row, column = np.unravel_index(iou.argmax(), iou.shape)
            if iou[row, column] < SAME_IOU:
                break
            open_tracks.pop(int(column))[index] = boxes.pop(int(row))
        tracks += [{index: box} for box in boxes]
    kept = [track for track in tracks if len(track) >= LEAST_FRAMES]
    seen: list[list[Seen]] = [[] for _ in pictures]
    for identity, track in enumerate(kept, 1):
        numbers = np.arange(min(track), max(track) + 1)
        known = np.array(sorted(track))
        boxes_at = np.stack([track[int(at)] for at in known])
        filled = np.stack([np.interp(numbers, known, boxes_at[:, side]) for side in range(4)], axis=1)
        for at, box, moves in zip(numbers.tolist(), filled, _moving(filled, fps), strict=True):
            seen[at].append(Seen(identity, box, bool(moves)))
    return pictures, seen


def _moving(boxes: Box, fps: float) -> NDArray[np.bool_]:
    """Return (N,) whether an object with these boxes, (N, 4), moves at each frame."""
    reach = max(round(fps / 2), 1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    at = np.arange(len(boxes))
    before, after = np.maximum(at - reach, 0), np.minimum(at + reach, len(boxes) - 1)
    way_px = np.linalg.norm(middle[after] - middle[before], axis=1) * 2 * reach / np.maximum(after - before, 1)
    return np.asarray(way_px >= MOVES_BY * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1))


def _fits(box: Box, area_px: float) -> bool:
    return bool(LEAST_SHARE <= np.prod(box[2:] - box[:2]) / area_px <= LARGEST_SHARE)
