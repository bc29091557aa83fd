import functools
from dataclasses import replace

import pytest

from streamvision.geolocation.absence import absent, sun_height_deg
from streamvision.geolocation.merging import merge
from streamvision.geolocation.placing import place_tracks
from streamvision.geolocation.records import KnownObject, Placement
from streamvision.gps.track import GpsTrack
from support.plain_road import START_S, PlainRoad

SIGNS = [(60.0, 4.0), (130.0, -7.0), (200.0, 4.0), (270.0, 5.0), (340.0, -8.0), (420.0, 4.0), (500.0, 4.0)]
DAY_S = 86_400.0
REMOVED = 3


@functools.cache
def seen(without: tuple[int, ...]) -> Placement:
    """Return what a drive along the road saw."""
    road = PlainRoad()
    tracks = [road.seen(i, road.beside(*at)) for i, at in enumerate(SIGNS) if i not in without]
    return place_tracks(tracks, road.way())


def drive(
    objects: tuple[KnownObject, ...],
    day: float,
    *,
    without: tuple[int, ...] = (),
    looked: bool = True,
    way: GpsTrack | None = None,
) -> tuple[KnownObject, ...]:
    """Drive the road once more and return what is known then; signs of some numbers (from 0) are no longer there."""
    placement, road = seen(without), PlainRoad(start_s=START_S + day * DAY_S)
    merged = merge(objects, placement)
    looked_s = START_S + day * DAY_S + road.time_s if looked else road.time_s[:0]
    return absent(
        merged.objects, seen=merged.object_ids, way=way or road.way(), camera=placement.camera, looked_unix_s=looked_s
    )


def gone(objects: tuple[KnownObject, ...]) -> list[int]:
    return [found.id for found in objects if found.gone]


def test_a_sign_is_gone_when_several_drives_miss_it_and_not_before() -> None:
    objects = drive(drive((), 0), 1)
    removed = objects[REMOVED].id
    said = []
    for day in (2, 3, 4):
        objects = drive(objects, day, without=(REMOVED,))
        said.append(gone(objects))
    assert said == [[], [], [removed]]
    assert gone(drive(objects, 5)) == []


def test_one_miss_between_others_is_forgotten() -> None:
    objects = drive((), 0)
    for day in range(1, 7):
        objects = drive(objects, day, without=(REMOVED,) if day % 3 else ())
    assert gone(objects) == []
    assert objects[REMOVED].misses == 0 and objects[REMOVED].times_passed == 7


def test_nothing_is_missed_at_night() -> None:
    assert drive(drive((), 0), 1.5, without=(REMOVED,))[REMOVED].misses == 0


def test_a_drive_that_saw_hardly_anything_misses_nothing() -> None:
    objects = drive(drive((), 0), 1, without=(1, 2, 3, 4, 5))
    assert all(found.misses == 0 for found in objects)


def test_what_nobody_looked_at_is_not_missed() -> None:
    objects = drive((), 0)
    elsewhere = PlainRoad(start_s=START_S + DAY_S, error_m=(5000.0, 0.0)).way()
    assert all(found.misses == 0 for found in drive(objects, 1, without=(REMOVED,), looked=False))
    assert all(found.misses == 0 for found in drive(objects, 1, without=(REMOVED,), way=elsewhere))
    nothing = Placement((), (), None)
    unmissed = absent(objects, seen=(), way=elsewhere, camera=nothing.camera, looked_unix_s=PlainRoad().time_s)
    assert unmissed == objects


def test_a_sign_that_was_often_overlooked_needs_more_misses() -> None:
    objects = drive((), 0)
    shy = tuple(replace(found, times_seen=3, times_passed=8) for found in objects)
    for day in (1, 2, 3):
        shy = drive(shy, day, without=(REMOVED,))
    assert shy[REMOVED].misses == 3 and gone(shy) == []
    for day in (4, 5, 6, 7):
        shy = drive(shy, day, without=(REMOVED,))
    assert gone(shy) == [shy[REMOVED].id]


@pytest.mark.parametrize(
    ("unix_s", "place_deg", "height_deg"),
    [
        (1782040500.0, (48.2, 11.6), 65.2),  # 2026-06-21 11:15 UTC
        (1797851400.0, (48.2, 11.6), 18.4),  # 2026-12-21 11:10 UTC
        (1782000000.0, (48.2, 11.6), -17.7),  # 2026-06-21 00:00 UTC
        (1774008420.0, (0.0, 0.0), 90.0),  # the equinox, noon
    ],
)
def test_height_of_the_sun(unix_s: float, place_deg: tuple[float, float], height_deg: float) -> None:
    assert sun_height_deg(unix_s, *place_deg) == pytest.approx(height_deg, abs=1.0)
