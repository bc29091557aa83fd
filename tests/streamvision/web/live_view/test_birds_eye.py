"""Objects in space as the page shows them from above."""

from __future__ import annotations

import math

import numpy as np
import pytest

from support.drawn_scene import WIDTH_PX, draw, thing
from support.module_page import ModulePage

pytestmark = pytest.mark.browser


@pytest.fixture
def page(shared_modules: ModulePage) -> ModulePage:
    return shared_modules


def test_objects_in_space_are_shown_from_above(page: ModulePage) -> None:
    """The panel is at the right upper corner; 80 m are 151 of its pixels, and the camera is in the middle below."""
    place = {"center_m": [4.0, 0.7, 40.0], "size_lwh_m": [10.0, 4.0, 1.5], "yaw_rad": 0.0, "distance_m": 35.0}
    objects = [thing([100, 80, 300, 200], track_id=9, attributes={"space": place})]
    pixels = draw(page, {"objects": objects, "is_tracked": True}, "birds_eye").astype(int)
    rows, columns = np.nonzero(pixels[..., 3])
    height, width = rows.max() + 1 - rows.min(), columns.max() + 1 - columns.min()
    assert (height, width) == (151, 91)
    assert columns.max() > WIDTH_PX - 12 and rows.min() < 12
    blue = pixels[..., 2] - pixels[..., 0] > 60  # the colour of its identity
    rows, columns = (axis - low for axis, low in zip(np.nonzero(blue), (rows.min(), columns.min()), strict=True))
    scale = height / 80
    assert np.mean([rows.min(), rows.max()]) == pytest.approx(height - 40 * scale, abs=2)
    assert np.mean([columns.min(), columns.max()]) == pytest.approx(width / 2 + 4 * scale, abs=2)
    assert rows.max() - rows.min() == pytest.approx(10 * scale, abs=3)
    assert columns.max() - columns.min() == pytest.approx(4 * scale, abs=3)


@pytest.mark.parametrize(
    "place",
    [{}, None, "far", {"center_m": [1, 2], "size_lwh_m": [1, 1, 1], "yaw_rad": 0}, {"center_m": [1, 2, 3]},
     {"center_m": [1, 2, 1e9], "size_lwh_m": [1, 1, 1], "yaw_rad": 0},
     {"center_m": [1, 2, 9], "size_lwh_m": [1, None, 1], "yaw_rad": "x"},
     {"center_m": [1, 2, math.nan], "size_lwh_m": [4, 2, 1], "yaw_rad": 0},
     {"center_m": [math.inf, 2, 9], "size_lwh_m": [4, 2, 1], "yaw_rad": 0},
     {"center_m": [1, 2, 9], "size_lwh_m": [4, math.nan, 1], "yaw_rad": 0},
     {"center_m": [1, 2, 9], "size_lwh_m": [4, 2, 1], "yaw_rad": math.nan},
     {"center_m": [1, 2, 9], "size_lwh_m": [-4, 2, 1], "yaw_rad": 0},
     {"center_m": [1, 2, 9], "size_lwh_m": [0, 0, 0], "yaw_rad": 0},
     {"center_m": {"length": 3}, "size_lwh_m": "123", "yaw_rad": 0}],
)  # fmt: skip
def test_without_a_place_there_is_nothing_from_above(page: ModulePage, place: object) -> None:
    assert not draw(page, {"objects": [thing([1, 1, 90, 90], attributes={"space": place})]}, "birds_eye").any()


SPACE = {"center_m": [4.0, 0.7, 40.0], "size_lwh_m": [10.0, 4.0, 1.5], "yaw_rad": 0.0, "distance_m": 35.0}


@pytest.mark.parametrize(
    "attributes",
    [
        [SPACE], "space", 7, {"a": None, "b": [], "c": 5, "space": SPACE}, {str(n): SPACE for n in range(20_000)},
        {"space": {**SPACE, "yaw_rad": 1e300, "distance_m": 1e300}}, {"space": {**SPACE, "center_m": [-9e3, 9e3, -9]}},
        {"space": {**SPACE, "distance_m": math.nan, "score": -math.inf, "corners_px": "none"}},
        {"\u202e\x00\n": {**SPACE, "text": "\x1b[2J\r\n\u2028<img src=x onerror=alert(1)>" * 99}},
        {"space": {**SPACE, "text": {"toString": None}}}, {"space": {**SPACE, "class_name": {"toString": 1}}},
        {"space": {"objects": [None]}, "place": SPACE}, {"space": {"objects": 3}, "place": SPACE},
        {"__proto__": SPACE, "constructor": SPACE},
    ],
)  # fmt: skip
def test_whatever_an_object_carries_the_others_are_drawn(page: ModulePage, attributes: object) -> None:
    """A result comes of files and code of others; one object with nonsense takes nothing from the next one."""
    good = thing([300, 200, 400, 300], track_id=9, attributes={"space": SPACE})
    odd = thing([1, 1, 90, 90], track_id=8, class_name="c\x00a\nr\u202e", attributes=attributes)
    for style in ("birds_eye", "box,label,birds_eye"):
        pixels = draw(page, {"objects": [odd, good], "is_tracked": True}, style)
        assert pixels[:160, -100:, 3].any(), style
    assert not page.faults
