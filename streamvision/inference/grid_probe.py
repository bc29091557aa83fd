"""Which head a tensor with one row for each grid cell belongs to, where its shape fits several: the network is run.

YOLOX' raw offsets, YOLOX with its decoding inside, YOLOv6, YOLOv8's tensor the other way round and DeepStream's rows
look alike by shape. On a picture with edges and textures, what they hold differs: offsets are small, decoded boxes lie
about their cells; YOLOv6's objectness is exactly 1; DeepStream's last column holds whole numbers; class scores beside
an objectness are not low on the background, since they were only trained on objects.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.backends.base import Backend
from streamvision.inference.heads.layout import F32, SCORES_AT, box_tensor, input_size_px
from streamvision.inference.heads.yolo_detect import grid_cells

_MIN_ROWS = 0.5
"""Share of rows that must hold something, before anything is concluded."""
_MOST = 0.95
_MAX_OFFSET_CELLS = 32.0
"""Raw offsets are a few cells, and so are logarithms of sizes; decoded pixels reach the input's side."""
_FAR_CELLS = 16.0
"""How far from its cell a decoded centre may lie."""
_LARGEST_FRACTION = 2.0
_BACKGROUND_SCORE = 0.02
_CONDITIONAL_SCORE = 0.05
"""Below the first, the typical row's best class score has no objectness before it; above the second, it has."""


class Settled(NamedTuple):
    """What the run has shown."""

    head: str
    """The name of the head."""
    reason: str
    """What showed it, as a part of a sentence."""


def is_grid(backend: Backend) -> bool:
    """Say whether the only tensor of boxes has one row for each cell of YOLOX' grid."""
    size_px, position = input_size_px(backend.input), box_tensor(backend.outputs)
    if size_px is None or position is None or any(len(output.shape) == 4 for output in backend.outputs):
        return False
    _, rows, columns = backend.outputs[position].shape
    return rows == len(grid_cells(*size_px)[1]) and columns is not None and columns > SCORES_AT


def settle_grid(backend: Backend) -> Settled | None:
    """Return the head that the network's answers belong to, or ``None`` where they do not say.

    Raises:
        ModelError: when the runtime fails.
    """
    size_px, position = input_size_px(backend.input), box_tensor(backend.outputs)
    if size_px is None or position is None:
        return None
    # Copied, since some runtimes overwrite what they have returned.
    answers = [np.array(backend.run(tensor)[position][0], np.float32) for tensor in _pictures(backend, size_px)]
    rows = np.concatenate(answers)
    cells, strides_px = (np.tile(part, (len(answers), 1)) for part in _cells(size_px))
    if len(cells) != len(rows):
        raise ModelError(f"the model returned {len(rows)} rows, not one for each of its {len(cells)} grid cells")
    used = np.isfinite(rows).all(axis=1) & rows[:, :4].any(axis=1)
    if used.mean() < _MIN_ROWS:
        return None
    return _settled(rows[used], cells[used], strides_px[used, 0])


def in_fractions(backend: Backend) -> bool:
    """Say whether the only tensor of boxes holds fractions of the input on a drawn picture, and not pixels.

    Raises:
        ModelError: when the runtime fails.
    """
    size_px, position = input_size_px(backend.input), box_tensor(backend.outputs)
    if size_px is None or position is None or backend.name == "litert":  # there ultralytics divides all boxes
        return False
    boxes = [np.abs(backend.run(tensor)[position][..., :4]).max() for tensor in _pictures(backend, size_px)]
    return all(0 < largest <= _LARGEST_FRACTION for largest in boxes)


def _settled(rows: F32, cells: F32, strides_px: F32) -> Settled | None:
    boxes = rows[:, :4]
    if np.quantile(np.abs(boxes), 0.99) < _MAX_OFFSET_CELLS and np.median(np.abs(boxes[:, :2])) < 2:
        return Settled("yolox", "its boxes are small offsets from grid cells")
    middle_px = (cells + np.float32(0.5)) * strides_px[:, None]
    centred = _lies_about(boxes[:, :2], middle_px, strides_px) & (boxes[:, 2:] > 0).all(axis=1)
    cornered = _lies_about((boxes[:, :2] + boxes[:, 2:]) / 2, middle_px, strides_px) & (
        boxes[:, 2:] >= boxes[:, :2]
    ).all(axis=1)
    if cornered.mean() > _MOST:  # asked first, since a left top corner may well be near its cell, too
        whole = rows.shape[1] == SCORES_AT + 1 and bool((rows[:, 5] == np.rint(rows[:, 5])).all())
        return Settled("deepstream", "its rows are corners in pixels, a score and a whole number") if whole else None
    return _with_centres(rows) if centred.mean() > _MOST else None


def _with_centres(rows: F32) -> Settled | None:
    """Return the head of finished boxes given by centre and size, by what stands behind them."""
    objectness = rows[:, 4]
    if (objectness == 1).all():
        return Settled("yolo_v6", "its boxes are finished, in pixels, and its objectness is always 1")
    typical = float(np.median(rows[:, SCORES_AT:].max(axis=1)))
    if typical > _CONDITIONAL_SCORE:
        return Settled("yolox_decoded", "its boxes are finished, in pixels, with an objectness before the classes")
    if typical < _BACKGROUND_SCORE:
        return Settled("yolo_v8_rows", "its boxes are finished, in pixels, and no objectness stands before the classes")
    return None


def _lies_about(center_px: NDArray[Any], middle_px: NDArray[Any], strides_px: F32) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = (np.abs(center_px - middle_px) <= _FAR_CELLS * strides_px[:, None]).all(axis=1)
    return near


def _cells(size_px: tuple[int, int]) -> tuple[F32, F32]:
    cells, strides_px = grid_cells(*size_px)
    return cells, strides_px[:, None]


def _pictures(backend: Backend, size_px: tuple[int, int]) -> list[NDArray[Any]]:
    """Return a drawn picture as levels and as fractions, since it is not known yet which of them the network takes."""
    spec = backend.input
    levels = drawn_picture(*size_px).astype(np.float32)
    channels_first = spec.layout == "nchw"
    channels = spec.shape[1] if channels_first else spec.shape[3]
    levels = levels[..., :channels]
    picture = np.ascontiguousarray(levels.transpose(2, 0, 1) if channels_first else levels)
    batch = np.broadcast_to(picture, (spec.shape[0] or 1, *picture.shape))
    scales = (1.0,) if spec.dtype == "uint8" else (1.0, 1 / 255)
    return [np.ascontiguousarray(batch * scale).astype(spec.dtype) for scale in scales]


def drawn_picture(width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB levels with soft and hard edges and texture, always the same for a size."""
    random = np.random.default_rng(0)
    picture = np.zeros((height_px, width_px, 3), np.float32)
    for cells in (3, 7, 17, 41):
        coarse = random.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC) / 4
    for _ in range(12):
        left, top = random.uniform(0, 0.8, 2) * (width_px, height_px)
        right, bottom = (left, top) + random.uniform(0.05, 0.3, 2) * (width_px, height_px)
        picture[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = random.uniform(0, 255, 3)
    return np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
