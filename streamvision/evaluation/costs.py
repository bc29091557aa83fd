"""From which score on objects of a class are best reported, where a miss and a false alarm cost differently.

The expected cost of a threshold is what misses and false alarms cost together (Elkan, "The Foundations of
Cost-Sensitive Learning", IJCAI 2001); scores need not be probabilities for that. What a choice is worth is measured on
pictures that it was not made on (cross-validation), since the lowest of many costs on the same pictures is too low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets.dataset import Dataset
from streamvision.datasets.splitting import deal_folds
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.matching import ImageMatch, match_predictions
from streamvision.evaluation.predictions import OnProgress, Predictions, predict, rounded
from streamvision.evaluation.resampling import resamples
from streamvision.evaluation.scores import SCORE_STEPS, score_curves
from streamvision.inference.model import Model

FOLDS = 5
LEAST_OBJECTS = 10
"""A class with fewer keeps the usual score: any choice would be made by chance."""
RESAMPLES = 1000
USUAL_SCORE = float(ModelConfig.model_fields["score"].default)


@dataclass(frozen=True)
class Costs:
    """What errors cost, in any unit; only their ratio decides."""

    miss: float = 1.0
    """Of an object that is not found."""
    false: float = 1.0
    """Of a report of something that is not there, or is of another class."""


@dataclass(frozen=True)
class CostTable:
    """What errors cost, by class."""

    usual: Costs = field(default_factory=Costs)
    """Of classes without costs of their own."""
    by_class: Mapping[str, Costs] = field(default_factory=dict)
    """By class name."""

    def of(self, name: str) -> Costs:
        """Return what errors of a class cost."""
        return self.by_class.get(name, self.usual)


@dataclass(frozen=True)
class ClassThreshold:
    """The best score of one class. Costs are of a hundred pictures."""

    name: str
    """Class name."""
    costs: Costs
    """What its errors cost."""
    objects: int
    """Marked objects that count."""
    score: float | None
    """The score with the lowest cost on all pictures; ``None`` where there are too few objects to choose by."""
    fold_scores: tuple[float, ...]
    """What would be chosen without each part of the pictures in turn: how far chance decides."""
    cost: float
    """With scores that were chosen on other pictures (cross-validated)."""
    usual_cost: float
    """With the score that is usual (0.25), on the same pictures."""
    misses: tuple[int, int]
    """Objects that are not found, with the chosen scores and with the usual one."""
    false_alarms: tuple[int, int]
    """Wrong reports, with the chosen scores and with the usual one."""


@dataclass(frozen=True)
class Thresholds:
    """The best score of each class, and what they save. Costs are of a hundred pictures."""

    classes: tuple[ClassThreshold, ...]
    """Classes that have objects or wrong reports."""
    pictures: int
    """How many were measured."""
    cost: float
    """With scores that were chosen on other pictures."""
    usual_cost: float
    """With the usual score."""
    saved_low: float
    """95 % of the resamples of the pictures save from here on."""
    saved_high: float
    """... up to here."""

    @property
    def sentence(self) -> str:
        """What the choice is worth, in words."""
        saved = self.usual_cost - self.cost
        figures = (
            f"a hundred pictures cost {self.cost:.4g} with scores chosen on other pictures and {self.usual_cost:.4g} "
            f"with the usual {USUAL_SCORE:g} ({saved:+.4g} saved, 95 % of resamples {self.saved_low:+.4g} to "
            f"{self.saved_high:+.4g}; {counted(self.pictures, 'pictures')}, {FOLDS} parts)"
        )
        if self.saved_low > 0:
            return f"Cheaper: {figures}."
        if self.saved_high < 0:
            return f"Dearer, so keep the usual score: {figures}."
        return f"It cannot be told whether this is cheaper: {figures}; measure more pictures."

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration with which ``run`` reports from these scores on."""
        return {"model": {"class_scores": {one.name: one.score for one in self.classes if one.score is not None}}}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "pictures": self.pictures,
            "folds": FOLDS,
            "usual_score": USUAL_SCORE,
            "cost_per_100_pictures": rounded(self.cost),
            "usual_cost_per_100_pictures": rounded(self.usual_cost),
            "saved_95": [rounded(self.saved_low), rounded(self.saved_high)],
            "class_scores": self.config()["model"]["class_scores"],
            "per_class": {
                one.name: {
                    "miss": one.costs.miss,
                    "false": one.costs.false,
                    "objects": one.objects,
                    "score": one.score,
                    "fold_scores": list(one.fold_scores),
                    "cost_per_100_pictures": rounded(one.cost),
                    "usual_cost_per_100_pictures": rounded(one.usual_cost),
                    "misses": one.misses[0],
                    "usual_misses": one.misses[1],
                    "false_alarms": one.false_alarms[0],
                    "usual_false_alarms": one.false_alarms[1],
                }
                for one in self.classes
            },
            "sentence": self.sentence,
        }


def measure_thresholds(
    detector: Model,
    dataset: Dataset,
    table: CostTable,
    *,
    seed: int = 0,
    on_progress: OnProgress = lambda done, total: None,
) -> tuple[Thresholds, tuple[str, ...]]:
    """Run a model over a data set and choose the scores from which on it is to report; see :func:`choose_thresholds`.

    Args:
        detector: the model, opened ``as_reported`` (:func:`streamvision.evaluation.model.open_model`).
        dataset: labelled pictures that it has not learnt from.
        table: what errors cost.
        seed: deals the pictures to parts.
        on_progress: called with how many pictures are done, and how many there are.

    Returns:
        The scores under the model's own class names, and what is worth saying of the classes.
    """
    match = match_classes(dataset, detector.names)
    found = predict(detector, dataset, match, on_progress=on_progress)
    names = list(match.names)
    for model_id, class_id in enumerate(match.data_id.tolist()):
        if class_id is not None:
            names[class_id] = detector.names[model_id]
    return choose_thresholds(replace(found, names=tuple(names)), table, seed=seed), match.notes


def choose_thresholds(predictions: Predictions, table: CostTable, *, seed: int = 0) -> Thresholds:
    """Choose for each class the score with the lowest cost, and measure by cross-validation what that is worth.

    Args:
        predictions: what the model finds as a run would, down to a low score.
        table: what errors cost.
        seed: another seed deals the pictures to other parts; look-alikes are always in one part.

    Raises:
        ConfigError: when costs name a class that is not measured, or there are fewer pictures than parts.
    """
    names = predictions.names
    if unknown := sorted(set(table.by_class) - set(names)):
        raise ConfigError(f"costs of {', '.join(unknown)} are given; the classes are {', '.join(names)}")
    if len(predictions.images) < FOLDS:
        raise ConfigError(
            f"{counted(len(predictions.images), 'pictures')} are too few to choose scores on some and measure on "
            f"others; give {FOLDS} or more, better hundreds"
        )
    matches = match_predictions(predictions)
    costs = np.array([[table.of(name).miss, table.of(name).false] for name in names])
    marked = [[box.class_id for box in image.boxes if not box.ignore] for image in predictions.images]
    part = np.array(deal_folds([image.path for image in predictions.images], marked, folds=FOLDS, seed=seed))
    curves = [_errors([matches[i] for i in np.flatnonzero(part == fold)], len(names)) for fold in range(FOLDS)]
    errors, objects = np.sum([one for one, _ in curves], axis=0), np.sum([count for _, count in curves], axis=0)
    usual = np.full(len(names), USUAL_SCORE)
    chosen = np.where(objects >= LEAST_OBJECTS, _cheapest(errors, costs), USUAL_SCORE)
    by_fold = np.stack(
        [np.where(objects - left >= LEAST_OBJECTS, _cheapest(errors - own, costs), USUAL_SCORE) for own, left in curves]
    )
    with_chosen = np.stack([_of_picture(one, by_fold[fold]) for one, fold in zip(matches, part, strict=True)])
    with_usual = np.stack([_of_picture(one, usual) for one in matches])
    by_class = [(many * costs).sum(axis=(0, 2)) * 100 / len(matches) for many in (with_chosen, with_usual)]
    low, high = _interval(((with_usual - with_chosen) * costs).sum(axis=(1, 2)), seed=seed)
    wrong = [many.sum(axis=0).astype(int) for many in (with_chosen, with_usual)]
    classes = tuple(
        ClassThreshold(
            name=name,
            costs=table.of(name),
            objects=int(objects[index]),
            score=float(chosen[index]) if objects[index] >= LEAST_OBJECTS else None,
            fold_scores=tuple(by_fold[:, index].tolist()) if objects[index] >= LEAST_OBJECTS else (),
            cost=float(by_class[0][index]),
            usual_cost=float(by_class[1][index]),
            misses=(int(wrong[0][index, 0]), int(wrong[1][index, 0])),
            false_alarms=(int(wrong[0][index, 1]), int(wrong[1][index, 1])),
        )
        for index, name in enumerate(names)
        if objects[index] or errors[index].any()
    )
    return Thresholds(classes, len(matches), float(by_class[0].sum()), float(by_class[1].sum()), low, high)


def _errors(matches: Sequence[ImageMatch], classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (classes, 2, steps) misses and false alarms from each score on, and (classes,) objects."""
    hits, detections, objects = score_curves(matches, classes)
    return np.stack([objects[:, None] - hits, detections - hits], axis=1), objects


def _cheapest(errors: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (classes,) the score with the lowest cost; of several in a row, the middle of the longest such row."""
    total = (errors * costs[:, :, None]).sum(axis=1)
    best = np.zeros(len(total))
    for index, row in enumerate(total):
        lowest = np.flatnonzero(row <= row.min() + 1e-9)
        runs = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)
        longest = max(runs, key=len)
        best[index] = SCORE_STEPS[longest[len(longest) // 2]]
    return best


def _of_picture(match: ImageMatch, lowest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (classes, 2) misses and false alarms on a picture where each class is reported from its score on."""
    classes = len(lowest)
    reported = match.score >= lowest[match.class_id] - 1e-9
    objects = np.bincount(match.truth.class_id[~match.truth.ignore], minlength=classes)
    hits = np.bincount(match.class_id[reported & match.hit], minlength=classes)
    wrong = np.bincount(match.class_id[reported & match.false], minlength=classes)
    return np.stack([objects - hits, wrong], axis=1).astype(np.float64)


def _interval(saved: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """Return between what the saving of a hundred pictures lies in 95 % of the resamples of pictures."""
    drawn = [float(one @ saved) for one in resamples(len(saved), count=RESAMPLES, seed=seed)]
    low, high = np.percentile(drawn, [2.5, 97.5]) * 100 / len(saved)
    return float(low), float(high)
