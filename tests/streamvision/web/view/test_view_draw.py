"""What the page draws over a picture, pixel by pixel, beside what the server draws into it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from support.browser import launched
from support.module_page import ModulePage

pytestmark = pytest.mark.browser

DRAW = "const { drawScene } = await load('view/draw.js'); const { styleOf } = await load('view/style.js');"
WIDTH_PX, HEIGHT_PX = 640, 360
ORANGE, SKY = (255, 153, 0), (41, 206, 255)


@pytest.fixture(scope="module")
def page() -> Iterator[ModulePage]:
    with launched() as browser:
        opened = ModulePage(browser)
        yield opened
        assert not opened.faults


def draw(page: ModulePage, result: dict[str, object], style: str, **more: object) -> NDArray[np.uint8]:
    given = {"result": {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, **result}, "style": style, **more}
    script = DRAW + "drawScene(pen, { ...given, style: styleOf(given.style) });"
    return page.pixels(script, given, width_px=WIDTH_PX, height_px=HEIGHT_PX)


def thing(box: list[float], **more: object) -> dict[str, object]:
    return {"track_id": None, "class_id": 0, "class_name": "car", "score": 0.9, "box_xyxy_px": box, **more}


def test_box_stands_where_it_was_found_in_the_colour_of_its_identity(page: ModulePage) -> None:
    pixels = draw(page, {"objects": [thing([100, 80, 300, 200], track_id=9)], "is_tracked": True}, "box")
    rows, columns = np.nonzero((pixels[..., :3] == SKY).all(axis=2))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (99, 79, 301, 201)
    assert not pixels[90:190, 110:290].any()  # nothing within


def test_colour_is_that_of_the_class_where_it_is_wanted(page: ModulePage) -> None:
    pixels = draw(page, {"objects": [thing([100, 80, 300, 200], track_id=9)]}, "box by class")
    assert tuple(pixels[80, 200, :3]) == ORANGE


def test_what_makes_no_sense_is_not_drawn(page: ModulePage) -> None:
    odd = [[0, 0, "9", 9], [5, 5, 5, 5], [9, 9, 3, 3], [None, 0, 1, 1], [1, 2, 3], "box", None, [-9, -9, -1, -1]]
    assert not draw(page, {"objects": [thing(box) for box in odd]}, "box, label, skeleton").any()  # type: ignore[arg-type]
    names = [thing([10, 10, 90, 90], class_name=name, score=score) for name, score in ((7, "x"), ({}, None), (None, 2))]
    assert draw(page, {"objects": names}, "box, label").any()


def test_labels_stay_inside_the_picture_and_apart(page: ModulePage) -> None:
    boxes = [[0, 0, 60, 30], [580, 0, 640, 30], [580, 330, 640, 360], [300, 100, 360, 160], [302, 102, 362, 162]]
    script = (
        "const { placeLabels } = await load('view/labels.js');"
        "const around = { picture: [0, 0, 640, 360], taken: [[0, 30, 80, 44]], gap: 1 };"
        "return placeLabels(given, given.map(() => [70, 14]), around);"
    )
    places = [(one["left"], one["top"], one["left"] + 70, one["top"] + 14) for one in page.run(script, boxes)]
    assert all(left >= 0 and top >= 0 and right <= 640 and bottom <= 360 for left, top, right, bottom in places)
    every = [*places, (0, 30, 80, 44)]
    apart = [
        a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for n, a in enumerate(every) for b in every[:n]
    ]
    assert all(apart)
