"""What a network with several answers learns from: the rows of a table, split, and the numbers' means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from streamvision.checkpoints.answers import Answers
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets.answer_table import AnsweredPictures, read_answers
from streamvision.datasets.dataset import AnsweredPicture, Dataset, LabelledImage
from streamvision.training.additions import read_sets
from streamvision.training.data import TrainingData, as_boxed, prepared
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

WHOLE_PICTURES = "pilotnet"
"""The classifier that sees whole pictures: what is beside the middle matters to whoever drives."""


@dataclass(frozen=True)
class AnswersData(TrainingData[AnsweredPicture]):
    """What the trainer sees, and what there is to answer."""

    answers: Answers = field(kw_only=True)
    """The answers; numbers with mean and standard deviation of the pictures to learn from."""

    def as_set(self, images: tuple[AnsweredPicture, ...]) -> AnsweredPictures:
        """Return pictures as a data set, to be measured."""
        answers = self.answers
        return AnsweredPictures(
            answers.names,
            images,
            class_column=answers.class_column,
            numbers=answers.numbers,
            known=answers.known,
        )


def prepare_answers(folder: RunFolder, recipe: Recipe) -> AnswersData:
    """Read a table; the split is stratified by class, as for classifiers.

    Raises:
        ConfigError: when there is nothing to learn from, a number is known of no picture to learn from, or no answer
            differs on the pictures held out.
    """
    pictures = read_answers(recipe.data, only=recipe.answers)
    sets = {recipe.data: pictures} | {path: read_answers(path, only=pictures.columns) for path in recipe.add}
    for path, added in sets.items():
        if any(getattr(added, of) != getattr(pictures, of) for of in ("class_column", "numbers", "known")):
            raise ConfigError(
                f"{path} has other answers, known numbers or units than {recipe.data}; give a table whose first line "
                "names the same"
            )
    by_path = {image.path: image for one in sets.values() for image in one.images}

    def answered(one: LabelledImage) -> AnsweredPicture:
        return replace(by_path[one.path], class_id=next((box.class_id for box in one.boxes), None))

    dataset, additions = read_sets(recipe.data, recipe.add, lambda path: _as_boxed(sets[path]))
    known = {path: _known(image) for path, image in by_path.items()}
    most = max(known.values())
    parts = prepared(dataset, additions, folder, recipe, answered, teaches=lambda one: 0 < known[one.path] == most)
    _check_learnt(pictures, parts, recipe)
    if not _differ(parts.val):
        raise ConfigError(
            f"{recipe.data}: no answer differs among {counted(len(parts.val), 'pictures')} held out, so that no figure "
            "could tell the best epoch; label more pictures, or hold out more with --val-share"
        )
    answers, notes = _answers(pictures, parts, stretches=recipe.model == WHOLE_PICTURES)
    kept: dict[str, Any] = {one.name: getattr(parts, one.name) for one in fields(parts)}
    return AnswersData(**kept | {"notes": (*parts.notes, *notes)}, answers=answers)


def _as_boxed(pictures: AnsweredPictures) -> Dataset:
    return as_boxed(pictures, lambda image: [] if image.class_id is None else [image.class_id])


def _known(image: AnsweredPicture) -> int:
    """Return how many answers are known of a picture."""
    return sum(answer is not None for answer in (image.class_id, *image.numbers))


def _differ(images: tuple[AnsweredPicture, ...]) -> bool:
    """Return whether any answer is another on one picture than on another."""
    answers = zip(*((image.class_id, *image.numbers) for image in images), strict=True)
    return any(len(set(of_all) - {None}) > 1 for of_all in answers)


def _check_learnt(pictures: AnsweredPictures, parts: TrainingData[AnsweredPicture], recipe: Recipe) -> None:
    for at, card in enumerate(pictures.numbers):
        if all(image.numbers[at] is None for image in parts.train):
            raise ConfigError(
                f"{recipe.data} has no number for {card.name} in the {counted(len(parts.train), 'pictures')} "
                "to learn from; write some, or name the columns to learn with --answers"
            )


def _answers(
    pictures: AnsweredPictures, parts: TrainingData[AnsweredPicture], *, stretches: bool
) -> tuple[Answers, list[str]]:
    means, deviations, notes = [], [], []
    for at, card in enumerate(pictures.numbers):
        learnt, held_out = (
            np.array([number for image in part if (number := image.numbers[at]) is not None], np.float64)
            for part in (parts.train, parts.val)
        )
        mean, deviation = float(learnt.mean()), float(learnt.std())
        means.append(mean)
        deviations.append(deviation or 1.0)  # a number that is always the same
        unit = f" {card.unit}" if card.unit else ""
        notes.append(
            f"{card.name}: {counted(len(learnt), 'numbers')} to learn from, mean {mean:.4g}{unit}, standard deviation "
            f"{deviation:.4g}{unit}; {len(held_out)} held out."
        )
    for known in pictures.known:
        count = sum(known.name in image.known for image in parts.train)
        unit = f" {known.unit}" if known.unit else ""
        notes.append(f"{known.name}: given beside {count} of {len(parts.train)} pictures, to {known.largest:g}{unit}.")
    answers = Answers(
        parts.names,
        pictures.class_column,
        pictures.numbers,
        tuple(means),
        tuple(deviations),
        pictures.known,
        stretches,
    )
    return answers, notes
