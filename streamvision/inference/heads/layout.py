"""What several heads share: telling shapes apart, class scores, and turning raw rows into checked candidates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import UnknownHeadError
from streamvision.inference.heads.base import Candidates
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

logger = logging.getLogger(__name__)

F32 = NDArray[np.float32]

STRIDE_SETS_PX = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""Strides of the usual three scales, of the P6 models (one coarser) and of the P2 models (one finer)."""
STRIDES_PX = (4, 8, 16, 32, 64, 128)
"""All strides that detectors use; those of one model follow upon each other."""


def input_size_px(spec: TensorSpec) -> tuple[int, int] | None:
    """Return (width, height) of a picture input of fixed size, whatever its layout; ``None`` where it is not one."""
    if len(spec.shape) != 4:
        return None
    _, *rest = spec.shape
    height, width = rest[1:] if spec.layout == "nchw" else rest[:2]
    if not {1, 3}.intersection((rest[0], rest[2])) or width is None or height is None:
        return None
    return width, height


def cell_counts(width_px: int, height_px: int) -> set[int]:
    """Return how many grid cells the usual sets of strides have in an input of this size."""
    return {sum((width_px // s) * (height_px // s) for s in strides) for strides in STRIDE_SETS_PX}


def possible_cell_counts(width_px: int, height_px: int) -> set[int]:
    """Return how many grid cells any model may have whose strides follow upon each other, unusual ones included."""
    counts = [(width_px // s) * (height_px // s) for s in STRIDES_PX]
    return {sum(counts[first:last]) for last in range(1, len(counts) + 1) for first in range(last)}


def box_tensor(outputs: Sequence[TensorSpec]) -> int | None:
    """Return the position of the only output with three axes (batch, and boxes either way round), if there is one.

    Old YOLOv5 exports add the raw maps of each scale (five axes); they are not needed.
    """
    positions = [i for i, output in enumerate(outputs) if len(output.shape) == 3]
    return positions[0] if len(positions) == 1 else None


def describe_outputs(outputs: Sequence[TensorSpec]) -> str:
    """Return names and shapes for a message, such as ``output0 (1, 84, ?)``."""
    shapes = [f"{o.name} ({', '.join('?' if n is None else str(n) for n in o.shape)})" for o in outputs]
    return ", ".join(shapes) or "none"


def unknown_outputs(
    card: ModelCard, outputs: Sequence[TensorSpec], reads: str, *, settled_by: str = "the head that belongs"
) -> UnknownHeadError:
    """Return the error for a head that cannot read a model.

    Args:
        card: the model's card, which names the head.
        outputs: the outputs that the model has.
        reads: what the head reads instead, the verb before it.
        settled_by: what the user has to give.
    """
    return UnknownHeadError(
        f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} {reads}; give {settled_by} to "
        "this model"
    )


HEAD_AND_NAMES = "the head and the class names that belong"
"""What settles a model whose outputs depend on the number of its classes."""


def finite_candidates(
    raw_boxes: F32,
    score: F32,
    class_id: NDArray[np.integer[Any]],
    *,
    scale: F32 | float = 1.0,
    extra: F32 | None = None,
) -> Candidates:
    """Return candidates without those rows that hold an infinity or NaN; a network that overflows gives such.

    Args:
        raw_boxes: (N, 4) left, top, right, bottom.
        score: (N,) confidence of the best class.
        class_id: (N,) best class.
        scale: factor, or (4,) factors, from the unit of ``raw_boxes`` to pixels of the network input.
        extra: (N, M) what else is known of each box.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        box_xyxy_px = raw_boxes * np.float32(scale)
    found = Candidates(box_xyxy_px, score, class_id.astype(np.int32, copy=False), extra)
    columns = [score[:, None], box_xyxy_px] if extra is None else [score[:, None], box_xyxy_px, extra]
    finite = [np.isfinite(values) for values in columns]
    if all(values.all() for values in finite):
        return found
    return found[np.flatnonzero(np.concatenate(finite, axis=1).all(axis=1))]


class NamedClasses:
    """The classes that have a name; that a network finds others, too, is said once.

    Args:
        card: the model's card.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._said = False

    def among(self, class_id: NDArray[Any]) -> NDArray[np.bool_]:
        """Return (N,) which of the classes of objects whose score is high enough have a name."""
        count = len(self._card.names)
        named: NDArray[np.bool_] = (class_id >= 0) & (class_id < count)
        if not self._said and (beyond := class_id[(class_id >= count) & np.isfinite(class_id)]).size:
            self._said = True
            logger.warning(
                "the model finds objects of class %d, but has %d names (%s), so objects of the others are left out; "
                "give the names of all classes with --names",
                int(beyond.max()),
                count,
                ", ".join([*self._card.names[:3], "..."] if count > 3 else self._card.names),
            )
        return named


def corners(center_and_size: F32) -> F32:
    """Return (N, 4) left, top, right, bottom of (N, 4) boxes that are given by centre x and y, width and height."""
    boxes = np.empty((len(center_and_size), 4), np.float32)
    center, size = center_and_size[:, :2], center_and_size[:, 2:4]
    with np.errstate(over="ignore", invalid="ignore"):  # rows that overflow are dropped by finite_candidates
        half = size / 2
        np.subtract(center, half, out=boxes[:, :2])
        np.add(center, half, out=boxes[:, 2:])
    return boxes


def box_scale(card: ModelCard) -> F32:
    """Return (4,) factors from the raw boxes' unit to pixels of the network input, in the order x, y, x, y."""
    if card.box_unit == "px":
        return np.ones(4, np.float32)
    return np.array([card.input.width_px, card.input.height_px] * 2, np.float32)


OBJECTNESS_AT = 4
SCORES_AT = 5

Indices = NDArray[np.integer[Any]]


def best_classes(rows: NDArray[np.float32], *, score_threshold: float) -> tuple[Indices, NDArray[np.float32], Indices]:
    """Return the rows that reach the threshold, their scores and their best classes.

    Args:
        rows: (N, 5 + classes) with the objectness in column 4; objectness and class scores are within 0..1.
        score_threshold: lowest product of objectness and best class score.

    Returns:
        (K,) indices into ``rows``, (K,) float32 scores and (K,) class ids.
    """
    # A class score is at most 1, so objectness alone rules out nearly all rows before any class is looked at.
    likely = np.flatnonzero(rows[:, OBJECTNESS_AT] >= score_threshold)
    class_scores = rows[likely, SCORES_AT:]
    class_id = class_scores.argmax(axis=1)
    score = rows[likely, OBJECTNESS_AT] * np.take_along_axis(class_scores, class_id[:, None], axis=1)[:, 0]
    reached = score >= score_threshold
    return likely[reached], score[reached], class_id[reached]


def every_class_of(
    rows: NDArray[np.float32], *, score_threshold: float
) -> tuple[Indices, NDArray[np.float32], Indices]:
    """Return as :func:`best_classes`, but a row once for each class whose score reaches the threshold."""
    likely = np.flatnonzero(rows[:, OBJECTNESS_AT] >= score_threshold)
    scores = rows[likely, OBJECTNESS_AT, None] * rows[likely, SCORES_AT:]
    row, class_id = np.nonzero(scores >= score_threshold)
    return likely[row], scores[row, class_id], class_id
