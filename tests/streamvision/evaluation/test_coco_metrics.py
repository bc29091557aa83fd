"""The figures are COCO's: equal to pycocotools, and to the definition written down plainly."""

import contextlib
import io

import pytest

from streamvision.core.errors import ConfigError
from streamvision.evaluation.coco_metrics import coco_figures, coco_truth
from streamvision.evaluation.predictions import Truth
from support.labelled import found, predictions, random_predictions, shifted, truth
from support.plain_coco import plain_map

BOX = (100.0, 100.0, 200.0, 200.0)


def plain_truth(predictions):
    return {
        image.path.stem: [
            (box.class_id, left, top, right - left, bottom - top, box.ignore)
            for box in image.boxes
            for left, top, right, bottom in [box.box_xyxy_px]
        ]
        for image in predictions.images
    }


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_definition(seed):
    given = random_predictions(seed)
    rows = [row for of_image in given.coco_results() for row in of_image]
    figures = coco_figures(given)
    assert (figures.map50_95, figures.map50) == pytest.approx(plain_map(plain_truth(given), rows), abs=1e-9)
    assert 0.1 < figures.map50_95 < figures.map50 < 0.95


def test_equals_pycocotools():
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    given = random_predictions(7, images=20)
    rows = [
        {**row, "image_id": image_id} for image_id, of_image in enumerate(given.coco_results(), 1) for row in of_image
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = coco_truth(given, [Truth.of(image) for image in given.images])
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = coco_figures(given)
    ours = [figures.map50_95, figures.map50, figures.map75, *figures.by_size.values()]
    assert ours == pytest.approx(evaluation.stats[:6].tolist(), abs=1e-12)


def test_a_perfect_and_a_blind_model():
    image = truth((0, BOX), (1, shifted(BOX, 3)))
    perfect = coco_figures(predictions((image, found((0, 0.9, BOX), (1, 0.8, shifted(BOX, 3))))))
    assert (perfect.map50_95, perfect.map50) == (1.0, 1.0)
    assert (perfect.per_class["car"].objects, perfect.per_class["car"].images) == (1, 1)
    blind = coco_figures(predictions((image, found())))
    assert (blind.map50_95, blind.map50) == (0.0, 0.0)


def test_classes_without_objects_have_no_figure_and_do_not_count():
    figures = coco_figures(predictions((truth((0, BOX)), found((0, 0.9, BOX), (2, 0.99, BOX)))))
    assert figures.map50 == 1.0
    assert figures.per_class["tree"].map50 is None
    assert figures.by_size["small"] is None


def test_crowds_and_difficult_objects_count_neither_way():
    image = truth((0, BOX), ignored=[(0, shifted(BOX, 4))])
    assert coco_figures(predictions((image, found((0, 0.5, BOX), (0, 0.9, shifted(BOX, 4)))))).map50 == 1.0
    assert coco_figures(predictions((image, found((0, 0.5, BOX))))).map50 == 1.0


def test_nothing_marked_is_an_error():
    with pytest.raises(ConfigError, match="nothing to measure"):
        coco_figures(predictions((truth(), found((0, 0.9, BOX)))))
