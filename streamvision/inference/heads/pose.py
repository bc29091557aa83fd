"""Outputs of pose models: keypoints in the picture's own pixels, of ultralytics' models and of BlazePose.

Sources: ultralytics' ``Pose`` layer, https://docs.ultralytics.com/reference/nn/modules/head/; BlazePose's landmark
network (MediaPipe, arXiv:2006.10204), https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.box_tensor import (
    BOX_ROWS,
    SELECTED_COLUMNS,
    BoxTensorHead,
    RawRowsHead,
    SelectedRowsHead,
)
from streamvision.inference.heads.detr import sigmoid
from streamvision.inference.heads.layout import F32, box_tensor, finite_candidates, unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import KeypointCard, ModelCard
from streamvision.inference.tensors import TensorSpec


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


def with_keypoints(found: Candidates, values: F32, letterbox: Letterbox) -> Detections:
    """Return the candidates with keypoints in the picture's own pixels, cut at its edges.

    Args:
        found: the candidates.
        values: (N, K, 2 or 3) x and y in pixels of the network's input, and how sure each is, 0..1; 1 where not given.
        letterbox: where the picture lay in the network's input.
    """
    far_px = np.array([letterbox.picture_width_px, letterbox.picture_height_px], np.float32)
    xy_px = np.clip(letterbox.points_to_picture(values[..., :2]), 0, far_px)
    score = values[..., 2].copy() if values.shape[2] == 3 else np.ones(values.shape[:2], np.float32)
    boxes = letterbox.to_picture(found.box_xyxy_px)
    return Detections(boxes, found.score, found.class_id, keypoint_xy_px=xy_px, keypoint_score=score)


class BoxKeypointsHead(BoxTensorHead):
    """Gives candidates back to the picture whose ``extra`` values are keypoints, in the unit of the raw boxes."""

    _shape: tuple[int, int]
    """How many keypoints there are, and how many values each has: 2 or 3."""

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with keypoints, in the picture's own pixels."""
        extra = np.empty((0, math.prod(self._shape)), np.float32) if found.extra is None else found.extra
        values = extra.reshape(-1, *self._shape).copy()
        values[..., :2] *= self._scale[:2]
        return with_keypoints(found, values, letterbox)


class YoloPoseHead(BoxKeypointsHead, RawRowsHead):
    """Rows cx, cy, w, h, one score a class, then x, y and visibility of each keypoint; one column a box."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        keypoints, position = keypoint_count(card), box_tensor(outputs)
        rows = None if position is None else outputs[position].shape[1]
        values = values_per_keypoint(rows, BOX_ROWS + len(card.names), keypoints)
        super().__init__(
            card, outputs, extra=keypoints * values, extra_meaning=f" with {keypoints} keypoints of {values} values"
        )
        self._shape = keypoints, values


class YoloPoseEnd2EndHead(BoxKeypointsHead, SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class, then x, y and visibility of each keypoint; one row a box."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        keypoints, position = keypoint_count(card), box_tensor(outputs)
        columns = None if position is None else outputs[position].shape[2]
        values = values_per_keypoint(columns, SELECTED_COLUMNS, keypoints)
        super().__init__(card, outputs, extra=keypoints * values)
        self._shape = keypoints, values


ALL_POINTS, VALUES = 39, 5
# fmt: off
POINTS = KeypointCard(
    names=(
        "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye", "right eye outer",
        "left ear", "right ear", "mouth left", "mouth right", "left shoulder", "right shoulder", "left elbow",
        "right elbow", "left wrist", "right wrist", "left pinky", "right pinky", "left index", "right index",
        "left thumb", "right thumb", "left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle",
        "left heel", "right heel", "left foot index", "right foot index",
    ),
    skeleton=(
        (0, 2), (2, 7), (0, 5), (5, 8), (9, 10), (11, 12), (11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20),
        (11, 23), (12, 24), (23, 24), (23, 25), (25, 27), (27, 29), (29, 31), (24, 26), (26, 28), (28, 30), (30, 32),
    ),
)
# fmt: on
"""The 33 points, and the lines between them."""


class BlazePoseHead(ObjectHead):
    """At most one person a picture, who fills it and whose box is what the points span; made for crops of persons.

    Of the outputs two are read: (batch, 195), 39 points of x, y, z in pixels of the input and the logits of being
    visible and of lying in the picture, of which the last six points are auxiliary; and (batch, 1), how surely there is
    a person, 0..1.
    """

    selected = True
    usual_input = MappingProxyType({"resize": "letterbox_center", "pad_value": 0})
    usual_names = ("person",)
    usual_keypoints = POINTS

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are 195 values of points and one of presence."""
        return _positions(outputs) is not None

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        positions = _positions(outputs)
        count = len(POINTS.names)
        if positions is None or (card.keypoints is not None and len(card.keypoints.names) != count):
            wanted = f"points (batch, {ALL_POINTS * VALUES}) and presence (batch, 1)"
            raise unknown_outputs(card, outputs, f"with {count} keypoints reads {wanted}")
        self._points, self._presence = positions

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the person of each picture in the batch whose presence reaches the threshold.

        Raises:
            ModelError: when the tensors have other shapes than the model said.
        """
        raw, presence = outputs[self._points], outputs[self._presence]
        if raw.shape[1:] != (ALL_POINTS * VALUES,) or presence.shape != (len(raw), 1):
            raise ModelError(
                f"the model returned points {raw.shape} and presence {presence.shape}, which do not belong together; "
                "check the file"
            )
        points = raw.reshape(-1, ALL_POINTS, VALUES)[:, : len(POINTS.names)].astype(np.float32, copy=False)
        values = np.concatenate([points[..., :2], sigmoid(points[..., 3:].min(axis=2, keepdims=True))], axis=2)
        boxes = np.concatenate([points[..., :2].min(axis=1), points[..., :2].max(axis=1)], axis=1)
        found = []
        for index, score in enumerate(presence[:, 0].astype(np.float32)):
            rows = slice(index, index + int(score >= score_threshold))
            classes = np.zeros(rows.stop - rows.start, np.int32)
            extra = values[rows].reshape(len(classes), len(POINTS.names) * 3)
            found.append(finite_candidates(boxes[rows], presence[rows, 0].astype(np.float32), classes, extra=extra))
        return found

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return the person with keypoints, in the picture's own pixels."""
        extra = np.empty((0, 3), np.float32) if found.extra is None else found.extra
        return with_keypoints(found, extra.reshape(len(found), len(POINTS.names), 3), letterbox)


def _positions(outputs: Sequence[TensorSpec]) -> tuple[int, int] | None:
    """Return which outputs hold the points and the presence."""
    points, presence = (
        [i for i, output in enumerate(outputs) if len(output.shape) == 2 and output.shape[1] == size]
        for size in (ALL_POINTS * VALUES, 1)
    )
    return (points[0], presence[0]) if len(points) == len(presence) == 1 else None
