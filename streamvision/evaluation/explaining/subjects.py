"""What a model says of a picture and can be asked again: objects, classes, regions of a scene, a description.

Each task has its :class:`Question`. It holds what was said of the whole picture, and tells of any other prediction, as
of the same picture with parts covered, how much of that is still said.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.boxes import overlaps
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections, class_index
from streamvision.core.errors import ConfigError
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.model import NMS_IOU
from streamvision.inference.model import Model, Prediction
from streamvision.inference.model_card import OBJECT_TASKS

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]
EXPLAINED = "objects, classes of pictures, scenes and embeddings"


@dataclass(frozen=True, eq=False)
class Subject:
    """One thing that a model says of a picture."""

    name: str
    """Its class, or what else it is, in a word or two."""
    class_id: int | None
    """Its class; ``None`` for a description of the picture."""
    score: float
    """How sure the model is, 0..1; for a region its share of the picture, for a description 1."""
    box_xyxy_px: tuple[float, float, float, float] | None = None
    """Where an object is, in pixels of the picture."""
    region: NDArray[np.bool_] | None = None
    """(H, W) the pixels of a region."""

    def place(self, height_px: int, width_px: int) -> NDArray[np.bool_] | None:
        """Return (H, W) the pixels where it is said to be; ``None`` for what is said of the whole picture."""
        if self.region is not None or self.box_xyxy_px is None:
            return self.region
        return box_mask(self.box_xyxy_px, height_px, width_px)


def box_mask(box_xyxy_px: Sequence[float], height_px: int, width_px: int) -> NDArray[np.bool_]:
    """Return (H, W) the pixels inside a box."""
    mask = np.zeros((height_px, width_px), bool)
    left, top, right, bottom = (max(round(side), 0) for side in box_xyxy_px)
    mask[top:bottom, left:right] = True
    return mask


class Question(ABC):
    """What a model said of a picture, to be asked again of that picture with parts covered, in any size."""

    subjects: tuple[Subject, ...]
    """What it said, the most certain first."""

    @abstractmethod
    def scores(self, predictions: Sequence[Prediction], *, width_px: int, height_px: int) -> F64:
        """Return (B, N) how much of each subject B predictions still say, 0..1; they are of pictures of that size."""


class Objects(Question):
    """Objects; one is still found by the overlap times the score of the best detection of its class, as in D-RISE."""

    def __init__(self, found: Detections, names: tuple[str, ...], *, width_px: int, height_px: int) -> None:
        self.found = found
        """The objects, the best score first."""
        self._size_px = np.array([width_px, height_px] * 2, np.float64)
        self.subjects = tuple(
            Subject(one["class_name"], one["class_id"], one["score"], tuple(one["box_xyxy_px"]))
            for one in found.objects(names)
        )

    def scores(self, predictions: Sequence[Prediction], *, width_px: int, height_px: int) -> F64:
        """Return (B, N) how well each object is still found."""
        targets = self.found.box_xyxy_px * (np.array([width_px, height_px] * 2) / self._size_px)
        return np.stack([self._still_found(one.detections, targets) for one in predictions])

    def _still_found(self, seen: Detections, targets: F64) -> F64:
        if not len(seen):
            return np.zeros(len(targets))
        likeness = overlaps(targets, seen.box_xyxy_px.astype(np.float64)) * seen.score
        likeness[self.found.class_id[:, None] != seen.class_id[None]] = 0.0
        best: F64 = likeness.max(axis=1, initial=0.0)
        return best


class Classes(Question):
    """Classes of the whole picture; one is still said by its probability."""

    def __init__(self, class_score: NDArray[np.float32], class_ids: Sequence[int], names: tuple[str, ...]) -> None:
        self.class_ids = list(class_ids)
        """The classes."""
        self.subjects = tuple(Subject(names[one], one, float(class_score[one])) for one in self.class_ids)

    def scores(self, predictions: Sequence[Prediction], *, width_px: int, height_px: int) -> F64:
        """Return (B, N) the probability of each class."""
        return np.stack([_result_of(one).class_score[self.class_ids] for one in predictions]).astype(np.float64)


class Regions(Question):
    """Regions of a scene, all pixels of a class; one is still said by the share of its pixels that keep the class."""

    def __init__(
        self, class_map: U8, class_ids: Sequence[int], names: tuple[str, ...], *, width_px: int, height_px: int
    ) -> None:
        self.class_map = class_map
        """(h, w) the class of each cell."""
        self.class_ids = list(class_ids)
        """The classes."""
        sized = _stretched(class_map, width_px, height_px)
        self.subjects = tuple(
            Subject(names[one], one, float((class_map == one).mean()), region=sized == one) for one in self.class_ids
        )

    def scores(self, predictions: Sequence[Prediction], *, width_px: int, height_px: int) -> F64:
        """Return (B, N) the share of each region that keeps its class."""
        height, width = self.class_map.shape
        maps = np.stack([_stretched(_result_of(one).class_map, width, height) for one in predictions])
        kept = [
            (maps[:, inside] == class_id).mean(axis=1) if (inside := self.class_map == class_id).any() else zeros
            for class_id in self.class_ids
            for zeros in [np.zeros(len(maps))]
        ]
        return np.stack(kept, axis=1)


class Description(Question):
    """The vector that describes the whole picture; it is still said by its likeness (cosine) to what it was."""

    def __init__(self, embedding: NDArray[np.float32]) -> None:
        self._embedding = embedding
        self.subjects = (Subject("the whole picture", None, 1.0),)

    def scores(self, predictions: Sequence[Prediction], *, width_px: int, height_px: int) -> F64:
        """Return (B, 1) the likeness, 0 for what has nothing in common."""
        likeness = [float(_result_of(one).embedding @ self._embedding) for one in predictions]
        return np.clip(np.array(likeness, np.float64), 0, 1)[:, None]


def ask(model: Model, bgr: U8, *, config: ModelConfig, score: float, most: int, classes: Sequence[str]) -> Question:
    """Run a model over a picture and return what it says, by the model's task.

    Args:
        model: the model, opened for measuring.
        bgr: (H, W, 3) the picture.
        config: which model it is.
        score: lowest score of an object.
        most: how many objects or regions at most.
        classes: names of classes; empty for objects and regions of all classes, and for the likeliest class.

    Raises:
        ConfigError: when the model has no such class, or does something that has no places in a picture.
        ModelError: when the model fails.
    """
    height_px, width_px = bgr.shape[:2]
    size = {"width_px": width_px, "height_px": height_px}
    class_ids = [_class_id(name, model.names) for name in classes]
    if model.card.task in OBJECT_TASKS:
        limits = {"score": score, "iou": NMS_IOU, "max_detections": most}
        wanted = [model.names[one] for one in class_ids] or None
        asked = Model(model.backend, model.card, config.model_copy(update={**limits, "classes": wanted}))
        return Objects(asked.detect([BgrPicture(bgr)])[0], model.names, **size)
    (prediction,) = model.find([BgrPicture(bgr)])
    result = prediction.image_result
    if result is not None and result.class_score is not None:
        return Classes(result.class_score, class_ids or [int(result.class_score.argmax())], model.names)
    if result is not None and result.class_map is not None:
        areas = np.bincount(result.class_map.reshape(-1), minlength=len(model.names))
        largest = [int(one) for one in np.argsort(-areas, kind="stable")[:most] if areas[one]]
        return Regions(result.class_map, class_ids or largest, model.names, **size)
    if result is not None and result.embedding is not None:
        return Description(result.embedding)
    raise ConfigError(f"{model.describe()} is a model for {model.card.task}; only {EXPLAINED} can be explained")


def _class_id(name: str, names: tuple[str, ...]) -> int:
    if (found := class_index(name.casefold(), tuple(one.casefold() for one in names))) is not None:
        return found
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names[:10])}{' ...' * (len(names) > 10)}"
    raise ConfigError(f"--class {name}: the model has no such class; {hint}")


def _result_of(prediction: Prediction) -> Any:
    result: ImageResult | None = prediction.image_result
    assert result is not None
    return result


def _stretched(class_map: U8, width_px: int, height_px: int) -> U8:
    if class_map.shape == (height_px, width_px):
        return class_map
    return np.asarray(cv2.resize(class_map, (width_px, height_px), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
