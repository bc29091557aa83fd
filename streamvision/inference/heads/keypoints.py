"""What the heads of pose models share: from values a box to keypoints in the picture's own pixels."""

from __future__ import annotations

import numpy as np

from streamvision.core.detections import Detections
from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.layout import F32
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


def keypoint_count(card: ModelCard) -> int:
    """Return how many keypoints an object has.

    Raises:
        UnknownHeadError: when the card does not say.
    """
    if card.keypoints is None:
        raise UnknownHeadError(
            f"head {card.head!r} needs to know the keypoints, but the model's card has none; export it again"
        )
    return len(card.keypoints.names)


def values_per_keypoint(columns: int | None, others: int, keypoints: int) -> int:
    """Return whether a keypoint has 2 values (x, y) or 3 (and how sure it is), by the size of the tensor's axis.

    Args:
        columns: size of the axis; ``None`` (dynamic) is taken for 3 values.
        others: how many other values stand there.
        keypoints: how many keypoints an object has.
    """
    return 2 if columns == others + 2 * keypoints else 3


def keypoint_values(found: Candidates, shape: tuple[int, int], scale: F32) -> F32:
    """Return (N, K, 2 or 3) keypoints of the candidates, x and y in pixels of the network's input.

    Args:
        found: candidates whose extra values are the keypoints, in the unit of the raw boxes.
        shape: how many keypoints there are, and how many values each has.
        scale: (4,) factors from that unit to pixels of the network's input, in the order x, y, x, y.
    """
    extra = np.empty((0, shape[0] * shape[1]), np.float32) if found.extra is None else found.extra
    values: F32 = extra.reshape(-1, *shape).copy()
    values[..., :2] *= scale[:2]
    return values


def with_keypoints(found: Candidates, values: F32, place: Letterbox) -> Detections:
    """Return the candidates with keypoints in the picture's own pixels, cut at its edges.

    Args:
        found: the candidates.
        values: (N, K, 2 or 3) x and y in pixels of the network's input, and how sure each is, 0..1; 1 where not given.
        place: where the picture lay in the network's input.
    """
    far_px = np.array([place.picture_width_px, place.picture_height_px], np.float32)
    xy_px = np.clip(place.points_to_picture(values[..., :2]), 0, far_px)
    score = values[..., 2].copy() if values.shape[2] == 3 else np.ones(values.shape[:2], np.float32)
    boxes = place.to_picture(found.box_xyxy_px)
    return Detections(boxes, found.score, found.class_id, keypoint_xy_px=xy_px, keypoint_score=score)
