"""How well a model classifies pixels: the intersection over union of each class, from a confusion matrix."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.class_labels import UNKNOWN, read_class_map
from streamvision.datasets.dataset import MappedPictures
from streamvision.evaluation.class_names import ClassMatch, match_names
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model

LEVELS = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class SemanticEvaluation(Measurement):
    """How good a model is on a data set."""

    names: tuple[str, ...]
    """Class names of the data set."""
    measured: tuple[int, ...]
    """The classes that are measured."""
    confusion: NDArray[np.int64]
    """(C, C + 1) pixels by their class and the class that the model gave; the last column is for classes of the model
    that the data set does not have."""
    images: int
    """How many pictures were measured."""

    def iou(self) -> NDArray[np.float64]:
        """Return (C,) the intersection over union of each class; NaN where it is neither marked nor found."""
        hits = np.diag(self.confusion).astype(np.float64)
        union = self.confusion.sum(axis=1) + self.confusion[:, :-1].sum(axis=0) - hits
        iou: NDArray[np.float64] = np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)
        return iou

    @property
    def mean_iou(self) -> float | None:
        """Mean over the measured classes that are marked or found."""
        values = self.iou()[list(self.measured)]
        return None if np.isnan(values).all() else float(np.nanmean(values))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is right, 0..1."""
        return float(np.diag(self.confusion).sum() / max(int(self.confusion.sum()), 1))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        iou, marked = self.iou(), self.confusion.sum(axis=1)
        return {
            "mean_iou": rounded(self.mean_iou),
            "pixel_accuracy": rounded(self.pixel_accuracy),
            "per_class": {
                self.names[n]: {"iou": rounded(float(iou[n])), "pixels": int(marked[n])}
                for n in self.measured
                if not np.isnan(iou[n])
            },
            "confusion": self.confusion.tolist(),
            "images": self.images,
            **self.about_json(self.names),
        }


def evaluate_semantic(
    detector: Model,
    pictures: MappedPictures,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> SemanticEvaluation:
    """Run a model over pictures with maps of classes; the model's map is brought to the size of the marked one.

    Pixels of the level 255 count neither way. A data set without names takes the model's, by number.

    Raises:
        ConfigError: when the model is for another task, or its classes are not those of the maps.
        SourceError: when a picture or a map cannot be read.
        ModelError: when the model fails.
    """
    require_task(detector, "semantic")
    names = pictures.names or detector.names
    match = match_names(names, set(), detector.names, only=())
    if not pictures.names:
        notes = (*notes, "The data set has no class names; its levels were taken for the model's classes.")
    table = _to_data(match, len(detector.names))
    confusion = np.zeros((len(names), len(names) + 1), np.int64)
    begin_s = time.monotonic()
    for done, image in enumerate(pictures.images, 1):
        (found,) = detector.find([BgrPicture(read_bgr(image.path))])
        assert found.image_result is not None and found.image_result.class_map is not None
        marked = read_class_map(image.map_path)
        if (wrong := marked[(marked != UNKNOWN) & (marked >= len(names))]).size:
            raise SourceError(f"{image.map_path} marks class {wrong[0]}, but there are {len(names)} classes")
        confusion += _count(marked, table[found.image_result.class_map], len(names))
        on_progress(done, len(pictures.images))
    seconds = time.monotonic() - begin_s
    used = set(np.flatnonzero(confusion.sum(axis=1)).tolist())
    if not used:
        raise ConfigError("no pixel of any map is marked with a class, so there is nothing to measure; check the maps")
    match = match_names(names, used, detector.names, only=classes)
    return SemanticEvaluation(
        model=detector.describe(),
        names=names,
        measured=match.measured,
        confusion=confusion,
        images=len(pictures.images),
        seconds=seconds,
        notes=(*notes, *match.notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def _to_data(match: ClassMatch, model_classes: int) -> NDArray[np.uint8]:
    """Return (256,) the data set's class of each of the model's; the number of classes for those it does not have."""
    table = np.full(LEVELS, len(match.names), np.int64)
    table[:model_classes] = match.data_id.filled(len(match.names))
    return np.minimum(table, UNKNOWN).astype(np.uint8)


def _count(marked: NDArray[np.uint8], found: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    height, width = marked.shape
    sized = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))
    known = marked != UNKNOWN
    pairs = marked[known].astype(np.int64) * (classes + 1) + np.minimum(sized[known], classes)
    return np.bincount(pairs, minlength=classes * (classes + 1)).reshape(classes, classes + 1)
