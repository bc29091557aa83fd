"""Selected objects in tensors of their own: torchvision's detectors, Mask R-CNN and Keypoint R-CNN among them.

``boxes`` (batch, K, 4) left, top, right, bottom; ``scores`` (batch, K); ``labels`` (batch, K) class ids from 0, without
background. ``masks`` (batch, K, m, m) are probabilities on a grid that covers the box, ``keypoints`` (batch, K, points,
3) are x, y and how sure each is. Rows that are not in use have the score 0. Outputs are known by these names, or by
their axes where a converter has renamed them. Source: https://docs.pytorch.org/vision/stable/models.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.keypoints import keypoint_count, with_keypoints
from streamvision.inference.heads.layout import box_scale, describe_outputs, finite_candidates
from streamvision.inference.heads.pasted_masks import pasted_masks
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard

_AXES = {"boxes": 3, "scores": 2, "labels": 2, "masks": 4, "keypoints": 4}
_WANTED = {"segment": "masks", "pose": "keypoints"}


class RowsHead(ObjectHead):
    """Boxes, scores and labels, with masks where the card's task is ``segment`` and keypoints where it is ``pose``.

    The network has already chosen boxes and classes, so ``every_class`` changes nothing.
    """

    selected = True

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs are just boxes, scores and labels, by these names."""
        names = {output.name: output.shape for output in outputs}
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
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} for {card.task!r} reads "
                f"boxes (batch, K, 4), {', '.join(wanted[1:])} and misses {missing[0]}; give the head that belongs to "
                "this model"
            )

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
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, slot: int, place: Letterbox
    ) -> Detections:
        """Return the objects with their masks or keypoints, in the picture's own pixels."""
        if self._detail is None or found.extra is None:
            return super().complete(found, outputs, slot=slot, place=place)
        rows = found.extra[:, 0].astype(np.intp)
        detail = outputs[self._at[self._detail]][slot][rows].astype(np.float32, copy=False)
        if self._detail == "keypoints":
            return self._with_keypoints(found, detail, place)
        boxes = place.to_picture(found.box_xyxy_px)
        masks = pasted_masks(detail, boxes, width_px=place.picture_width_px, height_px=place.picture_height_px)
        return Detections(boxes, found.score, found.class_id, mask=masks)

    def _with_keypoints(self, found: Candidates, detail: NDArray[np.float32], place: Letterbox) -> Detections:
        if detail.shape[1:] != (self._keypoints, 3):
            raise ModelError(
                f"the model returned keypoints {detail.shape[1:]}, but its card says ({self._keypoints}, 3); export "
                "it again"
            )
        values = detail.copy()
        values[..., :2] *= self._scale[:2]
        return with_keypoints(found, values, place)


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
