"""Heat map: seconds where they were spent, fading if asked to, as a grid and as PNG."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.stages.analytics.heat_map import GRID_COLUMNS, GRID_ROWS
from streamvision.core.analysis import heat_levels
from streamvision.core.config.app import parse_analytics
from support.walkers import analytics, walk


def test_seconds_are_counted_where_they_were_spent() -> None:
    subject = analytics(heat_map={"show": True})
    said = walk(subject, [[(1, 0.25, 0.5), (2, 0.75, 0.5), (None, 0.5, 0.9)]] * 21)
    heat = said[-1].heat
    assert heat is not None and heat.shape == (GRID_ROWS, GRID_COLUMNS)
    assert heat.sum() == pytest.approx(4.0, rel=1e-4), "two objects for two seconds; without identity nobody counts"
    rows, columns = np.nonzero(heat)
    assert (columns / GRID_COLUMNS).tolist() == pytest.approx([0.25, 0.75], abs=0.01)
    assert (rows / GRID_ROWS).tolist() == pytest.approx([0.5, 0.5], abs=0.01)


def test_traces_fade_by_their_half_life() -> None:
    subject = analytics(heat_map={"show": True, "half_life_s": 2.0})
    said = walk(subject, [*[[(1, 0.5, 0.5)]] * 11, *[[]] * 20])
    assert said[10].heat is not None and said[30].heat is not None
    assert said[30].heat.sum() == pytest.approx(said[10].heat.sum() / 2, rel=1e-3)


def test_it_is_not_shown_unless_asked_and_asking_does_not_begin_it_anew() -> None:
    subject = analytics(heat_map={})
    assert walk(subject, [[(1, 0.5, 0.5)]] * 11)[-1].heat is None
    subject.apply(parse_analytics({"heat_map": {"show": True}}, origin="test"))
    heat = walk(subject, [[(1, 0.5, 0.5)]])[-1].heat
    assert heat is not None and heat.sum() == pytest.approx(1.0, rel=1e-4)


def test_png_has_the_proportions_of_the_picture_and_is_red_where_most_time_was_spent() -> None:
    subject = analytics(heat_map={})
    assert analytics().heat_map_png() is None
    walk(subject, [[(1, 0.25, 0.5)]] * 11)
    png = subject.heat_map_png()
    assert png is not None and png.startswith(b"\x89PNG")
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert bgr.shape == (640, 1280, 3)
    blue, _, red = bgr[323, 325].tolist()
    assert red > 100 > blue


def test_an_empty_map_has_no_levels() -> None:
    assert not heat_levels(np.zeros((4, 4), np.float32)).any()
