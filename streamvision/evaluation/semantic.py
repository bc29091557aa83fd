"""How well a model classifies pixels: the intersection over union of each class, of its area and of its edges."""

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
from streamvision.datasets.dataset import MappedPicture, MappedPictures
from streamvision.evaluation.boundaries import measure_boundaries
from streamvision.evaluation.class_names import ClassMatch, match_names
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.evaluation.scores import Calibration, calibrated, score_bins
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.maps import SemanticHead
from streamvision.inference.input_sizes import InputSizes
from streamvision.inference.model import Model

LEVELS = 256
MAX_WORST = 24
"""Pictures that are kept with their maps, those on which most pixels are wrong."""
WORST_PX = 480
"""Longer side of these maps."""


def intersection_over_union(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (C,) the intersection over union of each class; NaN where it is neither marked nor found.

    Args:
        confusion: (C, C) or more columns, how many pixels of a marked class (row) were given which (column).
    """
    hits = np.diag(confusion).astype(np.float64)
    union = confusion.sum(axis=1) + confusion[:, : len(confusion)].sum(axis=0) - hits
    iou: NDArray[np.float64] = np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)
    return iou


@dataclass(frozen=True, eq=False)
class WorstScene:
    """A picture on which many pixels are named wrongly."""

    image: MappedPicture
    """The picture."""
    marked: NDArray[np.uint8]
    """(h, w) the class of each cell, 255 where it is not known."""
    said: NDArray[np.uint8]
    """(h, w) the class that the model gave, of the data set; their number where it has none such."""
    wrong_share: float
    """Share of the known pixels that are wrong, 0..1."""


@dataclass(frozen=True)
class RegionFigures:
    """All pixels of one class on one picture."""

    image: MappedPicture
    """The picture."""
    class_id: int
    """The class."""
    share: float
    """Their share of the picture's known pixels, 0..1."""
    recall: float
    """Share of them that got this class, 0..1."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class SemanticEvaluation(Measurement):
    """How good a model is on a data set."""

    names: tuple[str, ...]
    """Class names of the data set."""
    measured: tuple[int, ...]
    """The classes that are measured."""
    confusion: NDArray[np.int64]
    """(C, C + 1) pixels by their class and the class that the model gave; the last column is for classes of the model
    that the data set does not have."""
    boundaries: NDArray[np.int64]
    """(C, 2) pixels along the edges of each class that are such on both maps, and on either; see
    :mod:`streamvision.evaluation.boundaries`."""
    boundary_fs: NDArray[np.float64]
    """(C, 2) the sum of each class's boundary F over the pictures on which it is marked or found, and their number."""
    images: int
    """How many pictures were measured."""
    calibration: Calibration
    """Whether the probabilities of the given classes mean what they say, pixel by pixel; empty for models that give
    classes without probabilities."""
    regions: tuple[RegionFigures, ...]
    """Each measured class of each picture."""
    worst: tuple[WorstScene, ...]
    """The pictures with most wrong pixels, at most :data:`MAX_WORST`, the worst first."""

    def iou(self) -> NDArray[np.float64]:
        """Return (C,) the intersection over union of each class; NaN where it is neither marked nor found."""
        return intersection_over_union(self.confusion)

    def boundary_iou(self) -> NDArray[np.float64]:
        """Return (C,) the boundary IoU of each class; NaN where it is neither marked nor found."""
        both, either = self.boundaries.T
        iou: NDArray[np.float64] = np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)
        return iou

    def boundary_f(self) -> NDArray[np.float64]:
        """Return (C,) the mean boundary F of each class; NaN where it is neither marked nor found."""
        total, pictures = self.boundary_fs.T
        f: NDArray[np.float64] = np.divide(total, pictures, out=np.full(len(total), np.nan), where=pictures > 0)
        return f

    @property
    def mean_iou(self) -> float | None:
        """Mean over the measured classes that are marked or found."""
        return self._mean(self.iou())

    @property
    def mean_boundary_iou(self) -> float | None:
        """Mean of the boundary IoU over the same classes."""
        return self._mean(self.boundary_iou())

    @property
    def mean_boundary_f(self) -> float | None:
        """Mean of the boundary F over the same classes."""
        return self._mean(self.boundary_f())

    def _mean(self, of_class: NDArray[np.float64]) -> float | None:
        values = of_class[list(self.measured)]
        return None if np.isnan(values).all() else float(np.nanmean(values))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is right, 0..1."""
        return float(np.diag(self.confusion).sum() / max(int(self.confusion.sum()), 1))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        iou, boundary_iou, boundary_f = self.iou(), self.boundary_iou(), self.boundary_f()
        marked = self.confusion.sum(axis=1)
        return {
            "mean_iou": rounded(self.mean_iou),
            "mean_boundary_iou": rounded(self.mean_boundary_iou),
            "mean_boundary_f": rounded(self.mean_boundary_f),
            "pixel_accuracy": rounded(self.pixel_accuracy),
            "per_class": {
                self.names[n]: {
                    "iou": rounded(float(iou[n])),
                    "boundary_iou": rounded(float(boundary_iou[n])),
                    "boundary_f": rounded(float(boundary_f[n])),
                    "pixels": int(marked[n]),
                }
                for n in self.measured
                if not np.isnan(iou[n])
            },
            "confusion": self.confusion.tolist(),
            "calibration": self.calibration.to_json("pixels"),
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
    reader = _Reader(detector)
    table = _to_data(match, len(detector.names))
    scenes = _Scenes(len(names))
    begin_s = time.monotonic()
    for done, image in enumerate(pictures.images, 1):
        bgr, marked = read_bgr(image.path), read_class_map(image.map_path)
        if marked.shape == bgr.shape[1::-1] != marked.shape[::-1]:
            raise SourceError(
                f"{image.map_path} is {marked.shape[1]}x{marked.shape[0]} px and lies on its side: as shown, its "
                f"picture is {bgr.shape[1]}x{bgr.shape[0]} px; turn the map as the picture's EXIF data turn that"
            )
        class_map, confidence = reader.read(bgr)
        if (wrong := marked[(marked != UNKNOWN) & (marked >= len(names))]).size:
            raise SourceError(f"{image.map_path} marks class {wrong[0]}, but there are {len(names)} classes")
        scenes.add(image, marked, table[class_map], confidence)
        on_progress(done, len(pictures.images))
    seconds = time.monotonic() - begin_s
    used = set(np.flatnonzero(scenes.confusion.sum(axis=1)).tolist())
    if not used:
        raise ConfigError("no pixel of any map is marked with a class, so there is nothing to measure; check the maps")
    match = match_names(names, used, detector.names, only=classes)
    return SemanticEvaluation(
        model=detector.describe(),
        names=names,
        measured=match.measured,
        confusion=scenes.confusion,
        boundaries=scenes.boundaries,
        boundary_fs=scenes.boundary_fs,
        images=len(pictures.images),
        calibration=calibrated(scenes.bins),
        regions=tuple(one for one in scenes.regions if one.class_id in match.measured),
        worst=scenes.worst(),
        seconds=seconds,
        notes=(*notes, *match.notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def _to_data(match: ClassMatch, model_classes: int) -> NDArray[np.uint8]:
    """Return (256,) the data set's class of each of the model's; the number of classes for those it does not have."""
    table = np.full(LEVELS, len(match.names), np.int64)
    table[:model_classes] = match.data_id.filled(len(match.names))
    return np.minimum(table, UNKNOWN).astype(np.uint8)


class _Reader:
    """Runs a model over pictures for the class of each pixel and how probable it is."""

    def __init__(self, detector: Model) -> None:
        self._detector = detector
        self._sizes = InputSizes(detector.card, detector.backend.outputs)

    def read(self, bgr: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """Return (h, w) the class of each cell, and its probability where the model gives it."""
        pictures = [BgrPicture(bgr)]
        ((size, _),) = self._sizes.calls(pictures, max_batch=1)
        sized = self._sizes.of(size)
        places = sized.fill(pictures)
        outputs = sized.execute(self._detector.backend)
        assert isinstance(sized.head, PictureHead)
        (result,) = sized.head.read(outputs, places)
        assert result.class_map is not None
        if not isinstance(sized.head, SemanticHead):  # a head of another package
            return result.class_map, None
        return result.class_map, sized.head.confidence(outputs, places)[0]


class _Scenes:
    """Counts what a model gave picture by picture."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self.confusion = np.zeros((classes, classes + 1), np.int64)
        self.boundaries = np.zeros((classes, 2), np.int64)
        self.boundary_fs = np.zeros((classes, 2), np.float64)
        self.bins = score_bins(np.empty(0), np.empty(0, bool))
        self.regions: list[RegionFigures] = []
        self._worst: list[WorstScene] = []

    def add(
        self,
        image: MappedPicture,
        marked: NDArray[np.uint8],
        said: NDArray[np.uint8],
        confidence: NDArray[np.float32] | None,
    ) -> None:
        """Count a picture; the map and the probabilities are brought to the size of the marked one."""
        height, width = marked.shape
        said = np.minimum(_stretched(said, width, height), self._classes).astype(np.uint8)
        known = marked != UNKNOWN
        counts = self._count(marked[known], said[known])
        self.confusion += counts
        for class_id, edges in measure_boundaries(marked, said, known).items():
            if class_id < self._classes:
                self.boundaries[class_id] += (edges.both, edges.either)
                self.boundary_fs[class_id] += (edges.f, 1)
        if confidence is not None:
            self.bins += score_bins(_stretched(confidence, width, height)[known], (marked == said)[known])
        total, hits = max(int(counts.sum()), 1), np.diag(counts)
        of_class = counts.sum(axis=1)
        self.regions += [
            RegionFigures(image, one, int(of_class[one]) / total, int(hits[one]) / int(of_class[one]))
            for one in np.flatnonzero(of_class).tolist()
        ]
        if wrong := 1 - int(hits.sum()) / total if known.any() else 0.0:
            self._keep(WorstScene(image, _smaller(marked), _smaller(said), wrong))

    def worst(self) -> tuple[WorstScene, ...]:
        """Return the worst pictures, the worst first."""
        return tuple(self._worst)

    def _keep(self, scene: WorstScene) -> None:
        self._worst = sorted([*self._worst, scene], key=lambda one: -one.wrong_share)[:MAX_WORST]

    def _count(self, marked: NDArray[np.uint8], said: NDArray[np.uint8]) -> NDArray[np.int64]:
        columns = self._classes + 1
        pairs = marked.astype(np.int64) * columns + said
        return np.bincount(pairs, minlength=self._classes * columns).reshape(self._classes, columns)


def _stretched(cells: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


def _smaller(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = cells.shape
    scale = min(WORST_PX / max(height, width), 1.0)
    return _stretched(cells, max(round(scale * width), 1), max(round(scale * height), 1))
