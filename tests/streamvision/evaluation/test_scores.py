"""Calibration, operating point, confusions and heights on constructed detections."""

import numpy as np
import pytest

from streamvision.evaluation.diagnosis import by_height, confusion_matrix
from streamvision.evaluation.matching import match_predictions
from streamvision.evaluation.scores import calibration, operating_point
from support.labelled import NAMES, found, predictions, shifted, truth

BOX = (100.0, 100.0, 200.0, 200.0)
FAR = (600.0, 600.0, 700.0, 700.0)


def scored(score, right, wrong):
    """Return pictures with so many right and wrong detections of one score."""
    hits = [(truth((0, BOX)), found((0, score, BOX)))] * right
    return hits + [(truth((0, BOX)), found((0, score, FAR)))] * wrong


def test_scores_that_keep_their_promise():
    report = calibration(match_predictions(predictions(*scored(0.75, 15, 5), *scored(0.25, 5, 15))))
    assert report.expected_error == pytest.approx(0, abs=1e-6)
    assert report.count == 40
    (high,) = [one for one in report.bins if one.low == pytest.approx(0.7)]
    assert (high.count, high.precision) == (20, 0.75)


def test_scores_that_promise_too_much():
    report = calibration(match_predictions(predictions(*scored(0.95, 12, 8), *scored(0.35, 7, 13))))
    assert report.expected_error == pytest.approx((0.35 * 20 + 0.0 * 20) / 40, abs=1e-6)
    assert report.largest_error == pytest.approx(0.35, abs=1e-6)
    assert report.overconfidence == pytest.approx(0.175, abs=1e-6)


def test_scores_that_promise_too_little():
    report = calibration(match_predictions(predictions(*scored(0.45, 20, 0))))
    assert report.overconfidence == pytest.approx(-0.55, abs=1e-6)


def test_without_detections_nothing_is_claimed():
    report = calibration(match_predictions(predictions((truth((0, BOX)), found()))))
    assert (report.expected_error, report.overconfidence, report.count) == (None, None, 0)


def test_the_operating_point_parts_right_from_wrong():
    point = operating_point(match_predictions(predictions(*scored(0.8, 9, 0), *scored(0.3, 0, 9))), classes=3)
    assert 0.3 < point.score <= 0.8
    assert (point.precision, point.recall) == (1.0, 0.5)
    assert point.at_score[0].f1 == pytest.approx(2 / 3)
    assert point.at_score[1] is None, "a class without objects has no figures"


def test_a_score_on_the_step_counts_as_reaching_it():
    pair = (truth((0, BOX)), found((0, np.float32(0.5), BOX)))
    point = operating_point(match_predictions(predictions(pair)), classes=1)
    assert point.own_best[0].f1 == 1.0


def test_confusions_go_to_their_cells():
    pairs = [
        (truth((0, BOX)), found((0, 0.9, BOX))),
        (truth((0, BOX)), found((1, 0.9, shifted(BOX, 0.1)))),
        (truth((1, BOX)), found((2, 0.9, FAR))),
    ]
    expected = np.zeros((4, 4), int)
    expected[0, 0] = expected[0, 1] = 1
    expected[1, 3] = expected[3, 2] = 1
    assert confusion_matrix(match_predictions(predictions(*pairs)), classes=len(NAMES)).tolist() == expected.tolist()


def test_a_right_detection_is_paired_before_a_wrong_one_that_overlaps_more():
    pair = (truth((0, BOX)), found((1, 0.9, BOX), (0, 0.8, shifted(BOX, 0.2))))
    counts = confusion_matrix(match_predictions(predictions(pair)), classes=3)
    assert (counts[0, 0], counts[0, 1], counts[3, 1]) == (1, 0, 1)


def test_heights():
    tall, low = (0.0, 0.0, 50.0, 70.0), (500.0, 500.0, 550.0, 510.0)
    bands = by_height(match_predictions(predictions((truth((0, tall), (0, low)), found((0, 0.9, tall))))))
    assert [(band.label, band.objects, band.found) for band in bands] == [
        ("8-16 px", 1, 0),
        ("16-32 px", 0, 0),
        ("32-64 px", 0, 0),
        ("64-128 px", 1, 1),
    ]
