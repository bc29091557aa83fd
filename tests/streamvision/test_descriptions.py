"""What files and the web API say of a result, beyond boxes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from streamvision.core.analysis import Analysis
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result, describe
from streamvision.core.image_result import ImageResult
from streamvision.core.masks import BoxMask
from streamvision.core.picture import BgrPicture

NAMES = ("road", "car", "sky")


def result_of(*, whole=None, **more):
    detections = Detections(
        np.array([[10, 5, 14, 8]], np.float32), np.array([0.5], np.float32), np.array([1], np.int32), **more
    )
    frame = Frame("gate", 0, 0.0, 0.0, BgrPicture(np.zeros((40, 60, 3), np.uint8)))
    return Result(frame, detections, whole)


def as_read(result):
    return json.loads(json.dumps(describe(result, NAMES), allow_nan=False))


def test_plain_boxes_have_the_fixed_fields_and_no_others():
    (one,) = as_read(result_of())["objects"]
    assert list(one) == ["track_id", "class_id", "class_name", "score", "box_xyxy_px"]


def test_masks_are_run_lengths_of_the_whole_picture():
    masks = np.array([BoxMask(10, 5, np.ones((3, 4), bool))], object)
    (one,) = as_read(result_of(mask=masks))["objects"]
    assert one["mask"]["size"] == [40, 60]
    decoded = pytest.importorskip("pycocotools.mask").decode(one["mask"])
    assert decoded.sum() == 12 and decoded[5:8, 10:14].all()


def test_keypoints_and_oriented_boxes():
    result = result_of(
        keypoint_xy_px=np.array([[[11.123, 6], [12, 7]]], np.float32),
        keypoint_score=np.array([[0.9876, 0.25]], np.float32),
        obb_cxcywhr_px=np.array([[12, 6.5, 4, 3, 0.7853982]], np.float32),
    )
    (one,) = as_read(result)["objects"]
    assert one["keypoints"] == [[11.12, 6, 0.9876], [12, 7, 0.25]]
    assert one["obb"] == [12, 6.5, 4, 3, 0.7854]


def test_the_whole_picture_is_summed_up():
    whole = ImageResult(
        class_score=np.array([0.2, 0.7, 0.1], np.float32),
        class_map=np.array([[0, 0], [0, 2]], np.uint8),
        depth_map=np.array([[1, 2], [3, np.nan]], np.float32),
        embedding=np.array([0.6, 0.8], np.float32),
        values={"angle": 0.25, "speed": float("nan")},
    )
    read = as_read(result_of(whole=whole))
    assert [found["class_name"] for found in read["classes"]] == ["car", "road", "sky"]
    assert read["classes"][0] == {"class_id": 1, "class_name": "car", "score": 0.7}
    assert read["areas"] == {"road": 0.75, "sky": 0.25}
    assert read["depth"]["middle"] == 2
    assert read["embedding"] == [0.6, 0.8]
    assert read["values"] == {"angle": 0.25, "speed": None}


def test_no_distance_at_all_is_null():
    whole = ImageResult(depth_map=np.full((2, 2), np.nan, np.float32))
    assert as_read(result_of(whole=whole))["depth"] == {"near": None, "middle": None, "far": None}


def test_a_speed_is_null_until_it_is_known():
    for speed_kmh, expected in ((41.52, 41.5), (np.nan, None)):
        (one,) = as_read(replace(result_of(), analysis=Analysis(speed_kmh=np.array([speed_kmh]))))["objects"]
        assert one["speed_kmh"] == expected
