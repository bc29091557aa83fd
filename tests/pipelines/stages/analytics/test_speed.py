"""Speed: a known plane, a known velocity; smoothed, at any frame rate, and silent where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stages.analytics.speed import GroundPlane
from streamvision.core.config.analytics import SpeedConfig
from streamvision.core.config.app import parse_analytics
from streamvision.core.errors import ConfigError
from support.walkers import analytics, events, result, walk

TRAPEZE = {
    "picture": [[0.4, 0.3], [0.6, 0.3], [0.9, 0.9], [0.1, 0.9]],
    "ground_m": [[0, 40], [8, 40], [8, 0], [0, 0]],
}


def test_the_four_points_are_where_they_are_said_to_be_and_a_camera_agrees() -> None:
    plane = GroundPlane(SpeedConfig.model_validate(TRAPEZE))
    assert plane.ground_m(np.array(TRAPEZE["picture"])) == pytest.approx(np.array(TRAPEZE["ground_m"]), abs=1e-9)
    # A pinhole camera 6 m above the road, tilted down by 20 degrees, looking along y.
    tilt = np.radians(20)

    def seen(ground):
        x, y = ground.T
        depth = y * np.cos(tilt) + 6 * np.sin(tilt)
        return np.stack([0.5 + x / depth, 0.5 + (6 * np.cos(tilt) - y * np.sin(tilt)) / depth], axis=1)

    corners = np.array([[-3.0, 12.0], [3.0, 12.0], [3.0, 40.0], [-3.0, 40.0]])
    config = SpeedConfig.model_construct(picture=seen(corners).tolist(), ground_m=corners.tolist())
    others = np.array([[0.0, 20.0], [-2.0, 30.0], [1.0, 60.0], [5.0, 9.0]])
    assert GroundPlane(config).ground_m(seen(others)) == pytest.approx(others, abs=1e-6)
    sky = GroundPlane(config).ground_m(np.array([[0.5, 0.05]]))
    assert np.isnan(sky).all(), "above the horizon there is no ground"


def drive(kmh: float, fps: float, *, noise_m: float = 0.0, drop: bool = False) -> float:
    """Return the last speed of a car that drives along the picture, 40 m wide and 20 m high."""
    speed = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}
    subject = analytics(speed=speed)
    rng = np.random.default_rng(1)
    last = float("nan")
    for index in range(round(2 * fps)):
        if drop and rng.random() < 0.6 and index % 10:
            continue
        x_m = 2 + kmh / 3.6 * index / fps + rng.normal(0, noise_m) if noise_m else 2 + kmh / 3.6 * index / fps
        analysis = subject.update(result([(1, x_m / 40, 0.5)], index=index, pts_s=index / fps))
        assert analysis is not None and analysis.speed_kmh is not None
        last = float(analysis.speed_kmh[0])
    return last


@pytest.mark.parametrize("fps", [5, 12.5, 30])
@pytest.mark.parametrize("drop", [False, True])
def test_a_steady_drive_has_its_speed_at_any_rate_and_with_frames_missing(fps: float, drop: bool) -> None:
    assert drive(50, fps, drop=drop) == pytest.approx(50, rel=1e-4)


def test_jitter_is_smoothed_away() -> None:
    assert drive(50, 25, noise_m=0.1) == pytest.approx(50, abs=3)


def test_speed_is_silent_until_it_is_known_and_for_those_without_identity() -> None:
    subject = analytics(speed=TRAPEZE)
    said = walk(subject, [[(1, 0.5, 0.5 + 0.01 * step), (None, 0.5, 0.7)] for step in range(12)])
    known = [np.isfinite(analysis.speed_kmh).tolist() for analysis in said if analysis.speed_kmh is not None]
    assert known[:5] == [[False, False]] * 5
    assert known[-1] == [True, False]


def test_speeding_is_told_once_each() -> None:
    plane = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}
    subject = analytics(speed={**plane, "limit_kmh": 40})
    said = walk(subject, [[(1, 0.05 + 0.035 * step, 0.3), (2, 0.05 + 0.02 * step, 0.7)] for step in range(20)])
    [told] = events(said)  # 50.4 and 28.8 km/h
    assert (told.kind, told.track_id, told.region) == ("speeding", 1, "ground")
    assert told.values == {"speed_kmh": pytest.approx(50.4, abs=0.2)}


def test_a_speed_stands_in_the_event_of_a_line() -> None:
    plane = {"picture": [[0, 0], [1, 0], [1, 1], [0, 1]], "ground_m": [[0, 0], [40, 0], [40, 20], [0, 20]]}
    subject = analytics(speed=plane, lines=[{"name": "gate", "points": [[0.5, 1], [0.5, 0]]}])
    [event] = events(walk(subject, [[(1, 0.05 + 0.035 * step, 0.3)] for step in range(20)]))
    assert event.values["speed_kmh"] == pytest.approx(50.4, abs=0.2)


def test_points_on_one_line_are_refused() -> None:
    flat = {**TRAPEZE, "picture": [[0.1, 0.1], [0.5, 0.5], [0.9, 0.9], [0.1, 0.9]]}
    with pytest.raises(ConfigError, match="three points of picture are on one line"):
        parse_analytics({"speed": flat}, origin="test")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf"), 1e8, 1e300])
@pytest.mark.parametrize("key", ["ground_m", "picture"])
def test_points_that_are_nowhere_are_refused(key: str, wrong: float) -> None:
    points = [[wrong, TRAPEZE[key][0][1]], *TRAPEZE[key][1:]]
    with pytest.raises(ConfigError, match=rf"speed\.{key}\.0\.0: give"):
        parse_analytics({"speed": {**TRAPEZE, key: points}}, origin="test")


@pytest.mark.parametrize(
    "section", [{"heat_map": {"half_life_s": float("inf")}}, {"speed": {**TRAPEZE, "limit_kmh": float("inf")}}]
)
def test_no_setting_is_infinite(section: dict) -> None:
    with pytest.raises(ConfigError, match="give a finite number"):
        parse_analytics(section, origin="test")


def test_positions_of_a_maps_grid_are_as_good_as_small_ones() -> None:
    grid = [[x + 512_345.0, y + 5_412_345.0] for x, y in TRAPEZE["ground_m"]]
    walked = [[(1, 0.5, 0.5 + 0.01 * step)] for step in range(20)]
    here, there = (walk(analytics(speed=plane), walked)[-1] for plane in (TRAPEZE, {**TRAPEZE, "ground_m": grid}))
    assert here.speed_kmh[0] == pytest.approx(there.speed_kmh[0], rel=1e-6)


def test_a_change_that_fails_changes_nothing() -> None:
    gate = {"name": "gate", "points": [[0.5, 1], [0.5, 0]]}
    subject = analytics(lines=[gate], speed=TRAPEZE)
    before = subject.config
    nowhere = SpeedConfig.model_construct(picture=TRAPEZE["picture"], ground_m=[[float("nan")] * 2] * 4, window_s=1.0)
    with pytest.raises(ConfigError, match="ground"):
        subject.apply(before.model_copy(update={"lines": (), "speed": nowhere}))
    assert subject.config is before
    walk(subject, [[(1, 0.3 + 0.1 * step, 0.6)] for step in range(5)])
    assert subject.report()["lines"]["gate"]["in"]["total"] == 1
