"""Evaluations: a model and a data set in; figures by box, mask, keypoints or oriented box out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamvision.core.config.slices import NO_SLICES, SlicesConfig
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.coco_metrics import ClassFigures, CocoFigures, coco_figures
from streamvision.evaluation.coco_shapes import Likeness, is_marked, shaped_results
from streamvision.evaluation.diagnosis import Diagnosis, diagnose
from streamvision.evaluation.keypoint_errors import KeypointErrors, keypoint_errors
from streamvision.evaluation.model import MAX_DETECTIONS, NMS_IOU, SCORE_FLOOR, require_task
from streamvision.evaluation.predictions import (
    Measurement,
    OnProgress,
    Predictions,
    predict,
    rounded,
    save_results,
)
from streamvision.inference.model import Model

SETTINGS = {"score_floor": SCORE_FLOOR, "nms_iou": NMS_IOU, "max_detections": MAX_DETECTIONS}
"""The thresholds that every model is measured with."""
ShapeTask = Literal["segment", "pose", "obb"]
LIKENESS: dict[str, Likeness] = {"segment": "mask", "pose": "keypoints", "obb": "oriented"}
"""What of two objects is compared, by the model's task."""
_LABELS: dict[Likeness, str] = {
    "mask": "outlines (YOLO polygons, or COCO's instances_*.json)",
    "keypoints": "keypoints (YOLO with kpt_shape in data.yaml, or COCO's person_keypoints_*.json itself)",
    "oriented": "oriented boxes (YOLO lines of four corners, or COCO polygons)",
}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Evaluation(Measurement):
    """How good a model is on a data set."""

    predictions: Predictions
    """All that was found."""
    figures: CocoFigures
    """COCO's figures."""
    diagnosis: Diagnosis
    """Why they are what they are."""

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
            "settings": SETTINGS,
            **self.about_json(self.predictions.names),
        }


def evaluate(
    detector: Model,
    dataset: Dataset,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    slices: SlicesConfig = NO_SLICES,
    on_progress: OnProgress = lambda done, total: None,
) -> Evaluation:
    """Run a model over a data set and measure what it finds.

    Args:
        detector: the model, as :func:`streamvision.evaluation.model.open_model` opens it.
        dataset: the labelled pictures.
        classes: names of the classes to measure; empty for all.
        notes: what is already known to be worth saying.
        slices: in which tiles large pictures are shown, too.
        on_progress: called with how many pictures are done, and how many there are.

    Raises:
        ConfigError: when there is nothing to measure, or the classes of model and data set do not match.
        SourceError: when a picture cannot be read any more.
        ModelError: when the model fails.
    """
    if not dataset.images:
        raise ConfigError("the data set has no readable picture, so there is nothing to measure; check its folder")
    match = match_classes(dataset, detector.names, only=classes)
    begin_s = time.monotonic()
    predictions = predict(detector, dataset, match, slices=slices, on_progress=on_progress)
    return Evaluation(
        model=detector.describe(),
        seconds=time.monotonic() - begin_s,
        predictions=predictions,
        figures=coco_figures(predictions),
        diagnosis=diagnose(predictions),
        notes=(*notes, *match.notes, *detector.card.assumed),
        problems=dataset.problems,
    )


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


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ShapeEvaluation(Measurement):
    """How good a model is on a data set, by shape and by box."""

    by: Likeness
    """What of two objects is compared first."""
    predictions: Predictions
    """All that was found."""
    figures: CocoFigures
    """COCO's figures by mask, keypoints or oriented box."""
    box_figures: CocoFigures
    """COCO's figures of the same objects by their upright boxes."""
    boundary_figures: CocoFigures | None = None
    """For masks: COCO's figures by their edges, too."""
    keypoint_errors: KeypointErrors | None = None
    """For keypoints: how far they lie from the marked ones."""

    def save_predictions(self, path: Path) -> None:
        """Write all that was found in COCO's results form.

        Raises:
            OutputError: when the file cannot be written.
        """
        save_results(path, shaped_results(self.predictions, self.by))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        return {
            self.by: _figures_json(self.figures),
            **({"boundary": _figures_json(self.boundary_figures)} if self.boundary_figures else {}),
            **({"keypoint_errors": self.keypoint_errors.to_json()} if self.keypoint_errors else {}),
            "box": _figures_json(self.box_figures),
            "images": len(self.predictions.images),
            "settings": SETTINGS,
            **self.about_json(self.predictions.names),
        }


def evaluate_shapes(
    task: ShapeTask,
    detector: Model,
    dataset: Dataset,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    slices: SlicesConfig = NO_SLICES,
    on_progress: OnProgress = lambda done, total: None,
) -> ShapeEvaluation:
    """Run a model over a data set of outlines or keypoints and measure what it finds, as :func:`evaluate` does.

    Raises:
        ConfigError: when the model is for another task, the data set does not mark what is to be measured, or their
            classes or keypoints do not match.
        SourceError: when a picture cannot be read any more.
        ModelError: when the model fails.
    """
    by = LIKENESS[task]
    unmarked = check_marked(dataset, by)
    require_task(detector, task)
    sigmas, assumed = _sigmas(detector, dataset) if by == "keypoints" else ((), ())
    match, card = match_classes(dataset, detector.names, only=classes), detector.card.keypoints
    begin_s = time.monotonic()
    predictions = predict(detector, dataset, match, slices=slices, on_progress=on_progress)
    return ShapeEvaluation(
        model=detector.describe(),
        seconds=time.monotonic() - begin_s,
        by=by,
        predictions=predictions,
        figures=coco_figures(predictions, by=by, sigmas=sigmas),
        box_figures=coco_figures(predictions),
        boundary_figures=coco_figures(predictions, by="boundary") if by == "mask" else None,
        keypoint_errors=keypoint_errors(predictions, card.names) if card and by == "keypoints" else None,
        notes=(*notes, *unmarked, *match.notes, *assumed, *detector.card.assumed),
        problems=dataset.problems,
    )


def check_marked(dataset: Dataset, by: Likeness) -> tuple[str, ...]:
    """Return a note on objects that lack what is compared, or learnt.

    Raises:
        ConfigError: when all of them do.
    """
    marked = [is_marked(box, by) for _, box in dataset.boxes()]
    if not any(marked):
        raise ConfigError(f"no object of the data set has {by}; give labels with {_LABELS[by]}")
    lacking = marked.count(False)
    return (f"{lacking} of {len(marked)} objects are marked without {by} and count neither way.",) if lacking else ()


def _sigmas(detector: Model, dataset: Dataset) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return the spread of each keypoint, and what was assumed."""
    card = detector.card.keypoints
    count = len(card.names) if card else 0
    for image, box in dataset.boxes():
        marked = len(box.shape.keypoints) if box.shape else 0
        if marked not in (0, count):
            raise ConfigError(f"{image.path} marks {marked} keypoints an object, but the model gives {count}")
    if card and card.oks_sigma:
        return card.oks_sigma, ()
    return (1 / count,) * count, (f"The model's card gives no spread of its keypoints; 1/{count} was taken for each.",)


def _figures_json(figures: CocoFigures) -> dict[str, Any]:
    return {
        "map50_95": rounded(figures.map50_95),
        "map50": rounded(figures.map50),
        "map75": rounded(figures.map75),
        "by_size": {name: rounded(value) for name, value in figures.by_size.items()},
        "per_class": {name: class_json(one) for name, one in figures.per_class.items() if one.objects},
        "objects": sum(one.objects for one in figures.per_class.values()),
    }
