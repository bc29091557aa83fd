"""Deletion and insertion tell right heat from wrong heat."""

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.evaluation.explaining.covering import CURVE_STEPS, CoveredPicture, Curves, heat_curves, occlusion_heat
from streamvision.evaluation.explaining.subjects import ask
from streamvision.evaluation.model import open_model
from support.tiny_classifier import tiny_classifier

SQUARE = (slice(30, 50), slice(10, 30))


@pytest.fixture
def shown(tmp_path):
    """A grey picture with a red square, as a classifier of colours sees it."""
    path = tiny_classifier(tmp_path / "colours.onnx")
    bgr = np.full((64, 64, 3), 110, np.uint8)
    bgr[SQUARE] = (20, 20, 250)
    with open_model(path) as model:
        question = ask(model, bgr, config=ModelConfig(path=path), score=0.25, most=5, classes=())
        asked = []
        yield CoveredPicture(model, bgr, question, on_asked=asked.append), asked


def test_heat_on_the_square_is_better_than_heat_beside_it(shown):
    picture, asked = shown
    heat = np.zeros((2, 64, 64), np.float32)
    heat[0][SQUARE] = 1
    heat[1, 5:25, 40:60] = 1
    picture.question.subjects *= 2
    picture.question.class_ids *= 2
    right, wrong = heat_curves(picture, heat)
    assert right.deletion_area < wrong.deletion_area
    assert right.insertion_area > wrong.insertion_area
    assert sum(asked) == 2 * 2 * (CURVE_STEPS + 1)
    assert right.deletion[3] < right.deletion[0] - 0.1, "the square is a tenth of the picture"


def test_without_heat_there_are_no_curves(shown):
    picture, asked = shown
    assert heat_curves(picture, np.zeros((1, 64, 64), np.float32)) == (None,)
    assert not asked


def test_random_occlusion_finds_the_square(shown):
    picture, asked = shown
    (heat,) = occlusion_heat(picture, masks=200, size_px=(64, 64))
    assert sum(asked) == 200
    assert heat.max() == pytest.approx(1)
    assert heat[SQUARE].sum() / heat.sum() > 4 * 400 / 64**2


def test_areas_are_those_of_trapezoids():
    straight, step = np.linspace(1, 0, 21), np.array([1.0] + 20 * [0.0])
    curves = Curves(straight, step)
    assert curves.deletion_area == pytest.approx(0.5)
    assert curves.insertion_area == pytest.approx(0.5 / 20)
