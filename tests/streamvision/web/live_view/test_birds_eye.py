"""Objects in space as the page shows them from above."""

from __future__ import annotations

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
     {"center_m": [1, 2, 9], "size_lwh_m": [1, None, 1], "yaw_rad": "x"}],
)  # fmt: skip
def test_without_a_place_there_is_nothing_from_above(page: ModulePage, place: object) -> None:
    assert not draw(page, {"objects": [thing([1, 1, 90, 90], attributes={"space": place})]}, "birds_eye").any()
