"""How well a model classifies pictures: how often the right class is its first, or among five, and what is mixed up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import NamedPicture, NamedPictures
from streamvision.evaluation.class_names import match_names
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.evaluation.scores import Calibration, calibrated, score_bins
from streamvision.inference.model import Model

TOP = 5


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ClassifyEvaluation(Measurement):
    """How good a classifier is on a data set."""

    names: tuple[str, ...]
    """Class names of the data set."""
    place: NDArray[np.intp]
    """(N,) how many classes the model finds likelier than the right one, for each picture; 0 is a hit."""
    truth: NDArray[np.intp]
    """(N,) the right class of each picture."""
    images: tuple[NamedPicture, ...]
    """(N,) the pictures."""
    said: NDArray[np.intp]
    """(N,) the class that the model finds likeliest, of its own."""
    said_score: NDArray[np.float32]
    """(N,) its probability."""
    right_score: NDArray[np.float32]
    """(N,) the probability of the right class."""
    model_names: tuple[str, ...]
    """Class names of the model."""
    confusion: NDArray[np.int64]
    """(C, C + 1) pictures by their class and the class that the model finds likeliest; the last column is for classes
    of the model that the data set does not have."""
    calibration: Calibration
    """Whether the probabilities of the likeliest classes mean what they say."""

    @property
    def hit(self) -> NDArray[np.bool_]:
        """(N,) whether the likeliest class is the right one."""
        hit: NDArray[np.bool_] = self.place == 0
        return hit

    def top(self, count: int, class_id: int | None = None) -> float | None:
        """Return how often the right class is among the first ``count``, 0..1; ``None`` where there is no picture."""
        places = self.place if class_id is None else self.place[self.truth == class_id]
        return float((places < count).mean()) if len(places) else None

    @cached_property
    def by_class(self) -> dict[str, tuple[float | None, float | None, float]]:
        """Precision, recall and F1 of each class that a picture has or was said to have; ``None`` where nothing is
        counted."""
        return figures_by_class(self.confusion, self.names)

    @property
    def f1(self) -> float | None:
        """Mean of the classes' F1, whatever the number of their pictures; ``None`` where there is no picture."""
        return float(np.mean([f1 for *_, f1 in self.by_class.values()])) if self.by_class else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        counts = np.bincount(self.truth, minlength=len(self.names)).tolist()
        return {
            "top1": rounded(self.top(1)),
            "top5": rounded(self.top(TOP)),
            "f1": rounded(self.f1),
            "per_class": {
                name: {"top1": rounded(self.top(1, n)), "top5": rounded(self.top(TOP, n)), "images": counts[n]}
                | dict(zip(("precision", "recall", "f1"), map(rounded, self.by_class[name]), strict=True))
                for n, name in enumerate(self.names)
                if counts[n]
            },
            "calibration": self.calibration.to_json("pictures"),
            "confusion": {"names": [*self.names, None], "marked_by_said": self.confusion.tolist()},
            "images": len(self.place),
            **self.about_json(self.names),
        }


def evaluate_classifier(
    detector: Model,
    pictures: NamedPictures,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> ClassifyEvaluation:
    """Run a classifier over pictures; see :func:`streamvision.evaluation.evaluate.evaluate`.

    Raises:
        ConfigError: when the model is for another task, or its classes are not those of the pictures.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails.
    """
    require_task(detector, "classify")
    used = {image.class_id for image in pictures.images}
    match = match_names(pictures.names, used, detector.names, only=classes)
    images = [image for image in pictures.images if image.class_id in match.measured]
    of_model = {class_id: at for at, class_id in enumerate(match.data_id.tolist()) if class_id is not None}
    rows: list[tuple[int, int, float, float]] = []
    begin_s = time.monotonic()
    for at in range(0, len(images), detector.max_batch):
        group = images[at : at + detector.max_batch]
        found = detector.find([BgrPicture(read_bgr(image.path)) for image in group])
        for image, one in zip(group, found, strict=True):
            assert one.image_result is not None and one.image_result.class_score is not None
            rows.append(_answer(one.image_result.class_score, of_model[image.class_id]))
        on_progress(len(rows), len(images))
    columns = tuple(zip(*rows, strict=True)) or ((),) * 4
    place, said = (np.array(column, np.intp) for column in columns[:2])
    said_score, right_score = (np.array(column, np.float32) for column in columns[2:])
    truth = np.array([image.class_id for image in images], np.intp)
    return ClassifyEvaluation(
        model=detector.describe(),
        names=match.names,
        place=place,
        truth=truth,
        images=tuple(images),
        said=said,
        said_score=said_score,
        right_score=right_score,
        model_names=detector.names,
        confusion=confused(truth, match.data_id.filled(len(match.names))[said], len(match.names)),
        calibration=calibrated(score_bins(said_score, place == 0)),
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *match.notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def figures_by_class(
    confusion: NDArray[np.int64], names: Sequence[str]
) -> dict[str, tuple[float | None, float | None, float]]:
    """Return precision, recall and F1 of each class that a picture has or was said to have.

    Args:
        confusion: (C, C + 1) as :attr:`ClassifyEvaluation.confusion`.
        names: (C,) names of the classes.

    Returns:
        By name; ``None`` where nothing is counted.
    """
    hits, marked = np.diag(confusion), confusion.sum(axis=1)
    said = confusion.sum(axis=0)[: len(names)]
    return {
        name: (_share(hits[at], said[at]), _share(hits[at], marked[at]), float(2 * hits[at] / (said[at] + marked[at])))
        for at, name in enumerate(names)
        if said[at] + marked[at]
    }


def confused(truth: NDArray[np.intp], said: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """Return (C, C + 1) how often pictures of a class (rows) were said to be of another; the last column is others."""
    counts = np.zeros((classes, classes + 1), np.int64)
    np.add.at(counts, (truth, said), 1)
    return counts


def _answer(class_score: NDArray[np.float32], right: int) -> tuple[int, int, float, float]:
    """Return how many classes are likelier than the right one, the likeliest, its probability and the right one's."""
    order = np.argsort(-class_score, kind="stable")
    place = int(np.flatnonzero(order == right)[0])
    return place, int(order[0]), float(class_score[order[0]]), float(class_score[right])


def _share(part: int, of: int) -> float | None:
    return float(part / of) if of else None
