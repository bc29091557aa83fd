"""A whole evaluation of a model that gives masks, keypoints or oriented boxes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.coco_metrics import CocoFigures, coco_figures
from streamvision.evaluation.coco_shapes import Likeness, is_marked, shaped_results
from streamvision.evaluation.evaluate import DECIMALS, ModelOptions, class_json, rounded, settings_json
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predict import OnProgress, predict
from streamvision.evaluation.predictions import Predictions, save_results
from streamvision.inference.model import Model

ShapeTask = Literal["segment", "pose", "obb"]
LIKENESS: dict[ShapeTask, Likeness] = {"segment": "mask", "pose": "keypoints", "obb": "oriented"}
"""What of two objects is compared, by the model's task."""
_LABELS: dict[Likeness, str] = {
    "mask": "outlines (YOLO polygons, or COCO's instances_*.json)",
    "keypoints": "keypoints (YOLO with kpt_shape in data.yaml, or COCO's person_keypoints_*.json itself)",
    "oriented": "oriented boxes (YOLO lines of four corners, or COCO polygons)",
}


@dataclass(frozen=True, eq=False)
class ShapeEvaluation:
    """How good a model is on a data set, by shape and by box."""

    model: str
    """The model in words: file, head, size, runtime."""
    by: Likeness
    """What of two objects is compared first."""
    predictions: Predictions
    """All that was found."""
    figures: CocoFigures
    """COCO's figures by mask, keypoints or oriented box."""
    box_figures: CocoFigures
    """COCO's figures of the same objects by their upright boxes."""
    seconds: float
    """How long finding the objects took, reading the pictures included."""
    notes: tuple[str, ...]
    """What was assumed or left out, one sentence each."""
    problems: tuple[tuple[str, str], ...]
    """Files of the data set with something wrong, and what."""

    def save_predictions(self, path: Path) -> None:
        """Write all that was found in COCO's results form.

        Raises:
            ConfigError: when two pictures have the same stem.
            OutputError: when the file cannot be written.
        """
        save_results(path, self.predictions.images, shaped_results(self.predictions, self.by))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values; those that do not exist are ``None``."""
        return {
            self.by: _figures_json(self.figures),
            "box": _figures_json(self.box_figures),
            "images": len(self.predictions.images),
            "seconds": round(self.seconds, 3),
            "model": self.model,
            "names": list(self.predictions.names),
            "settings": settings_json(),
            "notes": list(self.notes),
            "problems": [{"path": path, "reason": reason} for path, reason in self.problems],
        }


def evaluate_shapes(
    task: ShapeTask,
    model: Path,
    dataset: Dataset,
    *,
    options: ModelOptions | None = None,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> ShapeEvaluation:
    """Run a model over a data set and measure what it finds.

    Args:
        task: what the model does.
        model: what :func:`streamvision.evaluation.model.open_model` opens.
        dataset: the pictures with outlines or keypoints.
        options: how the model is opened.
        classes: names of the classes to measure; empty for all.
        notes: what is already known to be worth saying.
        on_progress: called with how many pictures are done, and how many there are.

    Raises:
        ConfigError: when the model is for another task, the data set does not mark what is to be measured, or their
            classes or keypoints do not match.
        StreamVisionError: when the model cannot be opened or run.
    """
    by = LIKENESS[task]
    more = (*notes, *_unmarked(dataset, by))
    with open_model(model, **vars(options or ModelOptions())) as detector:
        if detector.card.task != task:
            raise ConfigError(
                f"{model} is a model for {detector.card.task}; give one for {task}, or use streamvision eval "
                f"{detector.card.task}"
            )
        sigmas, assumed = _sigmas(detector, dataset) if by == "keypoints" else ((), ())
        match = match_classes(dataset, detector.names, only=classes)
        begin_s = time.monotonic()
        predictions = predict(detector, dataset, match, on_progress=on_progress)
        seconds = time.monotonic() - begin_s
        words = detector.describe()
        more = (*more, *match.notes, *assumed, *detector.card.assumed)
    return ShapeEvaluation(
        words,
        by,
        predictions,
        coco_figures(predictions, by=by, sigmas=sigmas),
        coco_figures(predictions),
        seconds,
        more,
        tuple((str(problem.path), problem.reason) for problem in dataset.problems),
    )


def _unmarked(dataset: Dataset, by: Likeness) -> tuple[str, ...]:
    """Return what to say of objects that lack what is compared."""
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
        "by_size": {name: None if value is None else round(value, DECIMALS) for name, value in figures.by_size.items()},
        "per_class": {name: class_json(one) for name, one in figures.per_class.items() if one.objects},
        "objects": sum(one.objects for one in figures.per_class.values()),
    }
