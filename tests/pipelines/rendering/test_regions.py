"""Lines, zones, speeds and the heat map on the picture."""

from __future__ import annotations

import numpy as np

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.regions import tint_heat
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.frame import Result
from streamvision.core.picture import BgrPicture, Canvas
from support.walkers import NAMES, Analytics, analytics, result, walk

GREY = 90
BARE = {"boxes": False, "labels": False, "trails_s": 0, "status": False}


def draw(subject: Analytics, walkers=(), **config) -> Canvas:
    seen = result(walkers, size_px=(640, 360))
    picture = BgrPicture(np.full((360, 640, 3), GREY, np.uint8))
    frame = type(seen.frame)("gate", 0, 0.0, 0.0, picture)
    seen = Result(frame, seen.detections)
    analysed = Result(frame, seen.detections, analysis=subject.update(seen))
    return Overlay(OverlayConfig(**(BARE | config)), NAMES).plan(analysed, fps=0).draw()


def changed(canvas: Canvas) -> np.ndarray:
    return canvas.y != GREY


def test_a_line_is_drawn_where_it_is_and_its_arrow_points_to_its_right() -> None:
    canvas = draw(analytics(lines=[{"name": "gate", "points": [[0.1, 0.5], [0.9, 0.5]]}]))
    assert canvas.y[180, [70, 160, 500, 570]].min() > 200
    assert not changed(canvas)[150:210, :60].any(), "nothing beyond its ends"
    below, above = changed(canvas)[184:210, 310:330], changed(canvas)[150:176, 100:250]
    assert below.any() and not above.any()


def test_a_zone_is_outlined_and_its_name_stays_inside_the_picture() -> None:
    canvas = draw(analytics(zones=[{"name": "yard", "points": [[0.5, 0.2], [0.99, 0.2], [0.99, 0.9], [0.5, 0.9]]}]))
    assert canvas.y[[72, 323], 450].min() > 200 and canvas.y[200, 320] > 200
    assert not changed(canvas)[:, :310].any()
    assert not changed(canvas)[220:310, 340:600].any(), "the inside is left as it was"


def test_counts_are_written_and_change_with_the_counts() -> None:
    subject = analytics(lines=[{"name": "gate", "points": [[0.1, 0.5], [0.9, 0.5]]}])
    before = draw(subject)
    walk(subject, [[(1, 0.5, 0.3)], [(1, 0.5, 0.7)]])
    assert (draw(subject).y != before.y).any()


def test_the_status_line_and_a_zone_in_the_corner_do_not_lie_on_each_other() -> None:
    subject = analytics(zones=[{"name": "corner", "points": [[0, 0], [0.9, 0], [0.9, 0.9], [0, 0.9]]}])
    status_alone = draw(analytics(), status=True)
    both = draw(subject, status=True)
    rows, columns = np.nonzero(status_alone.y[10:24, 10:40] > 200)
    assert len(rows) > 10
    assert (both.y[10:24, 10:40][rows, columns] > 200).all(), "the first word of the status can still be read"


def test_speed_stands_beside_the_label() -> None:
    plane = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}
    subject = analytics(speed=plane)
    said = walk(subject, [[(1, 0.2 + 0.02 * step, 0.5)] for step in range(20)])
    seen = result([(1, 0.6, 0.5)], size_px=(640, 360))
    known = Result(seen.frame, seen.detections, analysis=said[-1])
    unknown = Result(seen.frame, seen.detections, analysis=said[0])
    labelled = [Overlay(OverlayConfig(), NAMES).plan(each, fps=0).draw() for each in (known, unknown)]
    assert (labelled[0].y != 0).sum() > (labelled[1].y != 0).sum() + 100


def test_nothing_of_it_is_drawn_where_it_is_not_wanted() -> None:
    subject = analytics(lines=[{"name": "gate", "points": [[0.1, 0.5], [0.9, 0.5]]}], heat_map={"show": True})
    walk(subject, [[(1, 0.5, 0.5)]] * 10)
    assert not changed(draw(subject, analytics=False)).any()
    assert changed(draw(subject)).any()


def test_heat_tints_where_time_was_spent_and_nowhere_else() -> None:
    heat = np.zeros((72, 128), np.float32)
    canvas = BgrPicture(np.full((361, 641, 3), GREY, np.uint8)).to_canvas()
    tint_heat(canvas, heat)
    assert not changed(canvas).any()
    heat[36, 64] = 3.0
    tint_heat(canvas, heat)
    assert canvas.v[90, 160] > 150, "red"
    assert not changed(canvas)[:100].any() and not changed(canvas)[:, :200].any()
