"""What the page is told: few points that lie on the way, ellipses, limits."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from streamvision.trip.report.data import page_data
from streamvision.trip.report.thinning import plane_m, significance_m
from streamvision.trip.report.values import DEGREE_PARTS, json_for_a_script
from streamvision.trip.report.ways import MOST_MOMENTS, MOST_POINTS, moments, usable, way
from support.made_up_trips import drive, track, trip


def _distances_m(points_m, line_m):
    """Return how far each point is from a line of several pieces."""
    begin, end = line_m[:-1, None], line_m[1:, None]
    along = end - begin
    share = np.clip(((points_m - begin) * along).sum(2) / np.maximum((along**2).sum(2), 1e-12), 0, 1)
    return np.linalg.norm(points_m - begin - share[..., None] * along, axis=2).min(axis=0)


@pytest.mark.parametrize("tolerance_m", [2.0, 8.0, 40.0])
def test_a_thinned_way_is_nowhere_farther_than_its_tolerance(tolerance_m):
    rows = track(start_unix_s=0, seconds=1200)
    way_m = plane_m(rows[:, 1], rows[:, 2])
    weight_m = significance_m(way_m, smallest_m=0.5, most=100_000)
    kept = way_m[weight_m > tolerance_m]
    assert len(kept) < len(way_m) / 2
    assert _distances_m(way_m, kept).max() <= tolerance_m + 1e-6


def test_a_straight_way_is_its_ends_and_a_loop_is_not():
    line = np.stack([np.arange(500.0), np.zeros(500)], axis=1)
    assert (significance_m(line, smallest_m=0.5, most=100) > 0).sum() == 2
    angle = np.linspace(0, 2 * math.pi, 361)
    circle = 100 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert (significance_m(circle, smallest_m=0.5, most=1000) > 0).sum() > 20
    assert (significance_m(circle, smallest_m=0.5, most=12) > 0).sum() == 12
    there_and_back = np.concatenate([line, line[::-1]])
    assert (significance_m(there_and_back, smallest_m=0.5, most=100) > 0).sum() == 3


def test_an_hour_at_ten_hertz_becomes_a_bounded_number_of_points():
    one = drive(1, seconds=3600, rate_hz=10)
    rows = usable(one.track)
    pieces = way(rows)
    assert sum(len(piece["matters_dm"]) for piece in pieces) <= MOST_POINTS
    begin = np.cumsum(np.reshape(pieces[0]["at"], (-1, 2)), axis=0) / DEGREE_PARTS
    assert np.abs(begin[[0, -1]] - rows[[0, -1], 1:3]).max() < 1e-6
    assert len(moments(one, rows)["speed"]) <= MOST_MOMENTS + 2


def test_a_hole_divides_the_way_and_its_moments_are_unknown():
    one = drive(1, seconds=300)
    rows = usable(np.delete(one.track, slice(100, 200), axis=0))
    assert len(way(rows)) == 2
    told = moments(one, rows)
    at_150_s = round(150 / told["step_s"])
    assert told["speed"][at_150_s] is told["latitude"][at_150_s] is None
    assert told["speed"][round(50 / told["step_s"])] == round(rows[50, 3] * 36)


def test_the_ellipse_points_where_the_place_is_unsure(tmp_path):
    summary = trip(tmp_path, objects=3)
    places = [(16.0, 0.0, 1.0), (1.0, 0.0, 16.0), (4.0, 3.9, 4.0)]
    objects = tuple(
        dataclasses.replace(one, covariance_m2=place) for one, place in zip(summary.objects, places, strict=True)
    )
    told = page_data(dataclasses.replace(summary, objects=objects))["objects"]
    assert told[0]["ellipse"] == [6.0, 1.5, 90.0]
    assert told[1]["ellipse"][:2] == [6.0, 1.5]
    assert told[1]["ellipse"][2] % 180 == 0
    assert told[2]["ellipse"][2] == pytest.approx(45)


def test_views_carry_the_number_of_their_drive(tmp_path):
    summary = trip(tmp_path, objects=5)
    for one, told in zip(summary.objects, page_data(summary)["objects"], strict=True):
        assert summary.drives[told["views"][0][0]].id == one.views[0].drive
        assert told["views"][0][1:] == [pytest.approx(one.first_unix_s), pytest.approx(one.last_unix_s)]


def test_json_ends_no_script():
    told = json_for_a_script({"a": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(told)
    assert json.loads(told)["a"] == "</script><!-- & \u2028"
