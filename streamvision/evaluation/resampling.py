"""How far a figure would be another on other pictures of the same kind: the bootstrap over pictures.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993). Two models that are measured on the same resamples are
compared by the difference on each (paired), in which what makes a resample easy or hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.coco_metrics import RECALL_LEVELS
from streamvision.evaluation.matching import match_image
from streamvision.evaluation.predictions import Predictions, Truth

OVERLAPS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""The overlaps that COCO's figure is the mean over."""

Weights = NDArray[np.int64]
"""(pictures,) how often each picture is in a resample."""


@dataclass(frozen=True, eq=False)
class _ClassHits:
    """Detections of one class by falling score, down to the last that found something."""

    picture: NDArray[np.intp]
    """(N,) the picture of each."""
    hit: NDArray[np.bool_]
    """(overlaps, N) whether it found an object."""
    wrong: NDArray[np.bool_]
    """(overlaps, N) whether it counts as wrong."""
    objects: NDArray[np.int64]
    """(pictures,) objects to find."""


class ResampledPrecision:
    """COCO's mean average precision (overlaps 0.50 to 0.95) of resamples of the pictures.

    Args:
        predictions: what a model found, and what is marked.
        class_ids: the classes that the mean is over.
    """

    def __init__(self, predictions: Predictions, class_ids: Sequence[int]) -> None:
        truths = [Truth.of(image) for image in predictions.images]
        matches = [
            [match_image(found, truth, hit_iou=overlap) for overlap in OVERLAPS.tolist()]
            for found, truth in zip(predictions.found, truths, strict=True)
        ]
        lengths = [len(one[0].score) for one in matches]
        picture = np.repeat(np.arange(len(matches)), lengths)
        score = np.concatenate([one[0].score for one in matches])
        class_id = np.concatenate([one[0].class_id for one in matches])
        hit = np.concatenate([np.stack([at.hit for at in one]) for one in matches], axis=1)
        wrong = np.concatenate([np.stack([at.false for at in one]) for one in matches], axis=1)
        self._classes = []
        for wanted in class_ids:
            order = np.flatnonzero(class_id == wanted)
            order = order[np.argsort(-score[order], kind="stable")]
            found = np.flatnonzero(hit[:, order].any(axis=0))
            order = order[: int(found[-1]) + 1 if len(found) else 0]  # what follows changes no precision
            objects = np.array([int(((t.class_id == wanted) & ~t.ignore).sum()) for t in truths], np.int64)
            self._classes.append(_ClassHits(picture[order], hit[:, order], wrong[:, order], objects))

    def __call__(self, weights: Weights) -> float:
        """Return the figure on a resample, over the classes that have objects in it; 0 where none has."""
        return float(np.mean(present)) if (present := [v for v in self.per_class(weights) if v is not None]) else 0.0

    def per_class(self, weights: Weights) -> list[float | None]:
        """Return the figure of each class; ``None`` where a class has no objects in the resample."""
        return [_precision(one, weights) for one in self._classes]


def _precision(one: _ClassHits, weights: Weights) -> float | None:
    objects = int(weights @ one.objects)
    if not objects:
        return None
    if not len(one.picture):
        return 0.0
    times = weights[one.picture]
    hits, wrong = np.cumsum(one.hit * times, axis=1), np.cumsum(one.wrong * times, axis=1)
    recall = hits / objects
    precision = hits / np.maximum(hits + wrong, 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    total = 0.0
    for row in range(len(OVERLAPS)):
        at = np.searchsorted(recall[row], RECALL_LEVELS, side="left")
        inside = at < recall.shape[1]
        total += float(precision[row, at[inside]].sum())
    return total / (len(OVERLAPS) * len(RECALL_LEVELS))


def resamples(pictures: int, *, count: int, seed: int) -> NDArray[np.int64]:
    """Return (count, pictures) how often each picture is in each resample of as many pictures."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=count)
