"""Outputs of ultralytics' segmentation models: boxes as for detection, 32 mask weights a box, and 32 prototypes.

Masks are made from prototypes as YOLACT has them (arXiv:1904.02689, section 3): one dot product a pixel, cut to the
box. A mask is true where the weighted sum of the prototypes, interpolated to the picture's own pixels, is above 0. That
equals ultralytics' ``process_mask_native`` (``retina_masks=True``), the more exact of its two ways: the default one
thresholds at the network's resolution and leaves steps of several pixels on a large picture. Only the pixels within
the box are ever computed, from the few prototype cells that they need. Source of the layout: the models' own
``Segment`` layer, https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError
from streamvision.core.masks import BoxMask
from streamvision.core.resampling import LinearMap, bilinear_weights
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.box_tensor import BOX_ROWS, BoxTensorHead, RawRowsHead, SelectedRowsHead
from streamvision.inference.heads.layout import F32, box_tensor, cell_counts, input_size_px, unknown_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

PROTOTYPE_STRIDE_PX = 4
"""Input pixels a prototype cell."""


class Grid(NamedTuple):
    """How prototype cells become pixels of a picture."""

    down: LinearMap
    """From rows of cells to rows of the picture."""
    across: LinearMap
    """From columns of cells to columns of the picture."""


def box_masks(prototypes: F32, coefficient: F32, box_xyxy_px: F32, letterbox: Letterbox) -> NDArray[np.object_]:
    """Return (N,) :class:`BoxMask`, one an object; that of a box outside of the picture is empty.

    Args:
        prototypes: (M, h, w) of the picture, a cell for each 4x4 pixels of the network's input.
        coefficient: (N, M) weights of the prototypes.
        box_xyxy_px: (N, 4) in the picture's own pixels, within the picture.
        letterbox: where the picture lay in the network's input.
    """
    grid = _grid(letterbox, prototypes.shape[1], prototypes.shape[2])
    masks: NDArray[np.object_] = np.empty(len(coefficient), object)
    # A pixel belongs to the box when its index lies within, as in the reference.
    edges = np.ceil(box_xyxy_px).astype(np.intp)
    for index, (left, top, right, bottom) in enumerate(edges.tolist()):
        masks[index] = _mask(prototypes, coefficient[index], grid, left, top, right, bottom)
    return masks


def _mask(prototypes: F32, weights: F32, grid: Grid, left: int, top: int, right: int, bottom: int) -> BoxMask:
    if right <= left or bottom <= top:
        return BoxMask(left, top, np.zeros((0, 0), np.bool_))
    row, row_end = grid.down.span(top, bottom)
    column, column_end = grid.across.span(left, right)
    # The cells lie on their side until they have their full width: rows are summed up faster than columns.
    cells = np.einsum("k,khw->wh", weights, prototypes[:, row:row_end, column:column_end])
    wide = np.ascontiguousarray(grid.across.rows(cells, left, right, offset=column).T)
    bits = grid.down.rows(wide, top, bottom, offset=row) > 0
    return BoxMask(left, top, bits)


@lru_cache(maxsize=16)
def _grid(letterbox: Letterbox, rows: int, columns: int) -> Grid:
    """Return the map from cells to pixels: refined until the border ends between two cells, cut, then interpolated."""
    below_px = PROTOTYPE_STRIDE_PX * rows - letterbox.content_height_px - letterbox.top_px
    right_px = PROTOTYPE_STRIDE_PX * columns - letterbox.content_width_px - letterbox.left_px
    step_px = math.gcd(PROTOTYPE_STRIDE_PX, letterbox.left_px, letterbox.top_px, right_px, below_px)
    down = _axis(rows, letterbox.top_px, letterbox.content_height_px, letterbox.picture_height_px, step_px)
    across = _axis(columns, letterbox.left_px, letterbox.content_width_px, letterbox.picture_width_px, step_px)
    return Grid(down, across)


def _axis(cells: int, border_px: int, content_px: int, picture_px: int, step_px: int) -> LinearMap:
    refined = bilinear_weights(cells, cells * PROTOTYPE_STRIDE_PX // step_px)
    content = refined[border_px // step_px : (border_px + content_px) // step_px]
    return LinearMap.of((bilinear_weights(len(content), picture_px) @ content).astype(np.float32))


PROTOTYPES = 32


class MaskHead(BoxTensorHead):
    """Gives candidates back to the picture whose ``extra`` values are weights of prototypes, another output."""

    def _find_prototypes(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        """Remember which output the prototypes are.

        Raises:
            UnknownHeadError: when no output, or more than one, is a map of prototypes.
        """
        self._rows_last = card.input.height_px // PROTOTYPE_STRIDE_PX, card.input.width_px // PROTOTYPE_STRIDE_PX
        positions = [i for i, output in enumerate(outputs) if self._is_map(output.shape)]
        if len(positions) != 1:
            wanted = f"prototypes (batch, {PROTOTYPES}, {', '.join(map(str, self._rows_last))})"
            raise unknown_outputs(card, outputs, f"also reads one output of {wanted}")
        self._prototypes_at = positions[0]

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return the candidates that are left, with masks, in the picture's own pixels.

        Raises:
            ModelError: when the prototypes have another shape than the model said.
        """
        prototypes = outputs[self._prototypes_at][index]
        if not self._is_map((1, *prototypes.shape)) or found.extra is None:
            raise ModelError(f"the model returned prototypes {prototypes.shape}; check the exported file")
        if prototypes.shape != (PROTOTYPES, *self._rows_last):  # 32 may be the rows of an input of 128 px, too
            prototypes = prototypes.transpose(2, 0, 1)
        boxes = letterbox.to_picture(found.box_xyxy_px)
        masks = box_masks(prototypes.astype(np.float32, copy=False), found.extra, boxes, letterbox)
        return Detections(boxes, found.score, found.class_id, mask=masks)

    def _is_map(self, shape: tuple[int | None, ...]) -> bool:
        """Say whether this may be (batch, 32, h, w), or (batch, h, w, 32) as TensorFlow's converters give it."""
        rows, columns = self._rows_last
        wanted = (PROTOTYPES, rows, columns), (rows, columns, PROTOTYPES)
        return len(shape) == 4 and any(
            all(have in (None, want) for have, want in zip(shape[1:], sizes, strict=True)) for sizes in wanted
        )


class YoloSegHead(MaskHead, RawRowsHead):
    """Rows cx, cy, w, h, one score a class, 32 mask weights; one column a box. Masks are made for what is left."""

    class_axis = (1, BOX_ROWS + PROTOTYPES)

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are raw boxes with more than 36 rows, and one map of 32 prototypes."""
        size_px, position = input_size_px(input_spec), box_tensor(outputs)
        if size_px is None or position is None or len(outputs) != 2:
            return False
        _, rows, columns = outputs[position].shape
        cells = size_px[1] // PROTOTYPE_STRIDE_PX, size_px[0] // PROTOTYPE_STRIDE_PX
        maps = outputs[1 - position].shape[1:]
        return (
            rows is not None
            and rows > BOX_ROWS + PROTOTYPES
            and columns in cell_counts(*size_px)
            and maps in ((PROTOTYPES, *cells), (*cells, PROTOTYPES))
        )

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=PROTOTYPES, extra_meaning=f" with {PROTOTYPES} mask weights a box")
        self._find_prototypes(card, outputs)


class YoloSegEnd2EndHead(MaskHead, SelectedRowsHead):
    """Columns x1, y1, x2, y2, score, class, 32 mask weights; one row a box."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        super().__init__(card, outputs, extra=PROTOTYPES)
        self._find_prototypes(card, outputs)
