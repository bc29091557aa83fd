"""Objects that the file itself has selected, in tensors of their own: torchvision and Core ML.

Sources: https://docs.pytorch.org/vision/stable/models.html; Core ML's object detection pipelines, which Apple's Vision
framework understands: the comments of ``NonMaximumSuppression.proto`` in https://github.com/apple/coremltools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError
from streamvision.core.masks import BoxMask
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import F32, box_scale, corners, finite_candidates, unknown_outputs
from streamvision.inference.heads.pose import keypoint_count, with_keypoints
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec

MASK_THRESHOLD = 0.5


def pasted_masks(probability: F32, box_xyxy_px: F32, *, width_px: int, height_px: int) -> NDArray[np.object_]:
    """Return (N,) :class:`BoxMask`, one an object; that of a box outside of the picture is empty.

    The probabilities, as Mask R-CNN gives them (arXiv:1703.06870), are pasted as torchvision's ``paste_masks_in_image``
    does, pixel by pixel: a cell of zeros around the grid, the box widened accordingly and cut to whole pixels, bilinear
    interpolation, and 0.5 as the threshold.

    Args:
        probability: (N, m, m) on a grid that covers the box.
        box_xyxy_px: (N, 4) in the picture's own pixels.
        width_px: width of the picture.
        height_px: height of the picture.
    """
    masks: NDArray[np.object_] = np.empty(len(probability), object)
    side = probability.shape[-1]
    padded = np.pad(probability.astype(np.float32, copy=False), ((0, 0), (1, 1), (1, 1)))
    corners = _widened(box_xyxy_px, np.float32((side + 2) / side))
    for index, (left, top, right, bottom) in enumerate(corners.tolist()):
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right + 1, width_px), min(bottom + 1, height_px)
        if x1 <= x0 or y1 <= y0:
            masks[index] = BoxMask(x0, y0, np.zeros((0, 0), np.bool_))
            continue
        size = max(right - left + 1, 1), max(bottom - top + 1, 1)
        grown = cv2.resize(padded[index], size, interpolation=cv2.INTER_LINEAR)
        masks[index] = BoxMask(x0, y0, grown[y0 - top : y1 - top, x0 - left : x1 - left] > MASK_THRESHOLD)
    return masks


def _widened(box_xyxy_px: F32, factor: np.float32) -> NDArray[np.intp]:
    """Return the boxes grown about their centres, the fraction cut off as the reference does."""
    center = (box_xyxy_px[:, 2:] + box_xyxy_px[:, :2]) * np.float32(0.5)
    half = (box_xyxy_px[:, 2:] - box_xyxy_px[:, :2]) * np.float32(0.5) * factor
    return np.concatenate([center - half, center + half], axis=1).astype(np.intp)


_AXES = {"boxes": 3, "scores": 2, "labels": 2, "masks": 4, "keypoints": 4}
_WANTED = {"segment": "masks", "pose": "keypoints"}


class RowsHead(ObjectHead):
    """Boxes, scores and labels, with masks where the card's task is ``segment`` and keypoints where it is ``pose``.

    ``boxes`` (batch, K, 4) left, top, right, bottom; ``scores`` (batch, K); ``labels`` (batch, K) class ids from 0,
    without background. ``masks`` (batch, K, m, m) are probabilities on a grid that covers the box, ``keypoints``
    (batch, K, points, 3) are x, y and how sure each is. Rows that are not in use have the score 0. Outputs are known by
    these names, or by their axes where a converter has renamed them.

    The network has already chosen boxes and classes, so ``every_class`` changes nothing.
    """

    selected = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs are just boxes, scores and labels, by these names."""
        names = {output.name: output.shape for output in outputs}
        if [*names] == ["labels", "boxes", "scores"]:
            return False  # the order of RT-DETR's own exporter, whose pictures are stretched
        return names.keys() == {"boxes", "scores", "labels"} and len(names["boxes"]) == 3 and names["boxes"][2] == 4

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._scale = box_scale(card)
        self._classes = len(card.names)
        self._detail = _WANTED.get(card.task)
        self._keypoints = keypoint_count(card) if self._detail == "keypoints" else 0
        wanted = ["boxes", "scores", "labels", *([self._detail] if self._detail else [])]
        found = {name: _position(outputs, name) for name in wanted}
        self._at = {name: position for name, position in found.items() if position is not None}
        if missing := [name for name in wanted if name not in self._at]:
            reads = f"for {card.task!r} reads boxes (batch, K, 4), {', '.join(wanted[1:])} and misses {missing[0]}"
            raise unknown_outputs(card, outputs, reads)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the objects of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when the tensors do not belong together.
        """
        boxes, scores, labels = (outputs[self._at[name]] for name in ("boxes", "scores", "labels"))
        if boxes.shape != (*scores.shape, 4) or labels.shape != scores.shape:
            raise ModelError(
                f"the model returned boxes {boxes.shape}, scores {scores.shape} and labels {labels.shape}, which "
                "should be (batch, K, 4), (batch, K) and (batch, K); check the exported file"
            )
        found = []
        for box, score, label in zip(boxes, scores.astype(np.float32, copy=False), labels, strict=True):
            chosen = np.flatnonzero((score >= score_threshold) & (score > 0) & (label >= 0) & (label < self._classes))
            picked = box[chosen].astype(np.float32, copy=False)
            row = chosen[:, None].astype(np.float32)
            found.append(finite_candidates(picked, score[chosen], label[chosen], scale=self._scale, extra=row))
        return found

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return the objects with their masks or keypoints, in the picture's own pixels."""
        if self._detail is None or found.extra is None:
            return super().complete(found, outputs, index=index, letterbox=letterbox)
        rows = found.extra[:, 0].astype(np.intp)
        detail = outputs[self._at[self._detail]][index][rows].astype(np.float32, copy=False)
        if self._detail == "keypoints":
            return self._with_keypoints(found, detail, letterbox)
        boxes = letterbox.to_picture(found.box_xyxy_px)
        masks = pasted_masks(detail, boxes, width_px=letterbox.picture_width_px, height_px=letterbox.picture_height_px)
        return Detections(boxes, found.score, found.class_id, mask=masks)

    def _with_keypoints(self, found: Candidates, detail: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        if detail.shape[1:] != (self._keypoints, 3):
            raise ModelError(
                f"the model returned keypoints {detail.shape[1:]}, but its card says ({self._keypoints}, 3); export "
                "it again"
            )
        values = detail.copy()
        values[..., :2] *= self._scale[:2]
        return with_keypoints(found, values, letterbox)


def _position(outputs: Sequence[TensorSpec], name: str) -> int | None:
    """Return which output has the name, or else the only one that it can be by its axes and its type."""
    alike = [i for i, output in enumerate(outputs) if len(output.shape) == _AXES[name]]
    named = [i for i in alike if outputs[i].name == name]
    if named:
        return named[0]
    if name in ("scores", "labels"):
        whole = name == "labels"
        alike = [i for i in alike if ("int" in outputs[i].dtype) == whole]
    return alike[0] if len(alike) == 1 else None


COORDINATES, CONFIDENCE = "coordinates", "confidence"


class VisionObjectsHead(ObjectHead):
    """Two outputs by name: ``coordinates`` (objects, 4), centre and size in fractions of the input, and ``confidence``
    (objects, classes), without a batch axis. Duplicates are already suppressed.

    There may be more columns of classes than the card has names; those are not looked at."""

    selected = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs bear these names and no others."""
        return sorted(output.name for output in outputs) == [CONFIDENCE, COORDINATES]

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        names = [output.name for output in outputs]
        self._classes = len(card.names)
        self._size_px = np.array([card.input.width_px, card.input.height_px] * 2, np.float32)
        if not {COORDINATES, CONFIDENCE} <= set(names):
            raise unknown_outputs(
                card, outputs, f"reads {COORDINATES} (objects, 4) and {CONFIDENCE} (objects, classes)"
            )
        self._coordinates, self._confidence = names.index(COORDINATES), names.index(CONFIDENCE)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of the one picture whose score reaches the threshold.

        The pipeline has already settled on a class, so ``every_class`` changes nothing.

        Raises:
            ModelError: when the shapes do not fit the card.
        """
        coordinates, confidence = outputs[self._coordinates], outputs[self._confidence]
        if confidence.ndim != 2 or confidence.shape[1] < self._classes or coordinates.shape != (len(confidence), 4):
            raise ModelError(
                f"the model returned {COORDINATES} {coordinates.shape} and {CONFIDENCE} {confidence.shape}, which does "
                f"not fit its {self._classes} classes; check the exported file"
            )
        if not len(confidence):
            return [finite_candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))]
        confidence = confidence[:, : self._classes].astype(np.float32, copy=False)
        class_id = confidence.argmax(axis=1)
        score = confidence[np.arange(len(confidence)), class_id]
        likely = score >= score_threshold
        box_xyxy = corners(coordinates[likely].astype(np.float32, copy=False))
        return [finite_candidates(box_xyxy, score[likely], class_id[likely], scale=self._size_px)]
