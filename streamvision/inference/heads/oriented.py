"""Outputs of ultralytics' models for oriented boxes, and the way from them back to the picture.

An oriented box is centre, width, height and the rotation of its width in radians, clockwise on the picture (y points
down). :class:`Candidates` hold it in ``extra``, (N, 5) in pixels of the network's input, and the upright box around it
in ``box_xyxy_px``. Source: the models' own ``OBB`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.box_tensor import BOX_ROWS, CLASS_COLUMN, SCORE_COLUMN, RawRowsHead, SelectedRowsHead
from streamvision.inference.heads.layout import F32, finite_candidates
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


def oriented_candidates(
    cxcywh: F32, angle: F32, score: F32, class_id: NDArray[np.integer[Any]], *, scale: F32
) -> Candidates:
    """Return candidates of (N, 4) centres and sizes with (N,) angles; ``scale`` as for :func:`finite_candidates`."""
    with np.errstate(over="ignore", invalid="ignore"):
        cxcywhr = np.concatenate([cxcywh * scale, angle[:, None]], axis=1)
        hull = upright(cxcywhr)
    return finite_candidates(hull, score, class_id, extra=cxcywhr)


def upright(cxcywhr: F32) -> F32:
    """Return (N, 4) left, top, right, bottom of the upright boxes around (N, 5) oriented ones."""
    center, size, angle = cxcywhr[:, :2], cxcywhr[:, 2:4], cxcywhr[:, 4]
    cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    half_width = (size[:, 0] * cos + size[:, 1] * sin) / 2
    half_height = (size[:, 0] * sin + size[:, 1] * cos) / 2
    half = np.stack([half_width, half_height], axis=1)
    return np.concatenate([center - half, center + half], axis=1)


def _wrapped(angle: F32) -> F32:
    """Return angles within half a turn of 0."""
    wrapped: F32 = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped


class OrientedHead(ObjectHead):
    """Gives candidates back to the picture whose ``extra`` values are (N, 5) oriented boxes."""

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return oriented candidates in the picture's own pixels.

        Where the two axes were scaled differently, a rectangle becomes a parallelogram; the rectangle given has its
        area and the direction of its width. The upright box is cut at the picture's edges, the oriented one is not.
        """
        cxcywhr = np.empty((0, 5), np.float32) if found.extra is None else found.extra
        across = np.cos(cxcywhr[:, 4]) / letterbox.scale_x
        down = np.sin(cxcywhr[:, 4]) / letterbox.scale_y
        stretch = np.hypot(across, down)
        on_picture = np.empty_like(cxcywhr)
        on_picture[:, :2] = letterbox.points_to_picture(cxcywhr[:, :2])
        on_picture[:, 2] = cxcywhr[:, 2] * stretch
        on_picture[:, 3] = cxcywhr[:, 3] / (stretch * letterbox.scale_x * letterbox.scale_y)
        on_picture[:, 4] = cxcywhr[:, 4] + _wrapped(np.arctan2(down, across) - cxcywhr[:, 4])
        far_px = np.array([letterbox.picture_width_px, letterbox.picture_height_px] * 2, np.float32)
        boxes = np.clip(upright(on_picture), 0, far_px)
        return Detections(boxes, found.score, found.class_id, obb_cxcywhr_px=on_picture)


class YoloObbHead(OrientedHead, RawRowsHead):
    """Rows cx, cy, w, h, one score a class, the angle; one column a box."""

    class_axis = (1, BOX_ROWS + 1)

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=1, extra_meaning=" with the angle last")

    def _candidates(self, columns: F32, score: F32, class_id: NDArray[np.integer[Any]]) -> Candidates:
        return oriented_candidates(columns[:BOX_ROWS].T, columns[-1], score, class_id, scale=self._scale)


class YoloObbEnd2EndHead(OrientedHead, SelectedRowsHead):
    """Columns cx, cy, w, h, score, class, angle; one row a box."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=1)

    def _candidates(self, rows: F32) -> Candidates:
        class_id = rows[:, CLASS_COLUMN].astype(np.int32)
        return oriented_candidates(rows[:, :BOX_ROWS], rows[:, -1], rows[:, SCORE_COLUMN], class_id, scale=self._scale)
