"""The normalised mean error, failures and PCK, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.detections import Detections
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape
from streamvision.evaluation.keypoint_errors import eye_corners, keypoint_errors
from streamvision.evaluation.predictions import Predictions
from streamvision.synthetic.faces import LANDMARKS

NAMES = ("right_eye_outer", "left_eye_outer", "nose")
BOX = (10.0, 10.0, 50.0, 90.0)
FACE = ((20.0, 30.0, 2), (40.0, 30.0, 1), (30.0, 50.0, 2))


def face(points: tuple[tuple[float, float, int], ...], *, ignore: bool = False) -> LabelledImage:
    box = LabelledBox(0, BOX, ignore, LabelledShape(keypoints=points))
    return LabelledImage(Path("a.png"), 100, 100, (box,))


def found(*moves: tuple[float, float], score: float = 0.9, box: tuple[float, ...] = BOX) -> Detections:
    """Return a detection whose points lie these many pixels beside those of :data:`FACE`."""
    points = np.array([[(x + dx, y + dy) for (x, y, _), (dx, dy) in zip(FACE, moves, strict=True)]], np.float32)
    return Detections(
        np.array([box], np.float32), np.array([score], np.float32), np.array([0], np.int32),
        keypoint_xy_px=points, keypoint_score=np.ones((1, 3), np.float32),
    )  # fmt: skip


def both(first: Detections, second: Detections) -> Detections:
    assert first.keypoint_xy_px is not None and second.keypoint_xy_px is not None
    return Detections(
        np.concatenate([first.box_xyxy_px, second.box_xyxy_px]),
        np.concatenate([first.score, second.score]),
        np.concatenate([first.class_id, second.class_id]),
        keypoint_xy_px=np.concatenate([first.keypoint_xy_px, second.keypoint_xy_px]),
        keypoint_score=np.ones((2, 3), np.float32),
    )


def test_errors_are_shares_of_the_distance_between_the_eyes() -> None:
    off = found((3, 4), (0, 1), (0, 0))
    missed = found((0, 0), (0, 0), (0, 0), box=(60.0, 60.0, 90.0, 90.0))
    far = found((0, 0), (0, 0), (12, 5))
    images = (face(FACE), face(FACE), face(FACE), face(FACE, ignore=True))
    figures = keypoint_errors(Predictions(("face",), images, (off, missed, far, off)), NAMES)
    assert (figures.objects, figures.found, figures.by_eyes) == (3, 2, True)
    assert figures.error_px == pytest.approx((6 / 3 + 13 / 3) / 2)
    assert figures.nme == pytest.approx((2 / 20 + 13 / 3 / 20) / 2)
    assert figures.failure_rate == pytest.approx(2 / 3)  # one of 10 % passes, the missed and that of 22 % do not
    assert figures.pck == 1.0  # within 16 px, a fifth of the box's height
    assert figures.keypoint_px == pytest.approx((2.5, 0.5, 6.5))
    said = " ".join(figures.sentences())
    assert "Found were 2 of 3 objects with keypoints; their keypoints lie 3.17 px off, 15.83 % of" in said.replace(
        "%", " %"
    )
    assert "Farthest off: nose 6.5 px" in said


def test_the_surest_of_several_counts_and_points_that_are_not_marked_do_not() -> None:
    image = face((FACE[0], FACE[1], (0.0, 0.0, 0)))
    several = both(found((1, 0), (1, 0), (70, 0), score=0.4), found((2, 0), (2, 0), (70, 0), score=0.8))
    figures = keypoint_errors(Predictions(("face",), (image,), (several,)), NAMES)
    assert figures.error_px == pytest.approx(2.0)
    assert figures.keypoint_px[2] is None
    assert figures.to_json()["per_keypoint_px"]["nose"] is None


def test_without_corners_of_eyes_the_box_is_the_measure() -> None:
    figures = keypoint_errors(Predictions(("bird",), (face(FACE),), (found((0, 3), (0, 3), (0, 30)),)), ("a", "b", "c"))
    assert not figures.by_eyes
    assert figures.nme == pytest.approx(12 / math.sqrt(40 * 80))
    assert figures.pck == pytest.approx(2 / 3)


def test_nothing_found_is_said_and_faces_without_eyes_are_not_measured() -> None:
    sideways = face(((0.0, 0.0, 0), FACE[1], FACE[2]))
    figures = keypoint_errors(Predictions(("face",), (face(FACE), sideways), (Detections.empty(),) * 2), NAMES)
    assert (figures.objects, figures.found, figures.nme, figures.failure_rate) == (1, 0, None, 1.0)
    assert figures.sentences() == ["Found were 0 of 1 objects with keypoints, so that no keypoint can be compared."]


def test_corners_of_eyes_are_known_by_name_or_number() -> None:
    assert eye_corners(LANDMARKS) == (0, 3)
    assert eye_corners([f"point {index}" for index in range(68)]) == (36, 45)
    assert eye_corners(["left eye", "right eye"]) is None
