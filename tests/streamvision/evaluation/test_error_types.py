"""Each kind of error is told from the others, and costs what mending it would bring."""

from typing import get_args

import pytest

from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.error_types import ErrorKind, explain_errors
from streamvision.evaluation.matching import match_predictions
from support.labelled import NAMES, found, predictions, random_predictions, shifted, truth

BOX = (100.0, 100.0, 200.0, 200.0)
FAR = (600.0, 600.0, 700.0, 700.0)
VAGUE = shifted(BOX, 0.5)  # overlap 1/3


def errors(*pairs):
    given = predictions(*pairs)
    return explain_errors(match_predictions(given), classes=len(NAMES))


def only(report, kind, count=1):
    return report.counts() == {one: count if one == kind else 0 for one in get_args(ErrorKind)}


def test_no_error():
    report = errors((truth((0, BOX)), found((0, 0.9, BOX))))
    assert only(report, "missed", 0)
    assert report.map50 == 1.0
    assert set(report.cost.values()) == {0.0}


def test_classification():
    report = errors((truth((0, BOX)), found((1, 0.9, BOX))))
    assert only(report, "classification"), "an object with the wrong name is not missed"
    assert report.false[0].object_index == 0
    assert report.cost["classification"] == pytest.approx(1.0)


def test_localisation():
    report = errors((truth((0, BOX)), found((0, 0.9, VAGUE))))
    assert only(report, "localisation"), "an object that is nearly found is not missed"
    assert report.cost["localisation"] == pytest.approx(1.0)


def test_both_wrong():
    report = errors((truth((0, BOX)), found((0, 0.8, BOX), (1, 0.9, VAGUE))), (truth((1, BOX)), found((1, 0.5, BOX))))
    assert only(report, "both")
    assert report.cost["both"] == pytest.approx(0.25), "without it class 1 would go from 0.5 to 1"


def test_duplicate():
    report = errors((truth((0, BOX), (0, FAR)), found((0, 0.9, BOX), (0, 0.8, BOX), (0, 0.7, FAR))))
    assert only(report, "duplicate")
    assert report.cost["duplicate"] > 0.1


def test_background():
    report = errors((truth((0, BOX)), found((0, 0.9, FAR), (0, 0.8, BOX))))
    assert only(report, "background")
    assert report.cost["background"] == pytest.approx(0.5)


def test_background_on_a_picture_without_objects():
    report = errors((truth(), found((0, 0.9, FAR))), (truth((0, BOX)), found((0, 0.8, BOX))))
    assert only(report, "background")


def test_missed():
    report = errors((truth((0, BOX), (0, FAR)), found((0, 0.9, BOX))))
    assert only(report, "missed")
    assert (report.missed[0].image, report.missed[0].object_index) == (0, 1)
    assert report.cost["missed"] == pytest.approx(1 - 51 / 101)


def test_only_the_best_false_detection_mends_an_object():
    report = errors((truth((0, BOX)), found((1, 0.9, BOX), (2, 0.8, BOX))))
    assert only(report, "classification", 2)
    assert report.cost["classification"] == pytest.approx(1.0), "the second would be a duplicate of the first"


def test_a_wrong_name_on_an_object_that_was_found_mends_nothing_but_itself():
    report = errors((truth((0, BOX), (1, FAR)), found((0, 0.9, BOX), (1, 0.8, BOX), (1, 0.7, FAR))))
    assert only(report, "classification")
    assert report.cost["classification"] == pytest.approx(0.25)


def test_detections_in_crowds_are_no_errors():
    report = errors((truth((0, BOX), ignored=[(0, FAR)]), found((0, 0.9, BOX), (0, 0.8, FAR))))
    assert only(report, "missed", 0)


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_average_precision_is_coco_s(seed):
    given = random_predictions(seed)
    report = explain_errors(match_predictions(given), classes=len(NAMES))
    assert report.map50 == pytest.approx(coco_figures(given).map50, abs=1e-9)
    assert all(report.counts().values()), "the random pictures have every kind of error"
    assert all(cost >= 0 for cost in report.cost.values())
    assert report.cost_of_false > max(report.cost["background"], report.cost["duplicate"])
