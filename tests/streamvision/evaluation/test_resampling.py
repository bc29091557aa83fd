"""The figure of a resample is COCO's figure of the pictures that it holds, as often as it holds them."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.predictions import Predictions
from streamvision.evaluation.resampling import ResampledPrecision, resamples
from support.labelled import random_predictions


@pytest.mark.parametrize("seed", range(4))
def test_all_pictures_once_are_cocos_figure(seed: int) -> None:
    given = random_predictions(seed)
    figures = coco_figures(given)
    ids = [at for at, name in enumerate(given.names) if figures.per_class[name].objects]
    measured = ResampledPrecision(given, ids)
    once = np.ones(len(given.images), np.int64)
    assert measured(once) == pytest.approx(figures.map50_95, abs=1e-9)
    of_class = [figures.per_class[given.names[at]].map50_95 for at in ids]
    assert measured.per_class(once) == pytest.approx(of_class, abs=1e-9)


def test_a_resample_is_the_figure_of_its_pictures() -> None:
    given = random_predictions(5, images=12)
    weights = resamples(12, count=3, seed=1)
    assert weights.sum(axis=1).tolist() == [12, 12, 12]
    for row in weights:
        drawn = [at for at, times in enumerate(row) for _ in range(times)]
        again = Predictions(
            given.names, tuple(given.images[at] for at in drawn), tuple(given.found[at] for at in drawn)
        )
        measured = ResampledPrecision(given, range(len(given.names)))
        assert measured(row) == pytest.approx(coco_figures(again).map50_95, abs=0.01)  # equal scores stand otherwise


def test_what_no_picture_shows_counts_for_nothing() -> None:
    given = random_predictions(2)
    measured = ResampledPrecision(given, range(len(given.names)))
    nothing = np.zeros(len(given.images), np.int64)
    assert measured(nothing) == 0.0
    assert set(measured.per_class(nothing)) == {None}
