from dataclasses import replace

import numpy as np
import pytest

from streamvision.datasets.trip.spec import GpsNoise
from streamvision.geolocation.merging import merge
from streamvision.geolocation.placing import place_tracks
from streamvision.geolocation.records import KnownObject, Merged, Placement
from support.drawn_drive import MIXED, drawn_drive
from support.plain_road import START_S, PlainRoad

SIGNS = [(60.0, 4.0), (130.0, -7.0), (200.0, 4.0), (270.0, 5.0), (340.0, -8.0), (420.0, 4.0), (500.0, 4.0)]
DAY_S = 86_400.0


def passed(road: PlainRoad, *places: tuple[float, float]) -> Placement:
    """Return what a drive saw: the signs along the road and some more, whose tracks count from 1."""
    tracks = [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]
    tracks += [road.seen(1 + index, road.beside(*place)) for index, place in enumerate(places)]
    return place_tracks(tracks, road.way())


def ids(merged: Merged, placement: Placement) -> dict[int, int]:
    return dict(zip((row.track.track_id for row in placement.placed), merged.object_ids, strict=True))


@pytest.mark.parametrize("noise", [MIXED], ids=["mixed"])
def test_a_second_drive_sees_the_same_signs(noise: GpsNoise) -> None:
    drive = drawn_drive(11, seconds=60.0)
    first, second = (place_tracks(drive.tracks, drive.way(noise, seed)) for seed in (21, 22))
    known = merge([], first)
    assert len(known.objects) == len(first.placed)
    after = merge(known.objects, second)
    same = ids(known, first), ids(after, second)
    assert sum(same[1][number] == same[0][number] for number in same[0]) >= 0.95 * len(first.placed)


def test_more_drives_make_a_place_surer() -> None:
    objects: tuple[KnownObject, ...] = ()
    off: list[float] = []
    for day, error_m in enumerate([(3.0, 1.0), (-2.0, 2.0), (-1.0, -3.0)]):
        road = PlainRoad(start_s=START_S + day * DAY_S, error_m=error_m)
        objects = merge(objects, passed(road)).objects
        errors = [found.place.error_m for found in objects if found.place is not None]
        off.append(float(np.median(errors)))
    assert len(objects) == len(SIGNS)
    assert {found.times_seen for found in objects} == {3}
    assert off[2] < 0.75 * off[0]


def test_two_equal_signs_on_both_sides_of_the_road_stay_two() -> None:
    known = merge([], first := passed(PlainRoad(error_m=(2.0, 0.0)), (240.0, 3.0), (240.0, -4.0)))
    road = PlainRoad(start_s=START_S + DAY_S, error_m=(-2.0, 2.0))
    after = merge(known.objects, second := passed(road, (240.0, 3.0), (240.0, -4.0)))
    assert ids(after, second) == ids(known, first)
    assert len(after.objects) == len(known.objects)


def test_the_sign_on_the_other_side_of_the_road_is_another_one() -> None:
    known = merge([], first := passed(PlainRoad(), (240.0, 3.0)))
    after = merge(known.objects, second := passed(PlainRoad(start_s=START_S + DAY_S), (240.0, -5.0)))
    assert ids(after, second)[1] not in ids(known, first).values()


def test_a_sign_for_those_who_come_from_the_other_end_is_another_one() -> None:
    known = merge([], passed(PlainRoad(), (240.0, 3.0)))
    back = PlainRoad(start_s=START_S + DAY_S, backwards=True)
    after = merge(known.objects, seen := place_tracks([back.seen(1, back.beside(240.0, 3.0))], back.way()))
    assert seen.placed[0].place is not None
    assert len(after.objects) == len(known.objects) + 1


def test_another_class_or_another_text_is_another_object() -> None:
    first = passed(PlainRoad(), (240.0, 3.0))
    for name, text in (("crosswalk", "50"), ("stop", "30")):
        rows = [replace(row, track=replace(row.track, text="50")) for row in first.placed if row.track.track_id == 1]
        other = [replace(row, track=replace(row.track, class_name=name, text=text)) for row in rows]
        known = merge([], replace(first, placed=tuple(rows)))
        assert len(merge(known.objects, replace(first, placed=tuple(other))).objects) == 2
        unread = [replace(row, track=replace(row.track, text=None)) for row in rows]
        assert len(merge(known.objects, replace(first, placed=tuple(unread))).objects) == 1


def test_numbers_stay_and_what_is_gone_is_there_again_when_it_is_seen() -> None:
    first = passed(PlainRoad(), (240.0, 3.0))
    known = merge([], first)
    gone = [replace(found, misses=3, gone=True) for found in known.objects]
    after = merge(gone, first)
    assert after.object_ids == known.object_ids
    assert all(not found.gone and found.misses == 0 for found in after.objects)


def test_an_object_without_a_place_is_found_again_by_the_ray_on_which_it_lies() -> None:
    road = PlainRoad()
    at = road.beside(330.0, 2.0)
    tracks = [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]
    far = place_tracks([*tracks, road.seen(1, at, name="crosswalk", from_m=400, between_s=(8.0, 9.0))], road.way())
    known = merge([], far)
    number = ids(known, far)[1]
    assert known.objects[number - 1].place is None
    near = place_tracks([*tracks, road.seen(1, at, name="crosswalk")], road.way())
    after = merge(known.objects, near)
    assert ids(after, near)[1] == number
    assert after.objects[number - 1].place is not None


@pytest.mark.parametrize("scores", [(0.3, 0.9), (0.9, 0.3)], ids=["then proven", "proven before"])
def test_what_one_drive_does_not_prove_counts_where_another_one_has_proven_it(scores: tuple[float, float]) -> None:
    known: tuple[KnownObject, ...] = ()
    numbers = []
    for day, score in enumerate(scores):
        road = PlainRoad(start_s=START_S + day * DAY_S, error_m=(1.0 - 2 * day, 1.0))
        tracks = [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]
        seen = place_tracks([*tracks, road.seen(1, road.beside(240.0, 3.0), score=score)], road.way())
        merged = merge(known, seen)
        rows = (*seen.placed, *seen.candidates)
        ids_of = dict(zip(rows, (*merged.object_ids, *merged.candidate_ids), strict=True))
        numbers += [number for row, number in ids_of.items() if row.track.track_id == 1]
        known = merged.objects
    assert len(known) == len(SIGNS) + 1
    assert numbers[0] == numbers[1]
    assert all(found.is_proven and found.times_seen == 2 for found in known)


def test_what_no_drive_proves_stays_a_candidate_and_is_forgotten() -> None:
    known: tuple[KnownObject, ...] = ()
    for day in range(2):
        road = PlainRoad(start_s=START_S + day * DAY_S)
        tracks = [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]
        seen = place_tracks([*tracks, road.seen(1, road.beside(240.0, 3.0), score=0.3)], road.way())
        known = merge(known, seen).objects
        assert sum(found.is_proven for found in known) == len(SIGNS)
    passed_by = [found if found.is_proven else replace(found, misses=2) for found in known]
    assert len(merge(passed_by, Placement((), (), None)).objects) == len(SIGNS)


def test_nothing_and_nothing_known() -> None:
    nothing = Placement((), (), None)
    known = KnownObject(7, "stop", None, None)
    assert merge([], nothing).objects == ()
    assert merge([known], nothing).objects == (known,)
