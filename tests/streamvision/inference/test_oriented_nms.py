import numpy as np
import pytest

from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.oriented import upright
from streamvision.inference.nms import suppress_oriented


def candidates_of(cxcywhr, score, class_id=None):
    boxes = np.array(cxcywhr, np.float32).reshape(-1, 5)
    classes = np.zeros(len(boxes), np.int32) if class_id is None else np.array(class_id, np.int32)
    return Candidates(upright(boxes), np.array(score, np.float32), classes, boxes)


def overlap_matrix(boxes):
    """Return the probabilistic IoU of all pairs, written down plainly from the paper's formulas."""
    boxes = boxes.astype(np.float64)
    rotation = np.array([[np.cos(boxes[:, 4]), -np.sin(boxes[:, 4])], [np.sin(boxes[:, 4]), np.cos(boxes[:, 4])]])
    rotation = rotation.transpose(2, 0, 1)
    spread = rotation @ (np.eye(2) * (boxes[:, None, 2:4] ** 2 / 12)) @ rotation.transpose(0, 2, 1)
    joint = (spread[:, None] + spread[None]) / 2
    apart = boxes[:, None, :2] - boxes[None, :, :2]
    distance = np.einsum("ijk,ijkl,ijl->ij", apart, np.linalg.inv(joint), apart) / 8
    single = np.linalg.det(spread)
    distance += np.log(np.linalg.det(joint) / np.sqrt(single[:, None] * single)) / 2
    return 1 - np.sqrt(1 - np.exp(-distance))


def crowd(count, seed):
    rng = np.random.default_rng(seed)
    boxes = np.column_stack(
        [rng.uniform(0, 640, (count, 2)), rng.uniform(8, 120, (count, 2)), rng.uniform(-4, 4, count)]
    )
    boxes[count // 2 :] = boxes[: count - count // 2] + rng.normal(0, [3, 3, 4, 4, 0.05], (count - count // 2, 5))
    boxes[:, 2:4] = np.maximum(boxes[:, 2:4], 4)
    return candidates_of(boxes, rng.permutation(count) / count, rng.integers(0, 3, count))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("iou", [0.2, 0.45, 0.7])
@pytest.mark.parametrize("agnostic", [False, True])
def test_it_is_fast_nms_by_the_paper(seed, iou, agnostic):
    found = crowd(700, seed)
    order = np.argsort(-found.score)
    overlap = overlap_matrix(found.extra[order])
    overlap *= agnostic | (found.class_id[order][:, None] == found.class_id[order])
    expected = order[~(np.triu(overlap, 1) > iou).any(axis=0)]
    kept = suppress_oriented(found, iou=iou, agnostic=agnostic, max_detections=1000)
    assert 20 < len(kept) < 700
    np.testing.assert_array_equal(kept, expected)


def test_the_limit_keeps_the_best():
    found = crowd(700, 0)
    everything = suppress_oriented(found, iou=0.5, agnostic=False, max_detections=1000)
    np.testing.assert_array_equal(suppress_oriented(found, iou=0.5, agnostic=False, max_detections=20), everything[:20])


def test_crossed_boxes_are_two_objects_and_parallel_ones_are_one():
    crossed = candidates_of([[50, 50, 80, 10, 0], [50, 50, 80, 10, np.pi / 2]], [0.9, 0.8])
    assert len(suppress_oriented(crossed, iou=0.45, agnostic=False, max_detections=10)) == 2
    turned_round = candidates_of([[50, 50, 80, 10, 0.3], [50, 50, 80, 10, 0.3 + np.pi]], [0.8, 0.9])
    assert suppress_oriented(turned_round, iou=0.45, agnostic=False, max_detections=10).tolist() == [1]


def test_boxes_of_no_area_and_no_boxes_at_all():
    flat = candidates_of([[50, 50, 80, 0, 0], [50, 50, -3, 10, 0]], [0.9, 0.8])
    assert len(suppress_oriented(flat, iou=0.45, agnostic=False, max_detections=10)) == 0
    assert len(suppress_oriented(candidates_of([], []), iou=0.45, agnostic=False, max_detections=10)) == 0


def test_candidates_without_oriented_boxes_are_refused():
    found = candidates_of([[50, 50, 80, 10, 0]], [0.9])
    with pytest.raises(ValueError, match=r"\(N, 5\) oriented boxes"):
        suppress_oriented(
            Candidates(found.box_xyxy_px, found.score, found.class_id), iou=0.45, agnostic=False, max_detections=10
        )
