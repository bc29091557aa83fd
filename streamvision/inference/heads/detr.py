"""Outputs of DETR and its kind: one box and one row of scores a query.

Boxes (batch, queries, 4) are centre and size in fractions of the input, logits (batch, queries, columns). Where the
columns are one more than the classes, the last is "no object" and the scores are their softmax (DETR,
arXiv:2005.12872); where they are as many, each class has a sigmoid of its own (Deformable DETR, arXiv:2010.04159).
Of 80 classes, those of COCO, there may be 91 or 92 columns: its category ids have gaps, and 0 is none of them.
Queries do not repeat each other, so nothing is suppressed. Other sources: RF-DETR's own exporter,
https://rfdetr.roboflow.com/latest/exports/onnx/; ultralytics' ``RTDETRDecoder`` layer (RT-DETR, arXiv:2304.08069),
https://docs.ultralytics.com/reference/nn/modules/head/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.inference.coco import COCO_CATEGORIES
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.box_tensor import BoxTensorHead
from streamvision.inference.heads.layout import F32, HEAD_AND_NAMES, corners, finite_candidates, unknown_outputs
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

COCO_COLUMNS = COCO_CATEGORIES[-1] + 1


class DetrHead(ObjectHead):
    """Two tensors: boxes (batch, queries, 4) and logits (batch, queries, classes or classes + 1)."""

    selected = True
    usual_input = MappingProxyType(
        {"resize": "letterbox_top_left", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    )

    @classmethod
    def usual_input_of(cls, outputs: Sequence[TensorSpec]) -> Mapping[str, Any]:
        """Return what DETR is fed, but for COCO's 80 columns, which only RT-DETR and D-FINE have, what they are."""
        return RtDetrHfHead.usual_input if RtDetrHfHead.has_its_columns(outputs) else cls.usual_input

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        classes = len(card.names)
        three = [i for i, output in enumerate(outputs) if len(output.shape) == 3]
        boxes = [i for i in three if outputs[i].shape[2] == 4]
        if len(boxes) > 1:  # of 3 or 4 classes the logits look alike, and the names must tell
            boxes = [i for i in boxes if "box" in outputs[i].name or outputs[i].name == "dets"]
        columns = self._columns(classes)
        logits = [i for i in three if i not in boxes and outputs[i].shape[2] in columns]
        if len(boxes) != 1 or len(logits) != 1:
            wanted = f"boxes (batch, queries, 4) and logits (batch, queries, {' or '.join(map(str, columns))})"
            reads = f"with {classes} classes reads {wanted}"
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)
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
            _candidates(box, score, score_threshold, every_class, scale=self._scale)
            for box, score in zip(boxes.astype(np.float32, copy=False), scores, strict=True)
        ]

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


class RtDetrHfHead(DetrHead):
    """As :class:`DetrHead`, but each logit has a sigmoid of its own, and pictures are stretched and not normalised.

    Source: https://huggingface.co/docs/transformers/model_doc/rt_detr, and ``d_fine`` beside it.
    """

    usual_input = MappingProxyType({"resize": "stretch"})

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the columns of the logits."""
        columns = [output.shape[2] for output in outputs if output.name == "logits" and len(output.shape) == 3]
        return columns[0] if columns else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs have Hugging Face's names and COCO's 80 columns.

        DETR, Deformable DETR and YOLOS have 91 or 92; of other counts of classes it could be any of them.
        """
        return cls.has_its_columns(outputs)

    @staticmethod
    def has_its_columns(outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are boxes and logits by Hugging Face's names, with 80 columns."""
        shapes = {output.name: output.shape for output in outputs}
        return {"logits", "pred_boxes"} <= shapes.keys() and shapes["logits"][2:] == (len(COCO_CATEGORIES),)

    def _activated(self, logits: F32, count: int) -> F32:
        return sigmoid(logits[..., :count])


OUTPUT_NAMES = {"dets", "labels"}


class RfDetrHead(DetrHead):
    """As :class:`DetrHead`, but each logit has a sigmoid of its own, even where one column is the background.

    The published weights have COCO's 91 numbers and no background. Pictures are stretched.
    """

    usual_input = MappingProxyType(
        {"resize": "stretch", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    )

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return 80 for the columns of COCO; of others the shape does not say whether one is the background."""
        columns = [output.shape[2] for output in outputs if output.name == "labels" and len(output.shape) == 3]
        return len(COCO_CATEGORIES) if columns == [COCO_COLUMNS] else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the two outputs have the names that RF-DETR's exporter gives them."""
        three_axes = all(len(output.shape) == 3 for output in outputs)  # mmdeploy's have the same names
        return {output.name for output in outputs} == OUTPUT_NAMES and three_axes

    def _activated(self, logits: F32, count: int) -> F32:
        return sigmoid(logits[..., :count])


def _candidates(boxes: F32, scores: F32, score_threshold: float, every_class: bool, *, scale: F32) -> Candidates:
    """Return the queries (N, 4 or more) whose scores (N, classes) reach the threshold."""
    if every_class:
        chosen, class_id = np.nonzero(scores >= score_threshold)
    else:
        chosen = np.flatnonzero(scores.max(axis=1) >= score_threshold)
        class_id = scores[chosen].argmax(axis=1)
    return finite_candidates(corners(boxes[chosen]), scores[chosen, class_id], class_id, scale=scale)


BOX_COLUMNS, SELECTED_COLUMNS = 4, 6


class RtDetrHead(BoxTensorHead):
    """Columns cx, cy, w, h, then score and class (newer exports), or one score a class; one row a query.

    Pictures are stretched.
    """

    selected = True
    usual_input = MappingProxyType({"resize": "stretch"})

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._classes = len(card.names)
        each = BOX_COLUMNS + self._classes
        super().__init__(
            card,
            outputs,
            expected=(None, None, {SELECTED_COLUMNS, each}),
            meaning=f"one output (batch, queries, {SELECTED_COLUMNS}) or (batch, queries, {each})",
        )
        self._size = np.array([card.input.width_px, card.input.height_px] * 2, np.float32)

    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        if rows.shape[1] == SELECTED_COLUMNS:
            return self._selected(rows, score_threshold)
        return _candidates(rows, rows[:, BOX_COLUMNS:], score_threshold, every_class, scale=self._size)

    def _selected(self, rows: F32, score_threshold: float) -> Candidates:
        score, class_id = rows[:, 4], rows[:, 5]
        if not ((class_id == np.rint(class_id)) | np.isnan(class_id)).all():
            # With two classes both forms have six columns; a second score is no whole number.
            raise ModelError(
                "the model's output has six columns, of which the last holds no class ids: an RT-DETR export of two "
                "classes in the old form cannot be told apart; export it again with a newer ultralytics"
            )
        picked = rows[(score >= score_threshold) & (class_id >= 0) & (class_id < self._classes)]
        boxes = corners(picked)
        return finite_candidates(boxes, picked[:, 4], picked[:, 5].astype(np.int32), scale=self._size)
