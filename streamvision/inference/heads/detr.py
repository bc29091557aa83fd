"""Outputs of DETR and its kind (Deformable DETR, Conditional DETR): one box and one row of logits a query.

Boxes (batch, queries, 4) are centre and size in fractions of the input, logits (batch, queries, columns). Where the
columns are one more than the classes, the last is "no object" and the scores are their softmax (DETR,
arXiv:2005.12872); where they are as many, each class has a sigmoid of its own (Deformable DETR, arXiv:2010.04159).
Of 80 classes, those of COCO, there may be 91 or 92 columns: its category ids have gaps, and 0 is none of them.
Queries do not repeat each other, so nothing is suppressed. Pictures keep their aspect, and are normalised by ImageNet's
mean and deviation. RF-DETR has a head of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.coco import COCO_CATEGORIES
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import F32, corners, describe_outputs, finite_candidates
from streamvision.inference.model_card import ModelCard

COCO_COLUMNS = COCO_CATEGORIES[-1] + 1


class DetrHead(ObjectHead):
    """Two tensors: boxes (batch, queries, 4) and logits (batch, queries, classes or classes + 1)."""

    selected = True
    usual_input = MappingProxyType(
        {"resize": "letterbox_top_left", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    )

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: whether the last class is "no object" cannot be seen without the class names."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        classes = len(card.names)
        three = [i for i, output in enumerate(outputs) if len(output.shape) == 3]
        boxes = [i for i in three if outputs[i].shape[2] == 4]
        if len(boxes) > 1:  # of 3 or 4 classes the logits look alike, and the names must tell
            boxes = [i for i in boxes if "box" in outputs[i].name or outputs[i].name == "dets"]
        columns = self._columns(classes)
        logits = [i for i in three if i not in boxes and outputs[i].shape[2] in columns]
        if len(boxes) != 1 or len(logits) != 1:
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} with {classes} classes "
                f"reads boxes (batch, queries, 4) and logits (batch, queries, {' or '.join(map(str, columns))}); give "
                "the head and the class names that belong to this model"
            )
        self._boxes, self._logits, self._classes = boxes[0], logits[0], classes
        width, height = card.input.width_px, card.input.height_px
        self._scale = np.array([width, height, width, height], np.float32)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the objects of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when the tensors do not belong together.
        """
        boxes, logits = outputs[self._boxes], outputs[self._logits]
        if boxes.shape != (*logits.shape[:2], 4):
            raise ModelError(
                f"the model returned boxes {boxes.shape} and logits {logits.shape}, which do not belong together; "
                "check the exported file"
            )
        scores = self._scores(logits.astype(np.float32, copy=False))
        return [
            self._picture(box, score, score_threshold, every_class)
            for box, score in zip(boxes.astype(np.float32, copy=False), scores, strict=True)
        ]

    def _picture(self, boxes: F32, scores: F32, score_threshold: float, every_class: bool) -> Candidates:
        if every_class:
            chosen, class_id = np.nonzero(scores >= score_threshold)
        else:
            class_id = scores.argmax(axis=1)
            chosen = np.flatnonzero(np.take_along_axis(scores, class_id[:, None], axis=1)[:, 0] >= score_threshold)
            class_id = class_id[chosen]
        picked = corners(boxes[chosen])
        return finite_candidates(picked, scores[chosen, class_id], class_id, scale=self._scale)

    @classmethod
    def _columns(cls, classes: int) -> tuple[int, ...]:
        """Return how many columns the logits may have."""
        usual = (classes, classes + 1)
        return (*usual, COCO_COLUMNS, COCO_COLUMNS + 1) if classes == len(COCO_CATEGORIES) else usual

    def _scores(self, logits: F32) -> F32:
        """Return (batch, queries, classes) scores."""
        if logits.shape[2] > self._classes + 1:
            return self._activated(logits, COCO_COLUMNS)[..., np.array(COCO_CATEGORIES)]
        return self._activated(logits, self._classes)

    def _activated(self, logits: F32, count: int) -> F32:
        """Return the scores of the first ``count`` columns; one more is "no object"."""
        if logits.shape[2] == count:
            return sigmoid(logits)
        odds: F32 = np.exp(logits - logits.max(axis=2, keepdims=True))
        softmax: F32 = (odds / odds.sum(axis=2, keepdims=True))[..., :count]
        return softmax


def sigmoid(logits: F32) -> F32:
    """Return 1 / (1 + exp(-x)); very negative logits give 0."""
    with np.errstate(over="ignore"):
        scores: F32 = np.reciprocal(1 + np.exp(-logits))
    return scores
