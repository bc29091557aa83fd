"""The camera's motion, told from boxes: followed where it is real, and nothing where objects merely move."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.tracking.common_motion import CommonMotion
from pipelines.stages.tracking.steady import SteadyTracker
from streamvision.core.detections import Detections
from support.moving_boxes import at, found, walker, watch


def shaken(t_s: float) -> tuple[float, float]:
    """Return by how much a camera that somebody carries looks aside."""
    return 60 * np.sin(8 * t_s), 30 * np.sin(10 * t_s)


def crowd(t_s: float, *, camera: bool) -> Detections:
    right, down = shaken(t_s) if camera else (0.0, 0.0)
    boxes = [walker(t_s, start_px=150 * index, speed_px_s=10 * (-1) ** index) for index in range(8)]
    return found(*((left + right, top + down, far + right, low + down) for left, top, far, low in boxes))


def test_a_shaking_camera_costs_no_identity() -> None:
    def tracked(**settings: bool) -> list[list[int | None]]:
        return watch(SteadyTracker(**settings), at(30, 4), lambda t: crowd(t, camera=True))

    assert tracked()[-1] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert tracked(camera_motion=False)[-1] != [1, 2, 3, 4, 5, 6, 7, 8], "else the scene proves nothing"


def test_the_shift_is_that_of_the_camera() -> None:
    camera, rng = CommonMotion(), np.random.default_rng(0)
    for index in range(100):
        real = np.array([25.0, -10.0]) * (-1) ** index
        shift = camera.update(real + rng.normal(0, 3, (20, 2)), height_px=150.0, step_s=1 / 30)
    assert shift == pytest.approx(real.tolist(), abs=3)


def test_where_objects_move_each_by_itself_hardly_anything_is_shared() -> None:
    camera, rng, squared = CommonMotion(), np.random.default_rng(1), []
    for _ in range(300):
        missed = rng.normal(0, 8, (5, 2))
        shift = camera.update(missed, height_px=150.0, step_s=1 / 30)
        squared.append((np.square(shift if shift else (0, 0)).sum(), np.square(np.median(missed, axis=0)).sum()))
    followed, seen = np.array(squared)[30:].mean(axis=0)
    assert followed < 0.2 * seen


def test_a_still_camera_changes_nothing() -> None:
    moving = watch(SteadyTracker(), at(30, 4), lambda t: crowd(t, camera=False))
    assert moving == watch(SteadyTracker(camera_motion=False), at(30, 4), lambda t: crowd(t, camera=False))
