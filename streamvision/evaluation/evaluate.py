"""A whole evaluation: a model and a data set in, figures out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.config.model import Precision
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.coco_metrics import ClassFigures, CocoFigures, coco_figures
from streamvision.evaluation.diagnosis import Diagnosis, diagnose
from streamvision.evaluation.model import MAX_DETECTIONS, NMS_IOU, SCORE_FLOOR, open_model
from streamvision.evaluation.predict import OnProgress, predict
from streamvision.evaluation.predictions import Predictions

DECIMALS = 6


@dataclass(frozen=True)
class ModelOptions:
    """How the model is opened; see :func:`streamvision.evaluation.model.open_model`."""

    backend: str = "auto"
    """The runtime."""
    device: str = "auto"
    """Where it executes."""
    precision: Precision = "auto"
    """The arithmetic."""
    threads: int | None = None
    """CPU threads of the network."""
    side_px: int | None = None
    """Longer side of the input, for models that take any size."""
    head: str | None = None
    """Layout of the outputs, for files that do not say it."""
    names: tuple[str, ...] | None = None
    """Class names, for files that do not say them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a model is on a data set."""

    model: str
    """The model in words: file, head, size, runtime."""
    predictions: Predictions
    """All that was found."""
    figures: CocoFigures
    """COCO's figures."""
    diagnosis: Diagnosis
    """Why they are what they are."""
    seconds: float
    """How long finding the objects took, reading the pictures included."""
    notes: tuple[str, ...]
    """What was assumed or left out, one sentence each."""
    problems: tuple[tuple[str, str], ...]
    """Files of the data set with something wrong, and what."""

    @property
    def images(self) -> int:
        """How many pictures were measured."""
        return len(self.predictions.images)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        figures = self.figures
        return {
            "map50_95": rounded(figures.map50_95),
            "map50": rounded(figures.map50),
            "map75": rounded(figures.map75),
            "per_class": {name: class_json(one) for name, one in figures.per_class.items() if one.objects},
            "classes_without_objects": [name for name, one in figures.per_class.items() if not one.objects],
            "by_size": {
                size: {"map50_95": rounded(value), "objects": figures.objects_by_size[size]}
                for size, value in figures.by_size.items()
            },
            **self.diagnosis.to_json(self.predictions.names),
            "images": self.images,
            "objects": sum(one.objects for one in figures.per_class.values()),
            "seconds": round(self.seconds, 3),
            "model": self.model,
            "names": list(self.predictions.names),
            "settings": settings_json(),
            "notes": list(self.notes),
            "problems": [{"path": path, "reason": reason} for path, reason in self.problems],
        }


def evaluate(
    model: Path,
    dataset: Dataset,
    *,
    options: ModelOptions | None = None,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> Evaluation:
    """Run a model over a data set and measure what it finds.

    Args:
        model: an exported model, or an ultralytics ``.pt`` checkpoint.
        dataset: the labelled pictures.
        options: how the model is opened.
        classes: names of the classes to measure; empty for all.
        notes: what is already known to be worth saying.
        on_progress: called with how many pictures are done, and how many there are.

    Raises:
        ConfigError: when there is nothing to measure, or the classes of model and data set do not match.
        StreamVisionError: when the model cannot be opened or run.
    """
    if not dataset.images:
        raise ConfigError("the data set has no readable picture, so there is nothing to measure; check its folder")
    options = options or ModelOptions()
    with open_model(model, **vars(options)) as detector:
        match = match_classes(dataset, detector.names, only=classes)
        begin_s = time.monotonic()
        predictions = predict(detector, dataset, match, on_progress=on_progress)
        seconds = time.monotonic() - begin_s
        words, assumed = detector.describe(), detector.card.assumed
    return Evaluation(
        model=words,
        predictions=predictions,
        figures=coco_figures(predictions),
        diagnosis=diagnose(predictions),
        seconds=seconds,
        notes=(*notes, *match.notes, *assumed),
        problems=tuple((str(problem.path), problem.reason) for problem in dataset.problems),
    )


def settings_json() -> dict[str, Any]:
    """Return the thresholds that every model is measured with."""
    return {"score_floor": SCORE_FLOOR, "nms_iou": NMS_IOU, "max_detections": MAX_DETECTIONS}


def class_json(figures: ClassFigures) -> dict[str, Any]:
    """Return the figures of one class as plain values."""
    return {
        "map50_95": rounded(figures.map50_95),
        "map50": rounded(figures.map50),
        "map75": rounded(figures.map75),
        "recall50": rounded(figures.recall50),
        "objects": figures.objects,
        "images": figures.images,
    }


def rounded(value: float | None) -> float | None:
    """Return a figure with as many decimals as are told, or ``None`` where there is none."""
    return None if value is None else round(value, DECIMALS)
