"""The figures of several answers are those of scikit-learn, and what cannot be measured is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.errors import ConfigError, ModelError
from streamvision.datasets.answer_table import AnsweredPictures
from streamvision.datasets.dataset import AnsweredPicture
from streamvision.evaluation.answers import _class, _numbers, evaluate_answers
from streamvision.evaluation.model import open_model
from streamvision.inference.model_card import NumberCard
from support.tiny_classifier import tiny_classifier

NAMES = ("day", "dusk", "rain")


def pictures(classes: Any, distances: Any) -> AnsweredPictures:
    images = tuple(
        AnsweredPicture(Path(f"{at}.png"), class_id, (number,))
        for at, (class_id, number) in enumerate(zip(classes, distances, strict=True))
    )
    return AnsweredPictures(NAMES, images, class_column="weather", numbers=(NumberCard(name="distance", unit="m"),))


@pytest.mark.reference
def test_class_and_number_are_measured_as_by_scikit_learn() -> None:
    figures = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    truth, distance = rng.integers(3, size=80), rng.uniform(5, 60, 80)
    said, near = np.where(rng.random(80) < 0.7, truth, rng.integers(3, size=80)), distance + rng.normal(0, 6, 80)
    known = rng.random((2, 80)) < 0.8
    labelled = pictures(
        [int(one) if there else None for one, there in zip(truth, known[0], strict=True)],
        [float(one) if there else None for one, there in zip(distance, known[1], strict=True)],
    )
    (number,), notes = _numbers(labelled, [{"Distance": value} for value in near.tolist()], {"Distance": "m"})
    right, found = distance[known[1]], near[known[1]]
    assert not notes
    assert number.mae == pytest.approx(figures.mean_absolute_error(right, found), abs=1e-6)
    assert number.rmse == pytest.approx(figures.root_mean_squared_error(right, found), abs=1e-6)
    assert number.r2 == pytest.approx(figures.r2_score(right, found), abs=1e-6)
    naive = np.full(len(right), right.mean())
    assert number.naive_mae == pytest.approx(figures.mean_absolute_error(right, naive), abs=1e-6)
    of_class, _ = _class(labelled, [*np.eye(3, dtype=np.float32)[said]], NAMES, ())
    assert of_class is not None
    assert of_class.pictures == known[0].sum()
    assert of_class.accuracy == pytest.approx(figures.accuracy_score(truth[known[0]], said[known[0]]), abs=1e-6)
    assert of_class.f1 == pytest.approx(figures.f1_score(truth[known[0]], said[known[0]], average="macro"), abs=1e-6)
    assert of_class.naive_accuracy == np.bincount(truth[known[0]]).max() / known[0].sum()
    assert of_class.skill == pytest.approx(1 - (1 - of_class.accuracy) / (1 - of_class.naive_accuracy))


def test_answers_that_are_always_the_same_have_no_skill() -> None:
    labelled = pictures([1, 1], [20.0, 20.0])
    (number,), _ = _numbers(labelled, [{"distance": 20.0}, {"distance": 21.0}], {})
    of_class, _ = _class(labelled, [np.eye(3, dtype=np.float32)[1]] * 2, NAMES, ())
    assert of_class is not None
    assert (number.mae, number.r2, number.skill, of_class.skill) == (0.5, None, None, None)


def test_other_names_units_and_numbers_that_are_none_are_refused() -> None:
    labelled = pictures([0, None], [20.0, None])
    with pytest.raises(ConfigError, match=r"'distance'\) are not those of the model \('speed'\)"):
        _numbers(labelled, [{"speed": 1.0}] * 2, {})
    with pytest.raises(ConfigError, match="distance in km, and the data set has it in m"):
        _numbers(labelled, [{"distance": 1.0}] * 2, {"distance": "km"})
    with pytest.raises(ModelError, match="says nan for distance"):
        _numbers(labelled, [{"distance": float("nan")}, {"distance": 1.0}], {})
    found, notes = _class(labelled, [], NAMES, ())
    assert found is None
    assert "the model gives no class" in notes[0]


def test_a_model_without_numbers_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((32, 32, 3), np.uint8))
    image = AnsweredPicture(tmp_path / "0.png", 0, (3.0,))
    labelled = AnsweredPictures(NAMES, (image,), class_column="weather", numbers=(NumberCard(name="distance"),))
    with (
        open_model(tiny_classifier(tmp_path / "colours.onnx")) as detector,
        pytest.raises(ConfigError, match="gives no numbers; measure it with streamvision eval classify"),
    ):
        evaluate_answers(detector, labelled)
