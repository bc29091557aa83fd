"""Heads against ultralytics itself: the same raw outputs must give the same objects, masks, keypoints and classes."""

from types import SimpleNamespace

import numpy as np
import pytest

from streamvision.core.picture import BgrPicture
from streamvision.inference.coco import COCO_KEYPOINTS
from streamvision.inference.heads.registry import HEADS, create_head
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard
from streamvision.inference.nms import suppress, suppress_oriented
from streamvision.inference.preprocess import InputBatch
from streamvision.inference.tensors import TensorSpec
from support.detection_sets import Agreement
from support.ultralytics_tasks import IOU, SIDE_PX, ultralytics_tasks

pytestmark = [pytest.mark.reference, pytest.mark.slow]


@pytest.fixture(scope="module")
def cases(data_dir, reference_dir):
    return ultralytics_tasks(data_dir, reference_dir)


def prepared(case, head, **of_input):
    """Return the head for a case's outputs, and where its picture lies in the input."""
    task = HEADS.get(head).task
    card = ModelCard(
        task=task,
        head=head,
        names=case.names,
        input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX, **of_input),
        keypoints=KeypointCard(names=COCO_KEYPOINTS) if task == "pose" else None,
    )
    specs = [TensorSpec(f"output{i}", o.shape, str(o.dtype)) for i, o in enumerate(case.outputs)]
    place = Letterbox.fit(case.picture.shape[1], case.picture.shape[0], card.input)
    return SimpleNamespace(card=card, head=create_head(card, specs), place=place)


def objects_of(case, head):
    ours = prepared(case, head)
    (found,) = ours.head.decode(case.outputs, score_threshold=case.conf)
    if HEADS.get(head).head_class().selected:
        kept = np.argsort(-found.score, kind="stable")
    else:
        best = suppress_oriented if ours.card.task == "obb" else suppress
        kept = best(found, iou=IOU, agnostic=True, max_detections=300)
    return ours.head.complete(found[kept], case.outputs, index=0, letterbox=ours.place)


def rows_of(detections):
    columns = detections.box_xyxy_px, detections.score[:, None], detections.class_id[:, None]
    return np.concatenate(columns, axis=1).astype(np.float64)


def agree(ours, theirs, name):
    agreement = Agreement(score_threshold=0, score_slack=0)
    agreement.add(name, ours, theirs.astype(np.float64))
    assert agreement.pairs == len(theirs) > 5 and not agreement.unmatched, str(agreement)
    assert agreement.min_iou > 0.999 and agreement.max_score_difference < 1e-6, str(agreement)


def order_of(ours, theirs):
    """Return which of our rows is each of theirs, by box and score."""
    distance = np.abs(ours[:, None, :5] - theirs[None, :, :5]).sum(axis=2)
    return distance.argmin(axis=0)


@pytest.mark.parametrize(("name", "head"), [("yolov8n-seg", "yolo_seg"), ("yolo26n-seg", "yolo_seg_end2end")])
def test_masks(cases, name, head):
    pixels = wrong = 0
    for case in cases[name]:
        found = objects_of(case, head)
        found = found[np.array([mask.area_px > 0 for mask in found.mask])]  # ultralytics drops objects without a pixel
        agree(rows_of(found), case.found["boxes"], name)
        order = order_of(rows_of(found), case.found["boxes"])
        for mask, theirs in zip(found.mask[order], case.found["masks"], strict=True):
            full = np.zeros(case.picture.shape[:2], bool)
            height, width = mask.bits.shape
            full[mask.top_px : mask.top_px + height, mask.left_px : mask.left_px + width] = mask.bits
            pixels += int(theirs.sum())
            wrong += int((full != theirs).sum())
    # A pixel whose sum is nearly 0 may fall on either side: the sums are added up in another order.
    assert pixels > 10_000 and wrong <= 1e-4 * pixels, (wrong, pixels)


@pytest.mark.parametrize(("name", "head"), [("yolov8n-pose", "yolo_pose"), ("yolo26n-pose", "yolo_pose_end2end")])
def test_keypoints(cases, name, head):
    for case in cases[name]:
        found = objects_of(case, head)
        agree(rows_of(found), case.found["boxes"], name)
        order = order_of(rows_of(found), case.found["boxes"])
        theirs = case.found["keypoints"]
        np.testing.assert_allclose(found.keypoint_xy_px[order], theirs[..., :2], atol=1e-3)
        np.testing.assert_allclose(found.keypoint_score[order], theirs[..., 2], atol=1e-6)


@pytest.mark.parametrize(("name", "head"), [("yolov8n-obb", "yolo_obb"), ("yolo26n-obb", "yolo_obb_end2end")])
def test_oriented_boxes(cases, name, head):
    for case in cases[name]:
        found = objects_of(case, head)
        theirs = case.found["obb"]  # cx, cy, w, h, angle, score, class
        assert len(found) == len(theirs) > 1
        order = np.abs(found.obb_cxcywhr_px[:, None] - theirs[None, :, :5]).sum(axis=2).argmin(axis=0)
        assert len(set(order.tolist())) == len(theirs)
        ours = found.obb_cxcywhr_px[order]
        np.testing.assert_allclose(ours[:, :2], theirs[:, :2], atol=1e-2)
        # They divide the width by the scale across, whatever its direction; the two scales differ by a rounded pixel.
        np.testing.assert_allclose(ours[:, 2:4], theirs[:, 2:4], rtol=4e-3)
        np.testing.assert_allclose(ours[:, 4], theirs[:, 4], atol=2e-3)
        np.testing.assert_allclose(found.score[order], theirs[:, 5], atol=1e-6)
        assert found.class_id[order].tolist() == theirs[:, 6].astype(int).tolist()


def test_classes_and_their_input(cases):
    for case in cases["yolov8n-cls"]:
        ours = prepared(case, "classify", resize="crop_center")
        batch = InputBatch(ours.card.input, 1)
        place = batch.put(0, BgrPicture(case.picture))
        np.testing.assert_array_equal(batch.tensor, case.input)
        (whole,) = ours.head.read(case.outputs, [place])
        np.testing.assert_allclose(whole.class_score, case.found["probs"], atol=1e-6)


def test_class_maps(cases):
    *_, case = cases["yolo26n-sem"]  # the picture that fits the input as it is
    ours = prepared(case, "semantic")
    (whole,) = ours.head.read(case.outputs, [ours.place])
    theirs = case.found["semantic"].reshape(case.picture.shape[:2])
    assert whole.class_map.shape == theirs.shape and len(np.unique(theirs)) > 3
    assert (whole.class_map != theirs).mean() < 1e-4
