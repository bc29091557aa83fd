"""How much boxes overlap: oriented ones against areas that are known, OpenCV's and shapely's."""

from __future__ import annotations

import numpy as np
import pytest

from streamvision.core import boxes
from streamvision.core.boxes import oriented_overlaps, oriented_pair_overlaps
from support.rotated_rectangles import near_pairs, overlaps_by_opencv

SQUARE = (10.0, 20.0, 4.0, 4.0, 0.3)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    both = (np.array([row], np.float32) for row in (one, other))
    return float(oriented_pair_overlaps(*both, np.zeros(1, np.intp), np.zeros(1, np.intp))[0])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (SQUARE, 1.0),
        ((*SQUARE[:4], 0.3 + np.pi / 2), 1.0),
        ((*SQUARE[:4], 0.3 + np.pi / 4), np.sqrt(0.5)),  # an octagon
        ((*SQUARE[:2], 2.0, 2.0, 1.1), 0.25),
        ((*SQUARE[:2], 2.0, 4.0, 0.3), 0.5),
        ((10 + 4 * np.cos(0.3), 20 + 4 * np.sin(0.3), 4.0, 4.0, 0.3), 0.0),  # side by side
        ((90.0, 20.0, 4.0, 4.0, 0.3), 0.0),
        ((*SQUARE[:2], 0.0, 4.0, 0.3), 0.0),
    ],
)
def test_overlaps_of_a_square_that_are_known(other: tuple[float, ...], expected: float) -> None:
    assert overlap(SQUARE, other) == pytest.approx(expected, abs=1e-6)
    assert overlap(other, SQUARE) == pytest.approx(expected, abs=1e-6)


def test_boxes_without_area_have_nothing_in_common() -> None:
    assert overlap((0, 0, 0, 0, 0), (0, 0, 0, 0, 0)) == 0


def test_random_oriented_boxes_overlap_as_opencv_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "PAIRS_AT_A_TIME", 700)
    a, b = near_pairs(np.random.default_rng(0), 3000)
    each = np.arange(len(a))
    iou = oriented_pair_overlaps(a, b, each, each)
    np.testing.assert_allclose(iou, overlaps_by_opencv(a, b, each, each), atol=2e-3)  # its own precision
    assert (iou[: len(a) // 10] == pytest.approx(1.0)) and (iou > 0.1).mean() > 0.5


def test_only_pairs_that_are_near_are_compared() -> None:
    a, b = near_pairs(np.random.default_rng(1), 5)
    near = np.eye(5, dtype=np.bool_)
    found = oriented_overlaps(a, b, near)
    assert (found > 0).sum() <= 5 and found[~near].max() == 0
    np.testing.assert_array_equal(found.diagonal(), oriented_pair_overlaps(a, b, np.arange(5), np.arange(5)))
    assert oriented_overlaps(a[:0], b, near[:0]).shape == (0, 5)


@pytest.mark.reference
def test_random_oriented_boxes_overlap_as_shapely_says() -> None:
    geometry, affinity = pytest.importorskip("shapely.geometry"), pytest.importorskip("shapely.affinity")

    def placed(row: list[float]) -> object:
        x, y, width, height, angle_rad = row
        upright = geometry.box(-width / 2, -height / 2, width / 2, height / 2)
        return affinity.translate(affinity.rotate(upright, angle_rad, origin=(0, 0), use_radians=True), x, y)

    a, b = near_pairs(np.random.default_rng(2), 500)
    each = np.arange(len(a))
    shapes = [(placed(one), placed(other)) for one, other in zip(a.tolist(), b.tolist(), strict=True)]
    expected = [one.intersection(other).area / one.union(other).area for one, other in shapes]
    np.testing.assert_allclose(oriented_pair_overlaps(a, b, each, each), expected, atol=1e-9)
