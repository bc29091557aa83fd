"""A part holds all that has changed, cuts no known object, and has a size that the network takes."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.adaptive.partial import STEP_PX, can_infer_parts, plan_around, share_of
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.inference.model_card import InputCard

CARD = InputCard(width_px=640, height_px=640, dynamic_size=True)
PICTURE_PX = (1280, 720)
NOBODY = np.empty((0, 4))


def around(changed: list[float], known: list[list[float]] | None = None) -> InferencePlan:
    boxes = np.array(known, np.float64) if known else NOBODY
    return plan_around(np.array(changed, np.float64), boxes, picture_px=PICTURE_PX, card=CARD)


def test_a_small_change_is_a_small_part_at_the_scale_of_the_whole() -> None:
    look = around([600, 300, 700, 400])
    assert look.kind == "partial" and look.window is not None and look.size is not None
    assert look.size == (128, 128) and all(side % STEP_PX == 0 for side in look.size)
    assert (look.window.right - look.window.left) * 0.5 == pytest.approx(look.size[0], abs=1)
    assert look.window.left <= 600 - 40 and look.window.right >= 700 + 40
    assert share_of(look, picture_px=PICTURE_PX, card=CARD) == pytest.approx(128 * 128 / (640 * 384))


@pytest.mark.parametrize("corner", [[0, 0, 30, 30], [1250, 0, 1280, 30], [0, 690, 30, 720], [1250, 690, 1280, 720]])
def test_a_part_stays_within_the_picture(corner: list[float]) -> None:
    window = around(corner).window
    assert window is not None
    assert 0 <= window.left <= corner[0] and corner[2] <= window.right <= PICTURE_PX[0]
    assert 0 <= window.top <= corner[1] and corner[3] <= window.bottom <= PICTURE_PX[1]
    assert window.left % 2 == 0 and window.top % 2 == 0


def test_a_part_grows_around_objects_that_its_edge_would_cut() -> None:
    window = around([600, 300, 640, 340], [[630, 100, 760, 420], [740, 60, 800, 130]]).window
    assert window is not None
    assert window.left <= 600 and window.right >= 800 and window.top <= 60 and window.bottom >= 420


def test_objects_elsewhere_do_not_matter() -> None:
    assert around([600, 300, 640, 340], [[10, 10, 60, 60]]) == around([600, 300, 640, 340])


def test_where_much_has_changed_the_whole_is_looked_at() -> None:
    assert around([100, 50, 1200, 700]) is FULL
    assert share_of(FULL, picture_px=PICTURE_PX, card=CARD) == 1


def test_only_models_of_free_size_see_parts() -> None:
    assert can_infer_parts(CARD)
    assert not can_infer_parts(InputCard(width_px=640, height_px=640))
