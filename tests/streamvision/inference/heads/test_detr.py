"""DETR and its kind: two tensors (detr, rf_detr), or one (rtdetr)."""

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.registry import HEADS, create_head, match_head
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

BOX = [0.5, 0.25, 0.5, 0.25]
IN_PIXELS = [16, 4, 48, 12]


def specs(*shapes, names=("pred_boxes", "logits")):
    return [TensorSpec(name, shape, "float32") for name, shape in zip(names, shapes, strict=False)]


def card(head, classes=3):
    return make_card(head, classes=classes, width_px=64, height_px=32)


def two(columns, **at):
    logits = np.full((1, 5, columns), -9, np.float32)
    boxes = np.zeros((1, 5, 4), np.float32)
    for query, values in at.items():
        logits[0, int(query[1:])] = values
        boxes[0, int(query[1:])] = BOX
    return [boxes, logits]


def test_as_many_columns_as_classes_are_sigmoids():
    head = create_head(card("detr"), specs((1, 5, 4), (1, 5, 3)))
    (found,) = head.decode(two(3, q2=[-9, 2, 1]), score_threshold=0.5)
    np.testing.assert_allclose(found.box_xyxy_px, [IN_PIXELS])
    np.testing.assert_allclose(found.score, [1 / (1 + np.exp(-2))], rtol=1e-6)
    assert found.class_id.tolist() == [1] and type(head).selected


def test_every_class_may_be_asked_for():
    head = create_head(card("detr"), specs((1, 5, 4), (1, 5, 3)))
    (found,) = head.decode(two(3, q2=[-9, 2, 1]), score_threshold=0.5, every_class=True)
    assert found.class_id.tolist() == [1, 2]


def test_one_more_column_is_no_object_and_makes_a_softmax():
    head = create_head(card("detr", classes=5), specs((1, 5, 4), (1, 5, 6)))
    (found,) = head.decode(two(6, q1=[0, 0, 3, 0, 0, 9], q3=[0, 0, 3, 0, 0, 0]), score_threshold=0.5)
    np.testing.assert_allclose(found.score, [np.exp(3) / (np.exp(3) + 5)], rtol=1e-6)
    assert found.class_id.tolist() == [2]


def test_four_columns_twice_are_told_apart_by_name():
    head = create_head(card("detr", classes=4), specs((1, 5, 4), (1, 5, 4), names=("labels", "dets"))[::-1])
    (found,) = head.decode(two(4, q0=[5, -9, -9, -9]), score_threshold=0.5)
    np.testing.assert_allclose(found.box_xyxy_px, [IN_PIXELS])


@pytest.mark.parametrize("shapes", [((1, 5, 4),), ((1, 5, 4), (1, 5, 7)), ((1, 5, 5), (1, 5, 3))])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(UnknownHeadError, match=r"3 classes reads boxes .* and logits .* 3 or 4\)"):
        create_head(card("detr"), specs(*shapes))


def by_the_papers(boxes, logits, *, columns, softmax, width, height):
    """Decode one picture in float64, query by query, from the definitions in the papers."""
    found = []
    for (cx, cy, w, h), row in zip(boxes.astype(np.float64), logits.astype(np.float64), strict=True):
        scores = np.exp(row) / np.exp(row).sum() if softmax else 1 / (1 + np.exp(-row))
        scores = scores[list(columns)]
        corners = [(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height]
        found.append([*corners, scores.max(), scores.argmax()])
    return np.array(found)


COCO = [n for n in range(91) if n not in (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]


@pytest.mark.parametrize(
    ("head", "classes", "columns", "used", "softmax"),
    [
        ("detr", 7, 8, range(7), True),
        ("detr", 7, 7, range(7), False),
        ("detr", 80, 92, COCO, True),
        ("detr", 80, 91, COCO, False),
        ("rf_detr", 7, 8, range(7), False),
        ("rf_detr", 7, 7, range(7), False),
        ("rf_detr", 80, 91, COCO, False),
    ],
)
def test_scores_and_boxes_are_those_of_the_papers(head, classes, columns, used, softmax):
    rng = np.random.default_rng(columns)
    boxes, logits = rng.random((2, 50, 4), np.float32), rng.normal(0, 3, (2, 50, columns)).astype(np.float32)
    head = create_head(card(head, classes), specs((2, 50, 4), (2, 50, columns)))
    for slot, found in enumerate(head.decode([boxes, logits], score_threshold=0.0)):
        truth = by_the_papers(boxes[slot], logits[slot], columns=used, softmax=softmax, width=64, height=32)
        np.testing.assert_allclose(found.box_xyxy_px, truth[:, :4], atol=1e-4)
        np.testing.assert_allclose(found.score, truth[:, 4], rtol=1e-5)
        assert found.class_id.tolist() == truth[:, 5].tolist()


def test_rf_detr_is_known_by_the_names_of_its_outputs():
    given = TensorSpec("input", (1, 3, 384, 384), "float32")
    outputs = specs((1, 300, 4), (1, 300, 91), names=("dets", "labels"))
    assert match_head(given, outputs) == "rf_detr"
    rf_detr = HEADS.get("rf_detr").head_class()
    assert (rf_detr.class_count(outputs), rf_detr.usual_input["resize"]) == (80, "stretch")
    assert match_head(given, specs((1, 300, 4), (1, 300, 91), names=("boxes", "logits"))) is None


def test_queries_that_do_not_belong_together_are_an_error():
    head = create_head(card("detr"), specs((None, None, 4), (None, None, 3)))
    with pytest.raises(ModelError, match="do not belong together"):
        head.decode([np.zeros((1, 5, 4), np.float32), np.zeros((1, 6, 3), np.float32)], score_threshold=0.5)


def one(rows):
    tensor = np.zeros((1, 5, len(rows[0])), np.float32)
    tensor[0, : len(rows)] = rows
    return [tensor]


def test_rtdetr_in_its_selected_form():
    head = create_head(card("rtdetr"), specs((1, 5, 6)))
    (found,) = head.decode(one([[*BOX, 0.9, 2], [*BOX, 0.2, 1], [*BOX, 0.8, 7]]), score_threshold=0.5)
    np.testing.assert_allclose(found.box_xyxy_px, [IN_PIXELS])
    assert found.class_id.tolist() == [2]


def test_rtdetr_with_a_score_for_each_class():
    head = create_head(card("rtdetr"), specs((1, 5, 7)))
    outputs = one([[*BOX, 0.1, 0.6, 0.7]])
    assert head.decode(outputs, score_threshold=0.5)[0].class_id.tolist() == [2]
    assert head.decode(outputs, score_threshold=0.5, every_class=True)[0].class_id.tolist() == [1, 2]


def test_two_classes_in_the_old_form_are_not_mistaken_for_the_new_one():
    head = create_head(card("rtdetr", classes=2), specs((1, 5, 6)))
    with pytest.raises(ModelError, match="no class ids"):
        head.decode(one([[*BOX, 0.1, 0.6]]), score_threshold=0.5)
