from dataclasses import replace

import numpy as np
import pytest

from streamvision.core.position import Fix
from streamvision.gps.earth import distance_between_m, metres_per_degree, moved, offset_m
from streamvision.gps.track import GpsTrack

BEGIN_S = 1_700_000_000.0
HOME_DEG = (52.0, 13.0)
Way = tuple[np.ndarray, np.ndarray]


def straight(seconds: int, *, speed_m_s: float = 10.0, home_deg: tuple[float, float] = HOME_DEG) -> list[Fix]:
    """Return a fix a second on a way to the north-east."""
    along = speed_m_s / 2**0.5
    return [
        Fix(*moved(*home_deg, along * second, along * second), BEGIN_S + second, 30.0 + second, speed_m_s, 45.0)
        for second in range(seconds)
    ]


def times_s(track: GpsTrack) -> list[float]:
    return [fix.unix_s - BEGIN_S for fix in track.fixes if fix.unix_s is not None]


def winding(seconds: int, step_s: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return times (N,), places (N, 2) in metres, speeds and courses (radians) of a way with bends."""
    fine = np.arange(int(seconds / step_s) * 20) * step_s / 20
    speed = 12 + 4 * np.sin(fine / 17)
    course = 0.6 * np.sin(fine / 23) + 0.3 * np.sin(fine / 7) + np.pi / 2 / (1 + np.exp(-(fine - 60) / 1.5))
    velocity = speed[:, None] * np.stack([np.sin(course), np.cos(course)], axis=1)
    place = np.cumsum(velocity, axis=0) * step_s / 20
    return fine[::20], place[::20], speed[::20], course[::20]


def noisy(
    seed: int,
    *,
    white_m: float,
    common_m: float = 0.0,
    wander_m: np.ndarray | float = 0.0,
    told: bool = True,
    unit: float = 1,
) -> tuple[GpsTrack, Way]:
    """Return the track of a receiver with errors new at each fix, common to all, and as given, and its true way."""
    rng = np.random.default_rng(seed)
    time_s, place, speed, course = winding(180)
    said = place + rng.normal(0, white_m, place.shape) + rng.normal(0, common_m, 2) + wander_m
    speed = np.maximum(speed + rng.normal(0, 0.2, speed.shape), 0) * unit
    course_deg = np.rad2deg(course + rng.normal(0, 0.025, course.shape)) % 360
    fixes = [
        Fix(
            *moved(*HOME_DEG, *said[at]),
            BEGIN_S + time_s[at],
            speed_m_s=speed[at] if told else None,
            course_deg=course_deg[at] if told else None,
        )
        for at in range(len(time_s))
    ]
    return GpsTrack(fixes, "container"), (time_s, place)


def error_m(track: GpsTrack, way: Way) -> float:
    """Return the root mean square error in one direction, at the fixes and between them."""
    off = []
    for moment in np.arange(way[0][0], way[0][-1], 0.25):
        position = track.at(BEGIN_S + moment)
        assert position is not None
        here = offset_m(position.latitude_deg, position.longitude_deg, from_deg=HOME_DEG)
        off.append(np.subtract(here, [np.interp(moment, way[0], way[1][:, axis]) for axis in (0, 1)]))
    return float(np.sqrt(np.mean(np.square(off))))


def test_place_speed_course_and_altitude_between_fixes() -> None:
    position = GpsTrack(straight(60), "side_file").at(BEGIN_S + 10.25)
    assert position is not None
    east_m, north_m = offset_m(position.latitude_deg, position.longitude_deg, from_deg=HOME_DEG)
    assert (east_m, north_m) == pytest.approx((10.25 * 10 / 2**0.5,) * 2, abs=0.01)
    assert (position.speed_m_s, position.course_deg) == pytest.approx((10, 45), abs=0.01)
    assert position.altitude_m == pytest.approx(40.25)
    assert position.source == "side_file"


def test_the_way_between_fixes_is_bent_as_the_courses_say() -> None:
    """A quarter of a circle with a radius of 10 m in one second steps: the chord is off by 1.2 m in its middle."""
    angles = np.arange(0, np.pi / 2 + 0.01, 1.0)
    fixes = [
        Fix(*moved(*HOME_DEG, 10 - 10 * np.cos(a), 10 * np.sin(a)), BEGIN_S + a, None, 10.0, float(np.rad2deg(a)))
        for a in angles
    ]
    position = GpsTrack(fixes, "container").at(BEGIN_S + 0.5)
    assert position is not None
    here = offset_m(position.latitude_deg, position.longitude_deg, from_deg=HOME_DEG)
    assert here == pytest.approx((10 - 10 * np.cos(0.5), 10 * np.sin(0.5)), abs=0.1)


def test_the_way_is_straight_where_courses_are_wrong() -> None:
    fixes = [Fix(*moved(*HOME_DEG, 20.0 * second, 0.0), BEGIN_S + second, None, 20.0, 0.0) for second in range(5)]
    position = GpsTrack(fixes, "container").at(BEGIN_S + 2.25)
    assert position is not None
    here = offset_m(position.latitude_deg, position.longitude_deg, from_deg=HOME_DEG)
    assert here == pytest.approx((45.0, 0.0), abs=0.01)


def test_nothing_is_told_far_beyond_the_ends_and_in_long_holes() -> None:
    fixes = straight(400)
    track = GpsTrack([*fixes[:100], *fixes[300:]], "container")
    for moment in (-3.5, 402.5, 110, 200, 290):
        assert track.at(BEGIN_S + moment) is None
    for moment in (-2.5, 401.5, 101.5, 297.5):
        position = track.at(BEGIN_S + moment)
        assert position is not None
        here = offset_m(position.latitude_deg, position.longitude_deg, from_deg=HOME_DEG)
        assert here == pytest.approx((moment * 10 / 2**0.5,) * 2, abs=1.0)
    assert GpsTrack([], "container").at(BEGIN_S) is None


def test_in_a_tunnel_the_error_grows_towards_its_middle() -> None:
    fixes = straight(200)
    track = GpsTrack([*fixes[:50], *fixes[150:]], "container")
    errors_m = [position.error_m for second in (49, 55, 75, 99, 125, 150) if (position := track.at(BEGIN_S + second))]
    assert errors_m[0] == errors_m[-1] == pytest.approx(3.0)
    assert errors_m[0] < errors_m[1] < errors_m[2] < errors_m[3]
    assert errors_m[2] == pytest.approx(errors_m[4], rel=0.1)
    assert 20 < errors_m[3] < 100


@pytest.mark.parametrize("home_deg", [(-33.9, 151.2), (40.7, -74.0), (-22.9, -43.2), (-16.5, 179.9999), (69.6, 18.9)])
def test_everywhere_on_earth(home_deg: tuple[float, float]) -> None:
    track = GpsTrack(straight(60, home_deg=home_deg), "container")
    assert len(track) == 60
    for way in (track, track.smoothed()):
        position = way.at(BEGIN_S + 30.5)
        assert position is not None
        here = offset_m(position.latitude_deg, position.longitude_deg, from_deg=home_deg)
        assert here == pytest.approx((30.5 * 10 / 2**0.5,) * 2, abs=0.1)
    assert track.distance_m == pytest.approx(590, abs=1)


def test_length_of_a_degree() -> None:
    """By the tables of the National Geospatial-Intelligence Agency for WGS 84."""
    assert metres_per_degree(0) == pytest.approx((110_574.3, 111_319.5), abs=0.5)
    assert metres_per_degree(45) == pytest.approx((111_132.0, 78_846.8), abs=0.5)


def test_rows_without_time_or_place_and_times_that_do_not_go_on_are_left_out() -> None:
    good = straight(20)
    nowhere = Fix(0.0, 0.0, BEGIN_S + 4.5)
    timeless = replace(good[3], unix_s=None)
    odd = [replace(good[3], unix_s=value) for value in (float("nan"), float("inf"))]
    track = GpsTrack([*good[:5], nowhere, timeless, *odd, good[2], good[4], *good[5:]], "container")
    assert track.fixes == tuple(good)


def test_one_wrong_time_takes_no_others_with_it() -> None:
    good = straight(60)
    for wrong_s in (BEGIN_S + 1e8, BEGIN_S - 1e8, 0.0):
        track = GpsTrack([*good[:30], replace(good[30], unix_s=wrong_s), *good[31:]], "container")
        assert times_s(track) == [second for second in range(60) if second != 30]


def test_fix_of_the_drive_before_at_the_beginning_is_left_out() -> None:
    good = straight(30)
    for ago_s, times in ((600.0, 1), (5.0, 4)):
        stale = replace(good[0], unix_s=BEGIN_S - ago_s, speed_m_s=0.0)
        assert GpsTrack([*[stale] * times, *good], "container").fixes == tuple(good)


def test_a_copy_of_a_clip_adds_no_fixes() -> None:
    good = straight(120)
    assert GpsTrack([*good[:60], *good[30:90], *good[60:]], "container").fixes == tuple(good)


def test_jumps_are_left_out_wherever_they_are() -> None:
    good = straight(60)
    away = [replace(fix, latitude_deg=fix.latitude_deg + 0.5) for fix in good]
    for begin, end in ((0, 5), (20, 21), (20, 40), (55, 60)):
        track = GpsTrack([*good[:begin], *away[begin:end], *good[end:]], "container")
        assert times_s(track) == [second for second in range(60) if not begin <= second < end]


def test_a_place_that_stays_while_the_receiver_says_that_it_moves_is_left_out() -> None:
    good = straight(20)
    frozen = [replace(good[9], unix_s=fix.unix_s) for fix in good[10:15]]
    assert times_s(GpsTrack([*good[:10], *frozen, *good[15:]], "container")) == [*range(10), *range(15, 20)]
    standing = [replace(good[0], unix_s=BEGIN_S + second, speed_m_s=0.0) for second in range(20)]
    assert len(GpsTrack(standing, "container")) == 20


def test_smoothing_of_places_that_scatter() -> None:
    for seed in range(3):
        track, way = noisy(seed, white_m=3.0)
        smooth = track.smoothed()
        assert len(smooth) == len(track)
        assert error_m(track, way) > 2
        assert error_m(smooth, way) < 1
        assert np.median(smooth.errors_m) < 1.5
        length_m = float(np.hypot(*np.diff(way[1], axis=0).T).sum())
        assert track.distance_m == pytest.approx(length_m, rel=0.01)


def test_smoothing_without_speeds() -> None:
    track, way = noisy(1, white_m=3.0, told=False)
    smooth = track.smoothed()
    assert error_m(smooth, way) < 1.6
    course_deg = smooth.rows()[5:-5, 5]
    off_deg = (course_deg - np.rad2deg(winding(180)[3])[5:-5] + 180) % 360 - 180
    assert np.median(np.abs(off_deg)) < 3


def test_smoothing_does_not_believe_speeds_of_another_unit() -> None:
    right, way = noisy(2, white_m=3.0, told=False)
    knots, _ = noisy(2, white_m=3.0, unit=1.852)
    assert error_m(knots.smoothed(), way) < 1.6
    assert knots.distance_m == pytest.approx(right.distance_m, rel=0.02)


def test_an_error_that_all_places_have_in_common_stays_said() -> None:
    track, _ = noisy(3, white_m=0.1, common_m=3.0)
    assert 2.3 < np.median(track.smoothed().errors_m) < 3.1


def test_of_an_error_that_wanders_for_a_minute_velocities_tell_a_part() -> None:
    off_m, smooth_m, said_m = [], [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        wander_m = np.zeros((180, 2))
        wander_m[0] = rng.normal(0, 2.6, 2)
        keeps = np.exp(-1 / 60)
        for at in range(1, 180):
            wander_m[at] = keeps * wander_m[at - 1] + rng.normal(0, 2.6 * (1 - keeps**2) ** 0.5, 2)
        track, way = noisy(seed, white_m=1.5, wander_m=wander_m)
        off_m.append(error_m(track, way))
        smooth_m.append(error_m(track.smoothed(), way))
        said_m.append(np.median(track.smoothed().errors_m))
    assert np.mean(smooth_m) < 0.8 * np.mean(off_m)
    assert np.mean(said_m) == pytest.approx(np.mean(smooth_m), rel=0.4)


def test_smoothing_bends_an_outlier_back() -> None:
    track, _ = noisy(4, white_m=1.0)
    fixes = list(track.fixes)
    fixes[90] = replace(fixes[90], latitude_deg=fixes[90].latitude_deg + 25 / 111_000)
    smooth = GpsTrack(fixes, "container").smoothed()
    assert distance_between_m(smooth.fixes[90], track.fixes[90]) < 4


def test_standing_has_no_course_and_no_way() -> None:
    rng = np.random.default_rng(5)
    fixes = [
        Fix(
            *moved(*HOME_DEG, *rng.normal(0, 2, 2)),
            BEGIN_S + second,
            None,
            abs(rng.normal(0, 0.1)),
            rng.uniform(0, 360),
        )
        for second in range(120)
    ]
    track = GpsTrack(fixes, "container")
    position = track.smoothed().at(BEGIN_S + 60.5)
    assert position is not None
    assert position.course_deg is None
    assert track.distance_m < 30


def test_rows_and_a_part() -> None:
    track = GpsTrack([replace(fix, altitude_m=None) for fix in straight(10)], "container")
    assert track.rows().shape == (10, 6)
    assert track.rows()[3, [0, 4, 5]].tolist() == [BEGIN_S + 3, 10, 45]
    assert np.isnan(track.rows()[:, 3]).all()
    assert GpsTrack([], "container").rows().shape == (0, 6)
    part = track.between(BEGIN_S + 2, BEGIN_S + 5)
    assert (part.begin_unix_s, part.end_unix_s, len(part)) == (BEGIN_S + 2, BEGIN_S + 5, 4)
    assert track.between(BEGIN_S + 2.5, BEGIN_S + 2.6).begin_unix_s is None


def test_two_fixes_and_one_and_none_are_smoothed() -> None:
    for many in (0, 1, 2, 3):
        assert len(GpsTrack(straight(many), "container").smoothed()) == many
        assert GpsTrack(straight(many), "container").distance_m == pytest.approx(max(many - 1, 0) * 10, abs=0.5)


def test_random_rows_take_bounded_time() -> None:
    rng = np.random.default_rng(6)
    fixes = [Fix(rng.uniform(-90, 90), rng.uniform(-180, 180), BEGIN_S + second / 10) for second in range(5_000)]
    track = GpsTrack(fixes, "container")
    assert len(track) < 1_000
    assert np.isfinite(track.distance_m)
