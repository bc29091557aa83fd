"""What known objects on their way account for needs no look; anything else does."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.adaptive.expectation import NOTHING, Expected

PICTURE_PX = (960, 540)
CELLS = (54, 96)


def expected(speed_px_s: float = 40.0) -> Expected:
    """Return one object of 200 px at (300, 200), seen at second 10, that moves to the right."""
    velocity = np.array([[speed_px_s, 0, speed_px_s, 0]], np.float32)
    return Expected(10.0, np.array([[300, 200, 500, 400]], np.float32), velocity)


def cells(left: int, top: int, right: int, bottom: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    changed = np.zeros(CELLS, np.bool_)
    changed[top // 10 : bottom // 10, left // 10 : right // 10] = True
    return changed


@pytest.mark.parametrize(
    ("changed", "now_s", "explained"),
    [
        ((300, 200, 510, 400), 10.1, True),
        ((300, 200, 560, 400), 10.1, False),  # something beside it
        ((700, 100, 720, 120), 10.1, False),  # something elsewhere
        ((300, 200, 510, 400), 10.5, False),  # too long without a look
        ((300, 200, 510, 400), 9.9, False),  # another time
    ],
)
def test_changes_are_explained_by_the_object_alone(
    changed: tuple[int, int, int, int], now_s: float, explained: bool
) -> None:
    told = expected().explains(cells(*changed), picture_px=PICTURE_PX, now_s=now_s, inferred_s=10.0)
    assert told == explained


def test_a_fast_object_is_looked_at() -> None:
    changed = cells(300, 200, 510, 400)
    assert expected(150).explains(changed, picture_px=PICTURE_PX, now_s=10.1, inferred_s=10.0)
    assert not expected(250).explains(changed, picture_px=PICTURE_PX, now_s=10.1, inferred_s=10.0)


def test_without_objects_nothing_is_explained() -> None:
    assert not NOTHING.explains(cells(0, 0, 10, 10), picture_px=PICTURE_PX, now_s=10.1, inferred_s=10.0)
