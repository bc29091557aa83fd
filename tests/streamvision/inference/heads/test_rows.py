import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.coco import COCO_KEYPOINTS
from streamvision.inference.heads.registry import create_head, match_head
from streamvision.inference.heads.selected import pasted_masks
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard
from streamvision.inference.tensors import TensorSpec

ROWS = 4


def card_of(task="detect", **more):
    return ModelCard(task=task, head="rows", names=("a", "b"), input=InputCard(width_px=64, height_px=64), **more)


def specs(*extra, names=("boxes", "scores", "labels")):
    shapes = [(1, ROWS, 4), (1, ROWS), (1, ROWS)]
    types = ["float32", "float32", "int64"]
    return [TensorSpec(*spec) for spec in zip(names, shapes, types, strict=True)] + list(extra)


def outputs(*extra):
    boxes = np.array([[[8, 8, 24, 16], [30, 30, 40, 50], [0, 0, 9, 9], [0, 0, 0, 0]]], np.float32)
    return [boxes, np.array([[0.9, 0.8, 0.7, 0]], np.float32), np.array([[1, 0, 5, 0]]), *extra]


PLACE = Letterbox.fit(128, 128, InputCard(width_px=64, height_px=64))


def test_rows_become_objects_and_unknown_classes_are_passed_over():
    head = create_head(card_of(), specs())
    (found,) = head.decode(outputs(), score_threshold=0.0)
    assert found.score.tolist() == pytest.approx([0.9, 0.8]) and found.class_id.tolist() == [1, 0]
    completed = head.complete(found[np.array([1, 0])], outputs(), index=0, letterbox=PLACE)
    np.testing.assert_allclose(completed.box_xyxy_px, [[60, 60, 80, 100], [16, 16, 48, 32]])


def test_a_converter_may_rename_and_reorder_the_outputs():
    renamed = specs(names=("StatefulPartitionedCall:2", "StatefulPartitionedCall:1", "StatefulPartitionedCall:0"))
    head = create_head(card_of(), renamed[::-1])
    (found,) = head.decode(outputs()[::-1], score_threshold=0.5)
    assert found.class_id.tolist() == [1, 0]


def test_it_is_told_by_its_names_alone():
    image = TensorSpec("images", (1, 3, 64, 64), "float32")
    assert match_head(image, specs()) == "rows"
    assert match_head(image, specs(names=("x", "y", "z"))) is None


@pytest.mark.parametrize("task", ["segment", "pose"])
def test_what_the_task_needs_must_be_there(task):
    keypoints = KeypointCard(names=COCO_KEYPOINTS)
    with pytest.raises(UnknownHeadError, match=f"for '{task}' reads boxes .* misses (masks|keypoints)"):
        create_head(card_of(task, keypoints=keypoints), specs())


def test_tensors_that_do_not_belong_together_are_an_error():
    head = create_head(card_of(), specs())
    with pytest.raises(ModelError, match=r"boxes \(1, 4, 4\), scores \(1, 3\)"):
        boxes, scores, labels = outputs()
        head.decode([boxes, scores[:, :3], labels], score_threshold=0.5)


def test_masks_are_pasted_into_their_boxes():
    head = create_head(card_of("segment"), specs(TensorSpec("masks", (1, ROWS, 28, 28), "float32")))
    grid = np.zeros((1, ROWS, 28, 28), np.float32)
    grid[0, 0, :, :14] = 1
    (found,) = head.decode(outputs(grid), score_threshold=0.85)
    completed = head.complete(found, outputs(grid), index=0, letterbox=PLACE)
    (mask,) = completed.mask
    rows, columns = np.nonzero(mask.bits)
    assert 15 <= columns.min() + mask.left_px <= 16 and 30 <= columns.max() + mask.left_px <= 32
    assert 15 <= rows.min() + mask.top_px <= 16 and 31 <= rows.max() + mask.top_px <= 32


def test_keypoints_come_back_to_the_picture_and_stay_on_it():
    keypoints = np.zeros((1, ROWS, 17, 3), np.float32)
    keypoints[0, 1] = [35, 900, 0.75]
    card = card_of("pose", keypoints=KeypointCard(names=COCO_KEYPOINTS))
    head = create_head(card, specs(TensorSpec("keypoints", (1, ROWS, 17, 3), "float32")))
    (found,) = head.decode(outputs(keypoints), score_threshold=0.5)
    completed = head.complete(found, outputs(keypoints), index=0, letterbox=PLACE)
    np.testing.assert_allclose(completed.keypoint_xy_px[1], [[70, 128]] * 17)
    np.testing.assert_allclose(completed.keypoint_score[1], 0.75)


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(4))
def test_pasting_equals_torchvision(seed):
    torch = pytest.importorskip("torch")
    roi_heads = pytest.importorskip("torchvision.models.detection.roi_heads")
    rng = np.random.default_rng(seed)
    width, height, count = 200, 150, 30
    corner = rng.uniform(-10, 190, (count, 2)) * [1, 0.7]
    boxes = np.concatenate([corner, corner + rng.uniform(0.2, 120, (count, 2))], axis=1)
    boxes = np.clip(boxes, 0, [width, height] * 2).astype(np.float32)
    coarse = torch.from_numpy(rng.random((count, 1, 7, 7), np.float32))
    grid = torch.nn.functional.interpolate(coarse, (28, 28), mode="bilinear")
    theirs = roi_heads.paste_masks_in_image(grid, torch.from_numpy(boxes), (height, width))[:, 0].numpy()
    ours = pasted_masks(grid[:, 0].numpy(), boxes, width_px=width, height_px=height)
    wrong = 0
    for mask, their in zip(ours, theirs, strict=True):
        full = np.zeros((height, width), bool)
        rows, columns = mask.bits.shape
        full[mask.top_px : mask.top_px + rows, mask.left_px : mask.left_px + columns] = mask.bits
        wrong += int((full != (their > 0.5)).sum())
    assert (theirs > 0.5).sum() > 10_000 and wrong <= 2  # a value of 0.5 to the last bit may fall on either side


def test_a_box_outside_of_the_picture_has_an_empty_mask():
    (mask,) = pasted_masks(
        np.ones((1, 28, 28), np.float32), np.array([[300, 10, 340, 40]], np.float32), width_px=200, height_px=150
    )
    assert mask.area_px == 0
