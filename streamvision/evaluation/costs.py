"""From which score on objects of a class are best reported, where a miss and a false alarm cost differently.

The expected cost of a threshold is what misses and false alarms cost together (Elkan, "The Foundations of
Cost-Sensitive Learning", IJCAI 2001); scores need not be probabilities for that. Of the scores whose cost is within one
standard error of the lowest, the one nearest to the usual score is taken (Breiman et al., "Classification and
Regression Trees", 1984), so that a few errors more or less do not move it. What a choice is worth is measured on
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
from streamvision.evaluation.scores import SCORE_STEPS
from streamvision.inference.model import Model

FOLDS = 5
LEAST_OBJECTS = 10
"""A class with fewer keeps the usual score: any choice would be made by chance."""
RESAMPLES = 1000
USUAL_SCORE = float(ModelConfig.model_fields["score"].default)
USUAL_STEP = int(np.abs(SCORE_STEPS - USUAL_SCORE).argmin())


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
    """The score that is chosen on all pictures; ``None`` where there are too few objects to choose by."""
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
        pictures = counted(self.pictures, "pictures")
        if not self.classes:
            return (
                f"There was nothing to measure: the {pictures} show no marked object, and nothing was reported on "
                "them; give pictures with objects."
            )
        if all(one.score is None for one in self.classes):
            return (
                f"No score was chosen, since no class has {LEAST_OBJECTS} marked objects or more: a hundred pictures "
                f"cost {self.usual_cost:.4g} with the usual {USUAL_SCORE:g} ({pictures}); give more "
                "pictures with objects."
            )
        saved = self.usual_cost - self.cost
        figures = (
            f"a hundred pictures cost {self.cost:.4g} with scores chosen on other pictures and {self.usual_cost:.4g} "
            f"with the usual {USUAL_SCORE:g} ({saved:+.4g} saved, 95 % of resamples {self.saved_low:+.4g} to "
            f"{self.saved_high:+.4g}; {pictures}, {FOLDS} parts)"
        )
        if self.saved_low > 0:
            return f"Cheaper: {figures}."
        if self.saved_high < 0:
            return f"Dearer, so keep the usual score: {figures}."
        if self.saved_low == self.saved_high:
            return f"Neither cheaper nor dearer than the usual score, which stays: {figures}."
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
    pictures = len(predictions.images)
    marked = [[box.class_id for box in image.boxes if not box.ignore] for image in predictions.images]
    part = np.array(deal_folds([image.path for image in predictions.images], marked, folds=FOLDS, seed=seed))
    if len(np.unique(part)) < 2:
        raise ConfigError(
            f"all {counted(pictures, 'pictures')} look alike, so that none is left to measure on what was chosen on "
            "others; give pictures of several scenes"
        )
    flat = _Reports.of(match_predictions(predictions))
    classes, saved = [], np.zeros(pictures)
    for class_id, name in enumerate(names):
        errors, objects = flat.errors(class_id)
        if not objects and not errors.any():
            continue
        costs = table.of(name)
        enough = objects >= LEAST_OBJECTS
        weights = np.array([costs.miss, costs.false])
        steps = [_choose(errors[part != fold], weights) if enough else USUAL_STEP for fold in range(FOLDS)]
        chosen, usual = errors[np.arange(pictures), :, np.array(steps)[part]], errors[:, :, USUAL_STEP]
        saved += (usual - chosen) @ weights
        now, before = chosen.sum(axis=0), usual.sum(axis=0)
        classes.append(
            ClassThreshold(
                name=name,
                costs=costs,
                objects=objects,
                score=float(SCORE_STEPS[_choose(errors, weights)]) if enough else None,
                fold_scores=tuple(SCORE_STEPS[steps].tolist()) if enough else (),
                cost=float(now @ weights) * 100 / pictures,
                usual_cost=float(before @ weights) * 100 / pictures,
                misses=(int(now[0]), int(before[0])),
                false_alarms=(int(now[1]), int(before[1])),
            )
        )
    low, high = _interval(saved, seed=seed)
    cost, usual_cost = sum(one.cost for one in classes), sum(one.usual_cost for one in classes)
    return Thresholds(tuple(classes), pictures, cost, usual_cost, low, high)


@dataclass(frozen=True, eq=False)
class _Reports:
    """What is reported on all pictures, one after the other, and what is marked."""

    picture: NDArray[np.intp]
    class_id: NDArray[np.int64]
    step: NDArray[np.intp]
    """The highest of the score steps that a report reaches; -1 for none."""
    hit: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    marked: NDArray[np.int64]
    """(objects, 2) picture and class of each object that counts."""
    pictures: int

    @classmethod
    def of(cls, matches: Sequence[ImageMatch]) -> _Reports:
        marked = [
            (row, class_id)
            for row, match in enumerate(matches)
            for class_id in match.truth.class_id[~match.truth.ignore].tolist()
        ]
        return cls(
            picture=np.repeat(np.arange(len(matches)), [len(match.score) for match in matches]),
            class_id=np.concatenate([match.class_id for match in matches]),
            step=np.searchsorted(SCORE_STEPS, np.concatenate([match.score for match in matches]), side="right") - 1,
            hit=np.concatenate([match.hit for match in matches]),
            wrong=np.concatenate([match.false for match in matches]),
            marked=np.array(marked, np.int64).reshape(-1, 2),
            pictures=len(matches),
        )

    def errors(self, class_id: int) -> tuple[NDArray[np.float64], int]:
        """Return (pictures, 2, steps) misses and false alarms of a class from each score on, and its objects."""
        own = (self.class_id == class_id) & (self.step >= 0)
        counts = np.zeros((2, self.pictures, len(SCORE_STEPS)))
        for kind, chosen in enumerate((own & self.hit, own & self.wrong)):
            np.add.at(counts[kind], (self.picture[chosen], self.step[chosen]), 1)
        hits, wrong = counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
        objects = np.bincount(self.marked[self.marked[:, 1] == class_id, 0], minlength=self.pictures)
        return np.stack([objects[:, None] - hits, wrong], axis=1), int(objects.sum())


def _choose(errors: NDArray[np.float64], weights: NDArray[np.float64]) -> int:
    """Return the step nearest to the usual one whose cost is within one standard error of the lowest.

    Args:
        errors: (pictures, 2, steps) misses and false alarms of a class.
        weights: (2,) what each costs.
    """
    if len(errors) < 2:
        return USUAL_STEP
    cost = np.einsum("pks,k->ps", errors, weights)
    more = cost - cost[:, [int(cost.sum(axis=0).argmin())]]
    error = more.std(axis=0, ddof=1) * np.sqrt(len(more))
    near = np.flatnonzero(more.sum(axis=0) <= error + 1e-9)
    return int(near[np.abs(near - USUAL_STEP).argmin()])


def _interval(saved: NDArray[np.float64], *, seed: int) -> tuple[float, float]:
    """Return between what the saving of a hundred pictures lies in 95 % of the resamples of pictures."""
    drawn = [float(one @ saved) for one in resamples(len(saved), count=RESAMPLES, seed=seed)]
    low, high = np.percentile(drawn, [2.5, 97.5]) * 100 / len(saved)
    return float(low), float(high)
