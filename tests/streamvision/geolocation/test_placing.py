from dataclasses import replace

import numpy as np
import pytest

from streamvision.core.position import Fix
from streamvision.datasets.trip.spec import GpsNoise
from streamvision.geolocation import joining
from streamvision.geolocation.placing import place_tracks
from streamvision.geolocation.records import PlacedTrack, TrackBoxes
from streamvision.gps.earth import offset_m
from streamvision.gps.track import GpsTrack
from support.drawn_drive import CORRELATED, FOCAL_PX, HORIZON_PX, INDEPENDENT, MIXED, drawn_drive
from support.plain_road import HOME_DEG, PlainRoad

SEED = 11
SIGNS = [(60.0, 4.0), (130.0, -7.0), (200.0, 4.0), (270.0, 5.0), (340.0, -8.0), (420.0, 4.0), (500.0, 4.0)]


def place_m(row: PlacedTrack) -> tuple[float, float]:
    assert row.place is not None
    return offset_m(row.place.latitude_deg, row.place.longitude_deg, from_deg=HOME_DEG)


def off_m(row: PlacedTrack, true_m: tuple[float, float]) -> float:
    return float(np.hypot(*np.subtract(place_m(row), true_m)))


def row_of(rows: tuple[PlacedTrack, ...], number: int) -> PlacedTrack:
    return next(row for row in rows if number in {part.track_id for part in row.parts})


def signs(road: PlainRoad) -> list[TrackBoxes]:
    """Return what is seen of signs along the road: enough to know the camera by."""
    return [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]


@pytest.mark.parametrize("noise", [CORRELATED, MIXED], ids=["correlated", "mixed"])
def test_signs_of_the_drive_are_one_row_each_where_they_stand(noise: GpsNoise) -> None:
    drive = drawn_drive(SEED)
    placement = place_tracks(drive.tracks, drive.way(noise, SEED))
    assert sorted(row.track.track_id for row in placement.placed) == sorted(t.track_id for t in drive.tracks)
    off = [drive.off_m(row) for row in placement.placed if row.place]
    assert len(off) >= 0.9 * len(drive.tracks)
    assert np.median(off) < 9 if noise is CORRELATED else np.median(off) < 5
    assert np.quantile(off, 0.9) < 12


def test_signs_tell_the_camera() -> None:
    drive = drawn_drive(SEED)
    camera = place_tracks(drive.tracks, drive.way(INDEPENDENT, SEED)).camera
    assert camera is not None
    assert camera.focal_px.value == pytest.approx(FOCAL_PX, rel=0.08)
    assert camera.horizon_px.value == pytest.approx(HORIZON_PX, abs=8)
    assert abs(camera.yaw_deg.value) < 1
    assert abs(camera.delay_s.value) < 0.4


def test_errors_are_as_large_as_is_said() -> None:
    drive = drawn_drive(SEED)
    normalised = []
    for seed in (3, 5):
        for row in place_tracks(drive.tracks, drive.way(CORRELATED, seed)).placed:
            if row.place is not None:
                east, both, north = row.place.covariance_m2
                error = np.array(drive.error_m(row.place, row.track.track_id))
                normalised.append(error @ np.linalg.inv([[east, both], [both, north]]) @ error)
    assert 0.1 < np.mean(normalised) / 2 < 3  # two degrees of freedom; errors of one drive have nearly all in common


@pytest.mark.parametrize(("yaw_deg", "delay_s"), [(0.0, 0.0), (4.0, 0.0), (0.0, 0.4), (-3.0, -0.4)])
def test_a_camera_that_looks_aside_and_a_receiver_that_is_late_are_found_out(yaw_deg: float, delay_s: float) -> None:
    road = PlainRoad(yaw_deg=yaw_deg, delay_s=delay_s)
    placement = place_tracks(signs(road), road.way())
    assert placement.camera is not None
    assert placement.camera.yaw_deg.value == pytest.approx(yaw_deg, abs=0.7)
    assert placement.camera.delay_s.value == pytest.approx(delay_s, abs=0.2)
    assert placement.camera.focal_px.value == pytest.approx(900, rel=0.07)
    assert max(off_m(row_of(placement.placed, 100 + i), road.beside(*at)) for i, at in enumerate(SIGNS)) < 4


def test_a_field_of_view_that_is_known_is_kept_to() -> None:
    road = PlainRoad(12.0)
    track = road.seen(1, road.beside(60.0, 4.0))
    field_of_view_deg = 2 * np.degrees(np.arctan(640 / 900))
    camera = place_tracks([track], road.way(), field_of_view_deg=float(field_of_view_deg)).camera
    assert camera is not None and camera.focal_px.value == pytest.approx(900, rel=0.03)


def test_a_place_says_where_it_is_beside_the_way() -> None:
    road = PlainRoad()
    rows = place_tracks(signs(road), road.way()).placed
    for index, (_, right_m) in enumerate(SIGNS):
        place = row_of(rows, 100 + index).place
        assert place is not None and place.side_m == pytest.approx(right_m, abs=1.5)
        assert place.rise_m == pytest.approx(1.2, abs=0.5)


def test_identities_that_broke_are_one_row() -> None:
    road = PlainRoad()
    at = road.beside(240.0, 4.0)
    whole = road.seen(1, at)
    seen_s = whole.time_unix_s - whole.time_unix_s[0]
    parts = []
    for number, (begin_s, end_s) in enumerate([(0.0, 1.5), (1.9, 3.5), (4.2, 99.0)], 1):
        kept = (seen_s >= begin_s) & (seen_s <= end_s)
        columns = {name: getattr(whole, name)[kept] for name in ("time_unix_s", "box_xyxy_px", "score")}
        parts.append(replace(whole, track_id=number, **columns))
    rows = place_tracks([*signs(road), *parts], road.way()).placed
    assert len(rows) == len(SIGNS) + 1
    row = row_of(rows, 1)
    assert {part.track_id for part in row.parts} == {1, 2, 3}
    assert len(row.track.score) == sum(len(part.score) for part in parts)
    assert off_m(row, at) < 2


@pytest.mark.parametrize("apart_m", [6.0, 8.0])
def test_equal_signs_on_both_sides_of_the_road_are_two(apart_m: float) -> None:
    road = PlainRoad()
    right, left = road.beside(240.0, 3.0), road.beside(240.0, 3.0 - apart_m)
    rows = place_tracks([*signs(road), road.seen(1, right), road.seen(2, left)], road.way()).placed
    assert off_m(row_of(rows, 1), right) < 2
    assert off_m(row_of(rows, 2), left) < 2
    assert len(row_of(rows, 1).parts) == len(row_of(rows, 2).parts) == 1


def test_equal_signs_that_are_never_seen_in_one_frame_are_two() -> None:
    road = PlainRoad()
    right, left = road.beside(240.0, 3.0), road.beside(240.0, -4.0)
    first = road.seen(1, right, from_m=60)
    middle_s = float(np.median(first.time_unix_s)) - 1_782_032_400.0
    tracks = [road.seen(1, right, between_s=(0, middle_s)), road.seen(2, left, between_s=(middle_s + 0.2, 999))]
    rows = place_tracks([*signs(road), *tracks], road.way()).placed
    assert len(row_of(rows, 1).parts) == len(row_of(rows, 2).parts) == 1


def test_one_object_under_two_names_is_one_row() -> None:
    road = PlainRoad()
    sign = road.seen(1, road.beside(240.0, 4.0))
    doubtful = road.seen(1, road.beside(240.0, 4.0), name="speedlimit", score=0.5, from_m=30)
    placement = place_tracks([*signs(road), sign, replace(doubtful, track_id=2)], road.way())
    assert len(placement.placed) == len(SIGNS) + 1
    assert row_of(placement.placed, 1).track.class_name == "stop"
    assert [row.track.track_id for row in placement.left_out] == [2]
    assert placement.left_out[0].reason == "its boxes are those of the stop 1"


def test_what_was_seen_for_a_moment_is_left_out_and_what_never_surely_waits_for_another_drive() -> None:
    road = PlainRoad()
    moment = road.seen(1, road.beside(240.0, 12.0), between_s=(15.0, 15.15))
    unsure = road.seen(2, road.beside(380.0, 12.0), score=0.3)
    placement = place_tracks([*signs(road), moment, unsure], road.way())
    assert len(placement.placed) == len(SIGNS)
    assert {row.track.track_id: row.reason for row in placement.left_out} == {1: "it was seen for 0.1 s only"}
    assert {row.track.track_id: row.reason for row in placement.candidates} == {2: "its score never got far above 0.30"}


def test_what_drives_ahead_has_no_place() -> None:
    road = PlainRoad()
    ahead = np.stack([np.sin(road.heading_rad), np.cos(road.heading_rad)], axis=1)
    led = road.position_m + 20 * ahead + np.random.default_rng(1).normal(0, 0.3, road.position_m.shape)
    placement = place_tracks([*signs(road), road.seen(1, lambda _: led)], road.way())
    assert 1 not in {row.track.track_id for row in placement.placed if row.place is not None}


def test_what_was_seen_from_afar_only_has_no_place() -> None:
    road = PlainRoad(70.0)
    far = road.seen(1, road.beside(330.0, 2.0), from_m=400, between_s=(8.0, 9.0))
    row = row_of(place_tracks([*signs(road), far], road.way()).placed, 1)
    assert row.place is None
    assert row.reason == "it was seen from too far away, or too shortly, to be placed"
    assert row.rough_place is not None and row.rough_place.error_m > 10


def test_what_is_seen_badly_is_placed_by_the_size_of_its_kind() -> None:
    road = PlainRoad(70.0)
    at = road.beside(330.0, 2.0)
    far = road.seen(1, at, from_m=120, between_s=(20.0, 21.5))
    rows = place_tracks([*signs(road), far, *(replace(s, class_name="crosswalk") for s in signs(road)[:2])], road.way())
    place = row_of(rows.placed, 1).place
    assert place is not None and off_m(row_of(rows.placed, 1), at) < 15
    alone = row_of(place_tracks([*signs(road), replace(far, class_name="crosswalk")], road.way()).placed, 1)
    assert alone.place is None or alone.place.error_m > 1.3 * place.error_m


def test_a_sign_that_is_passed_twice_in_a_drive_is_one_row() -> None:
    first, second = PlainRoad(), PlainRoad(start_s=1_782_032_400.0 + 600, error_m=(3.0, -2.0))
    again = [replace(track, track_id=track.track_id + 100) for track in signs(second)]
    fixes = [*first.way().fixes, *second.way().fixes]
    way = GpsTrack([replace(fix, error_m=3.0) for fix in fixes], "container")
    rows = place_tracks([*signs(first), *again], way).placed
    assert len(rows) == len(SIGNS)
    assert all({part.track_id % 100 for part in row.parts} == {row.track.track_id % 100} for row in rows)


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_a_long_drive_that_is_compared_in_parts_has_the_same_rows(
    monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    first, second = PlainRoad(), PlainRoad(start_s=1_782_032_400.0 + 600)
    broken = [replace(track, track_id=track.track_id + 100) for track in signs(second)]
    for number, track in enumerate(signs(first)):
        for part, kept in enumerate((slice(None, 20), slice(20, None))):
            columns = {name: getattr(track, name)[kept] for name in ("time_unix_s", "box_xyxy_px", "score")}
            broken.append(replace(track, track_id=number + 10 * part, **columns))
    way = GpsTrack([replace(fix, error_m=3.0) for fix in (*first.way().fixes, *second.way().fixes)], "container")
    whole = place_tracks(broken, way).placed
    monkeypatch.setattr(joining, "_AT_A_TIME", at_a_time)
    parted = place_tracks(broken, way).placed
    assert [{part.track_id for part in row.parts} for row in parted] == [
        {part.track_id for part in row.parts} for row in whole
    ]
    assert any(len(row.parts) > 2 for row in whole)
    for one, other in zip(parted, whole, strict=True):
        assert place_m(one) == pytest.approx(place_m(other), abs=0.01)


def test_boxes_that_are_all_cut_by_the_edge_have_no_place() -> None:
    road = PlainRoad()
    whole = road.seen(1, road.beside(240.0, 4.0))
    cut = replace(whole, box_xyxy_px=np.tile([0.0, 0.0, 1280.0, 720.0], (len(whole.score), 1)))
    for tracks in ([cut], [*signs(road), cut]):
        row = row_of(place_tracks(tracks, road.way()).placed, 1)
        assert row.place is None


def test_without_positions_there_are_rows_without_places() -> None:
    road = PlainRoad(20.0)
    track = road.seen(1, road.beside(60.0, 4.0))
    for way in (GpsTrack([], "nmea"), GpsTrack([Fix(48.2, 11.6, 1_782_032_400.0)], "nmea")):
        placement = place_tracks([track], way)
        assert [row.reason for row in placement.placed] == ["no position is known while it was seen"]
        assert placement.camera is None


def test_nothing_gives_nothing() -> None:
    placement = place_tracks([], PlainRoad(5.0).way())
    assert placement.placed == placement.left_out == ()
