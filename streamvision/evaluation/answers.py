"""How well a model gives several answers of each picture: a class, and numbers.

Each answer is compared with the naive one, the same for all pictures: the commonest class, and a number's mean. How
much of the naive answer's error is gone is the skill score of forecasts (Murphy, "Skill Scores Based on the Mean Square
Error", Monthly Weather Review 1988), here of the share of wrong classes and of the mean absolute error: 1 is without
error, 0 no better than the naive answer. Its mean over the answers is one figure for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.answer_table import AnsweredPictures
from streamvision.evaluation.class_names import match_names, name_key
from streamvision.evaluation.classify import confused, figures_by_class
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model
from streamvision.inference.model_card import NumberCard

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassAnswer:
    """How well one class is told of each picture that has one."""

    name: str
    """What the class is of."""
    names: tuple[str, ...]
    """Class names of the data set."""
    confusion: NDArray[np.int64]
    """(C, C + 1) pictures by their class and the one that the model finds likeliest; the last column is for classes
    of the model that the data set does not have."""
    paths: tuple[Path, ...]
    """(N,) files of the pictures."""
    truth: NDArray[np.intp]
    """(N,) the class of each, by number."""
    said: NDArray[np.intp]
    """(N,) the one that the model finds likeliest; C for those that the data set does not have."""
    said_score: NDArray[np.float32]
    """(N,) how likely the model finds it, 0..1."""

    @property
    def pictures(self) -> int:
        """How many were measured."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the pictures whose likeliest class is the right one, 0..1."""
        return float(np.diag(self.confusion).sum() / self.pictures)

    @property
    def naive_accuracy(self) -> float:
        """The same if the model always said the commonest class."""
        return float(self.confusion.sum(axis=1).max() / self.pictures)

    @cached_property
    def by_class(self) -> dict[str, tuple[float | None, float | None, float]]:
        """Precision, recall and F1 of each class, as :func:`~.classify.figures_by_class` gives them."""
        return figures_by_class(self.confusion, self.names)

    @property
    def f1(self) -> float:
        """Mean of the classes' F1, whatever the number of their pictures."""
        return float(np.mean([f1 for *_, f1 in self.by_class.values()]))

    @property
    def skill(self) -> float | None:
        """Share of the naive answer's mistakes that are gone; ``None`` where that makes none."""
        return None if self.naive_accuracy == 1 else 1 - (1 - self.accuracy) / (1 - self.naive_accuracy)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "name": self.name,
            "accuracy": rounded(self.accuracy),
            "f1": rounded(self.f1),
            "naive_accuracy": rounded(self.naive_accuracy),
            "skill": rounded(self.skill),
            "pictures": self.pictures,
            "per_class": {
                name: dict(zip(("precision", "recall", "f1"), map(rounded, values), strict=True))
                for name, values in self.by_class.items()
            },
            "confusion": {"names": [*self.names, None], "marked_by_said": self.confusion.tolist()},
        }


@dataclass(frozen=True, eq=False)
class NumberAnswer:
    """How well one number is told of each picture of which it is known."""

    card: NumberCard
    """What it is called, and its unit."""
    truth: F64
    """(N,) what is right."""
    said: F64
    """(N,) what the model says."""
    paths: tuple[Path, ...]
    """(N,) files of the pictures."""

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.card.name} [{self.card.unit}]" if self.card.unit else self.card.name

    @property
    def mae(self) -> float:
        """Mean absolute error, in the number's unit."""
        return float(np.abs(self.said - self.truth).mean())

    @property
    def rmse(self) -> float:
        """Root of the mean squared error, in the number's unit."""
        return float(np.sqrt(((self.said - self.truth) ** 2).mean()))

    @property
    def r2(self) -> float | None:
        """Coefficient of determination; ``None`` where the right numbers are all the same."""
        spread = float(((self.truth - self.truth.mean()) ** 2).sum())
        return 1 - float(((self.said - self.truth) ** 2).sum()) / spread if spread > 0 else None

    @property
    def naive_mae(self) -> float:
        """Mean absolute error if the model always said the mean of the right numbers."""
        return float(np.abs(self.truth - self.truth.mean()).mean())

    @property
    def skill(self) -> float | None:
        """Share of the naive answer's error that is gone; ``None`` where that makes none."""
        return 1 - self.mae / self.naive_mae if self.naive_mae > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "unit": self.card.unit,
            **{name: rounded(getattr(self, name)) for name in ("mae", "rmse", "r2", "naive_mae", "skill")},
            "pictures": len(self.truth),
        }


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class AnswersEvaluation(Measurement):
    """How good a model with several answers is on a data set."""

    of_class: ClassAnswer | None
    """The class; ``None`` where the model or the data set has none."""
    numbers: tuple[NumberAnswer, ...]
    """The numbers that model and data set have in common."""
    images: int
    """How many pictures were shown."""

    @property
    def skill(self) -> float | None:
        """Mean of the answers' skill; ``None`` where no answer differs from picture to picture."""
        found = [one.skill for one in (self.of_class, *self.numbers) if one is not None]
        known = [skill for skill in found if skill is not None]
        return float(np.mean(known)) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "skill": rounded(self.skill),
            "class": None if self.of_class is None else self.of_class.to_json(),
            "numbers": {number.card.name: number.to_json() for number in self.numbers},
            "images": self.images,
            **self.about_json(self.of_class.names if self.of_class else ()),
        }


def evaluate_answers(
    detector: Model,
    pictures: AnsweredPictures,
    *,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> AnswersEvaluation:
    """Run a model over pictures whose answers are known; those that are not count neither way.

    Numbers are matched by name, and classes as :func:`~.classify.evaluate_classifier` does.

    Raises:
        ConfigError: when the model gives no numbers, or none that the pictures have, or in another unit.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails, or says something that is no number.
    """
    require_task(detector, "classify")
    begin_s = time.monotonic()
    scores: list[NDArray[np.float32]] = []
    said: list[dict[str, float]] = []
    images, units = pictures.images, {number.name: number.unit for number in detector.card.numbers}
    for at in range(0, len(images), detector.max_batch):
        group = images[at : at + detector.max_batch]
        for one in detector.find([BgrPicture(read_bgr(image.path), image.known) for image in group]):
            if one.image_result is None or not one.image_result.values:
                raise ConfigError(
                    f"{detector.describe()} gives no numbers; measure it with streamvision eval {detector.card.task}"
                )
            said.append(one.image_result.values)
            if one.image_result.class_score is not None:
                scores.append(one.image_result.class_score)
        on_progress(len(said), len(images))
    numbers, number_notes = _numbers(pictures, said, units)
    of_class, class_notes = _class(pictures, scores, detector.names, classes)
    return AnswersEvaluation(
        model=detector.describe(),
        of_class=of_class,
        numbers=numbers,
        images=len(images),
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *class_notes, *number_notes, *detector.card.assumed),
        problems=pictures.problems,
    )


def _numbers(
    pictures: AnsweredPictures, said: Sequence[dict[str, float]], units: dict[str, str | None]
) -> tuple[tuple[NumberAnswer, ...], list[str]]:
    names = {name_key(name): name for name in said[0]} if said else {}
    answers, notes = [], []
    for at, card in enumerate(pictures.numbers):
        name = names.get(name_key(card.name))
        known = [row for row, image in enumerate(pictures.images) if image.numbers[at] is not None]
        if name is None or not known:
            why = "the model does not give it" if name is None else "no picture has it"
            notes.append(f"Not measured: the number {card.name!r}, as {why}.")
            continue
        if card.unit and (unit := units.get(name)) and unit != card.unit:
            raise ConfigError(
                f"the model gives {name} in {unit}, and the data set has it in {card.unit}; write that in the "
                "model's unit"
            )
        truth = np.array([pictures.images[row].numbers[at] for row in known], np.float64)
        found = np.array([said[row][name] for row in known], np.float64)
        if not np.isfinite(found).all():
            raise ModelError(
                f"the model says {found[~np.isfinite(found)][0]} for {name}; check the file or its precision"
            )
        answers.append(NumberAnswer(card, truth, found, tuple(pictures.images[row].path for row in known)))
    if not answers:
        own = ", ".join(repr(card.name) for card in pictures.numbers)
        raise ConfigError(
            f"the data set's numbers ({own}) are not those of the model ({', '.join(map(repr, names.values()))}) or "
            "no measured picture has them; name the columns as the model does"
        )
    return tuple(answers), notes


def _class(
    pictures: AnsweredPictures,
    scores: Sequence[NDArray[np.float32]],
    model_names: tuple[str, ...],
    only: Sequence[str],
) -> tuple[ClassAnswer | None, Sequence[str]]:
    known = [row for row, image in enumerate(pictures.images) if image.class_id is not None]
    if pictures.class_column is None or not known or not scores:
        missing = "the model gives no class" if pictures.class_column and known else "no picture has a class"
        return None, [f"No class was measured, as {missing}."] if pictures.class_column or scores else []
    truth = np.array([pictures.images[row].class_id for row in known], np.intp)
    match = match_names(pictures.names, set(truth.tolist()), model_names, only=only)
    best = np.array([scores[row].argmax() for row in known], np.intp)
    kept = np.flatnonzero(np.isin(truth, match.measured))
    truth, said = truth[kept], match.data_id.filled(len(match.names))[best[kept]].astype(np.intp)
    answer = ClassAnswer(
        name=pictures.class_column,
        names=match.names,
        confusion=confused(truth, said, len(match.names)),
        paths=tuple(pictures.images[known[at]].path for at in kept),
        truth=truth,
        said=said,
        said_score=np.array([scores[known[at]].max() for at in kept], np.float32),
    )
    return answer, match.notes
