"""Masks, keypoints and oriented boxes of YOLO, raw and end-to-end, and what is refused."""

import numpy as np
import pytest

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.heads.oriented import oriented_candidates, upright
from streamvision.inference.heads.registry import create_head, match_head
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

CLASSES, POINTS, CELLS = 3, 5, 84


def spec(*shapes):
    return [TensorSpec(f"output{i}", shape, "float32") for i, shape in enumerate(shapes)]


def raw(extra):
    """Return (1, 7 + extra, 84) with one box, of class 1 and score 0.8, in column 10."""
    output = np.zeros((1, 4 + CLASSES + len(extra), CELLS), np.float32)
    output[0, :, 10] = [32, 32, 20, 16, 0.1, 0.8, 0.2, *extra]
    return output


def selected(extra, box=(22, 24, 42, 40)):
    output = np.zeros((1, 6, 6 + len(extra)), np.float32)
    output[0, 0] = [*box, 0.8, 1, *extra]
    return output


def complete(head, outputs, place):
    (found,) = head.decode(outputs, score_threshold=0.5)
    completed = head.complete(found, outputs, index=0, letterbox=place)
    assert len(completed) == 1 and completed.class_id.tolist() == [1]
    return completed


def place_of(width_px, height_px, **of_input):
    return Letterbox.fit(width_px, height_px, InputCard(width_px=64, height_px=64, **of_input))


class TestMasks:
    def prototypes(self, *, last=False):
        """Return prototypes of which the first is 1 in the left half of the input, the others 0."""
        maps = np.zeros((1, 32, 16, 16), np.float32)
        maps[0, 0, :, :8], maps[0, 0, :, 8:] = 1, -1
        return maps.transpose(0, 2, 3, 1) if last else maps

    @pytest.mark.parametrize("last", [False, True])
    @pytest.mark.parametrize("head", ["yolo_seg", "yolo_seg_end2end"])
    def test_a_mask_is_the_part_of_the_box_where_the_sum_is_above_zero(self, head, last):
        weights = [1.0] + [0.0] * 31
        outputs = [raw(weights) if head == "yolo_seg" else selected(weights), self.prototypes(last=last)]
        read = create_head(make_card(head), spec(*(output.shape for output in outputs)))
        found = complete(read, outputs, place_of(128, 128))
        np.testing.assert_allclose(found.box_xyxy_px, [[44, 48, 84, 80]])
        (mask,) = found.mask
        assert (mask.left_px, mask.top_px, mask.bits.shape) == (44, 48, (32, 40))
        assert mask.bits[:, :20].all() and not mask.bits[:, 20:].any()

    def test_as_many_rows_as_prototypes_do_not_make_them_come_first(self):
        maps = np.zeros((1, 32, 16, 32), np.float32)
        maps[0, :, :8, 0], maps[0, :, 8:, 0] = 1, -1
        outputs = [selected([1.0] + [0.0] * 31, box=(16, 24, 48, 40)), maps]
        card = make_card("yolo_seg_end2end", width_px=64, height_px=128)
        head = create_head(card, spec(*(output.shape for output in outputs)))
        (mask,) = complete(head, outputs, Letterbox.fit(64, 128, card.input)).mask
        assert mask.bits[:, :16].all() and not mask.bits[:, 16:].any()

    def test_the_letterbox_belongs_to_no_mask(self):
        outputs = [raw([1.0] + [0.0] * 31), self.prototypes()]
        outputs[0][0, :4, 10] = [32, 32, 64, 64]
        found = complete(
            create_head(make_card("yolo_seg"), spec(*(o.shape for o in outputs))), outputs, place_of(64, 30)
        )
        (mask,) = found.mask
        assert mask.bits.shape == (30, 64) and mask.bits[:, :32].all()

    def test_they_are_told_by_their_prototypes(self):
        images = TensorSpec("images", (1, 3, 64, 64), "float32")
        assert match_head(images, spec((1, 39, CELLS), (1, 32, 16, 16))) == "yolo_seg"
        assert match_head(images, spec((1, 39, CELLS), (1, 32, 8, 8))) is None

    @pytest.mark.parametrize("shapes", [[(1, 39, CELLS)], [(1, 39, CELLS), (1, 32, 20, 16)], [(1, 7, CELLS)]])
    def test_other_outputs_are_refused(self, shapes):
        with pytest.raises(UnknownHeadError, match=r"32 mask weights|prototypes \(batch, 32, 16, 16\)"):
            create_head(make_card("yolo_seg"), spec(*shapes))

    def test_prototypes_that_turn_out_otherwise_are_an_error(self):
        head = create_head(make_card("yolo_seg"), spec((None, 39, None), (None, 32, None, None)))
        outputs = [raw([0.0] * 32), np.zeros((1, 32, 9, 9), np.float32)]
        (found,) = head.decode(outputs, score_threshold=0.5)
        with pytest.raises(ModelError, match=r"prototypes \(32, 9, 9\)"):
            head.complete(found, outputs, index=0, letterbox=place_of(64, 64))


class TestKeypoints:
    @pytest.mark.parametrize("head", ["yolo_pose", "yolo_pose_end2end"])
    @pytest.mark.parametrize("values", [2, 3])
    def test_they_come_back_to_the_picture(self, head, values):
        extra = [30.0, 36.0, 0.75][:values] * POINTS
        output = raw(extra) if head == "yolo_pose" else selected(extra)
        found = complete(create_head(make_card(head), spec(output.shape)), [output], place_of(128, 64))
        np.testing.assert_allclose(found.keypoint_xy_px, [[[60, 40]] * POINTS])
        np.testing.assert_allclose(found.keypoint_score, [[0.75 if values == 3 else 1.0] * POINTS])

    def test_fractions_of_the_input_are_scaled_as_the_boxes_are(self):
        output = raw([0.5, 0.25, 0.9] * POINTS)
        output[0, :4, 10] = [0.5, 0.5, 0.25, 0.25]
        head = create_head(make_card("yolo_pose", box_unit="normalized"), spec(output.shape))
        found = complete(head, [output], place_of(64, 64))
        np.testing.assert_allclose(found.keypoint_xy_px[0, 0], [32, 16])

    def test_a_card_without_keypoints_is_refused(self):
        card = make_card("yolo_pose").model_copy(update={"keypoints": None})
        with pytest.raises(UnknownHeadError, match="needs to know the keypoints"):
            create_head(card, spec((1, 22, CELLS)))

    def test_another_number_of_keypoints_is_refused(self):
        with pytest.raises(UnknownHeadError, match="5 keypoints of 3 values"):
            create_head(make_card("yolo_pose"), spec((1, 25, CELLS)))

    def test_keypoints_that_are_no_numbers_take_the_object_with_them(self):
        output = raw([np.nan] * 3 * POINTS)
        (found,) = create_head(make_card("yolo_pose"), spec(output.shape)).decode([output], score_threshold=0.5)
        assert len(found) == 0


class TestOrientedBoxes:
    @pytest.mark.parametrize("head", ["yolo_obb", "yolo_obb_end2end"])
    def test_they_come_back_to_the_picture_with_the_upright_box_around(self, head):
        output = raw([np.pi / 2]) if head == "yolo_obb" else selected([np.pi / 2], box=(32, 32, 20, 16))
        found = complete(create_head(make_card(head), spec(output.shape)), [output], place_of(128, 128))
        np.testing.assert_allclose(found.obb_cxcywhr_px, [[64, 64, 40, 32, np.pi / 2]], atol=1e-5)
        np.testing.assert_allclose(found.box_xyxy_px, [[48, 44, 80, 84]], atol=1e-4)

    @pytest.mark.parametrize("angle", [-3.0, -0.7, 0.0, 0.4, 1.5708, 2.2, 5.0])
    def test_a_stretched_picture_keeps_area_and_direction(self, angle):
        found = oriented_candidates(
            np.array([[32, 32, 20, 16]], np.float32),
            np.array([angle], np.float32),
            np.ones(1, np.float32),
            np.zeros(1, np.int32),
            scale=np.ones(4, np.float32),
        )
        head = create_head(make_card("yolo_obb"), spec((1, 8, CELLS)))
        completed = head.complete(found, [], index=0, letterbox=place_of(256, 128, resize="stretch"))
        _, _, width, height, turned = completed.obb_cxcywhr_px[0]
        assert width * height == pytest.approx(20 * 16 * 4 * 2, rel=1e-5)
        end = np.array([np.cos(angle) * 4, np.sin(angle) * 2]) * 20
        np.testing.assert_allclose([np.cos(turned) * width, np.sin(turned) * width], end, rtol=1e-4, atol=1e-3)
        assert abs(turned - angle) < np.pi / 2

    def test_the_upright_box_holds_all_corners(self):
        np.testing.assert_allclose(upright(np.array([[0, 0, 2, 2, np.pi / 4]])), [[-(2**0.5)] * 2 + [2**0.5] * 2])

    def test_another_number_of_rows_is_refused(self):
        with pytest.raises(UnknownHeadError, match="angle last"):
            create_head(make_card("yolo_obb"), spec((1, 7, CELLS)))
