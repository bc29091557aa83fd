from __future__ import annotations

import pytest

from pipelines.rendering.labels import Rect, place_labels

PICTURE_PX = (640, 360)


def place(boxes: list[Rect], *, size_px: tuple[int, int] = (80, 14), taken: list[Rect] | None = None) -> list[Rect]:
    sizes = [size_px] * len(boxes)
    return place_labels(boxes, sizes, picture_px=PICTURE_PX, taken=taken or [], gap_px=1)


def covered_px(a: Rect, b: Rect) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def test_a_label_sits_on_top_of_its_box() -> None:
    ((left, _, _, bottom),) = place([(200, 100, 300, 200)])
    assert abs(left - 200) <= 2
    assert abs(bottom - 100) <= 2


@pytest.mark.parametrize(
    "box", [(0, 0, 50, 40), (600, 0, 640, 30), (630, 340, 640, 360), (0, 350, 9, 360), (0, 0, 640, 360)]
)
def test_labels_stay_inside_the_picture(box: Rect) -> None:
    ((left, top, right, bottom),) = place([box])
    assert left >= 0
    assert top >= 0
    assert right <= PICTURE_PX[0]
    assert bottom <= PICTURE_PX[1]


def test_labels_avoid_each_other_and_what_is_taken() -> None:
    status = (4, 4, 200, 18)
    placed = [status, *place([(10, 20, 120, 100), (10, 22, 130, 110), (14, 24, 90, 100)], taken=[status])]
    for number, one in enumerate(placed):
        assert all(covered_px(one, other) == 0 for other in placed[:number])


def test_a_label_wider_than_the_picture_begins_at_its_left() -> None:
    ((left, top, _, _),) = place([(600, 300, 620, 320)], size_px=(900, 14))
    assert left == 0
    assert 0 <= top <= 346


def test_no_boxes_no_labels() -> None:
    assert place([]) == []


def test_in_a_crowd_labels_take_what_is_free_before_they_lie_on_each_other() -> None:
    boxes = [(40 * column, 30 + 40 * row, 40 * column + 38, 68 + 40 * row) for row in range(8) for column in range(16)]
    placed = place(boxes, size_px=(36, 12))
    assert all(covered_px(a, b) == 0 for number, a in enumerate(placed) for b in placed[:number])
