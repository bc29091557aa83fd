"""How well a model classifies pictures: how often the right class is its first, or among its first five."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import BgrPicture
from streamvision.datasets.dataset import NamedPictures
from streamvision.evaluation.class_names import match_names
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model

TOP = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassifyEvaluation(Measurement):
    """How good a classifier is on a data set."""

    names: tuple[str, ...]
    """Class names of the data set."""
    place: NDArray[np.intp]
    """(N,) how many classes the model finds likelier than the right one, for each picture; 0 is a hit."""
    truth: NDArray[np.intp]
    """(N,) the right class of each picture."""

    def top(self, count: int, class_id: int | None = None) -> float | None:
        """Return how often the right class is among the first ``count``, 0..1; ``None`` where there is no picture."""
        places = self.place if class_id is None else self.place[self.truth == class_id]
        return float((places < count).mean()) if len(places) else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        counts = np.bincount(self.truth, minlength=len(self.names)).tolist()
        return {
            "top1": rounded(self.top(1)),
            "top5": rounded(self.top(TOP)),
            "per_class": {
                name: {"top1": rounded(self.top(1, n)), "top5": rounded(self.top(TOP, n)), "images": counts[n]}
                for n, name in enumerate(self.names)
                if counts[n]
            },
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
    places: list[int] = []
    begin_s = time.monotonic()
    for at in range(0, len(images), detector.max_batch):
        group = images[at : at + detector.max_batch]
        found = detector.find([BgrPicture(read_bgr(image.path)) for image in group])
        for image, one in zip(group, found, strict=True):
            assert one.image_result is not None and one.image_result.class_score is not None
            order = np.argsort(-one.image_result.class_score, kind="stable")
            places.append(int(np.flatnonzero(order == of_model[image.class_id])[0]))
        on_progress(len(places), len(images))
    return ClassifyEvaluation(
        model=detector.describe(),
        names=match.names,
        place=np.array(places, np.intp),
        truth=np.array([image.class_id for image in images], np.intp),
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *match.notes, *detector.card.assumed),
        problems=pictures.problems,
    )
