"""Boxes without an identity, put together by the place that they would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamvision.geolocation.gathering import LooseBoxes
from streamvision.geolocation.placing import FAR, SHADOW, gathered_tracks, place_tracks
from streamvision.geolocation.records import TrackBoxes
from support.plain_road import PICTURE_PX, PlainRoad

SIGNS = [(float(at), 4.0 if at % 60 else -7.0) for at in range(60, 600, 30)]
"""So many that the camera is well known."""


def signs(road: PlainRoad) -> list[TrackBoxes]:
    return [road.seen(100 + index, road.beside(*place)) for index, place in enumerate(SIGNS)]


def every(step: int, track: TrackBoxes, *, from_box: int = 0, to_box: int | None = None) -> TrackBoxes:
    """Return a track of which a detector found one box of so many."""
    rows = slice(from_box, to_box, step)
    return replace(
        track, time_unix_s=track.time_unix_s[rows], box_xyxy_px=track.box_xyxy_px[rows], score=track.score[rows]
    )


def loose(*tracks: TrackBoxes) -> tuple[LooseBoxes, np.ndarray]:
    """Return the boxes of tracks in the order of time, all of one class, and the track of each."""
    time_s, box, score = (
        np.concatenate([getattr(one, name) for one in tracks]) for name in ("time_unix_s", "box_xyxy_px", "score")
    )
    of = np.repeat([one.track_id for one in tracks], [len(one.score) for one in tracks])
    order = np.lexsort((of, time_s))
    boxes = LooseBoxes(time_s[order], box[order], score[order], np.zeros(len(order), np.int32), PICTURE_PX)
    return boxes, of[order]


def as_track(number: int, boxes: LooseBoxes, rows: np.ndarray, name: str = "light") -> TrackBoxes:
    return TrackBoxes(
        number, name, boxes.time_unix_s[rows], boxes.box_xyxy_px[rows], boxes.score[rows], PICTURE_PX, is_gathered=True
    )


def gathered_rows(road: PlainRoad, boxes: LooseBoxes, tracks: Sequence[TrackBoxes]) -> list[np.ndarray]:
    return gathered_tracks(boxes, tracks, road.way())


def test_what_is_seen_with_gaps_beside_the_road_is_one_object_and_has_its_place() -> None:
    road = PlainRoad()
    near, far = (road.seen(1, road.beside(258.0, -12.0)), road.seen(2, road.beside(282.0, -12.0)))
    boxes, of = loose(every(2, near), every(2, far, from_box=1))
    groups = gathered_rows(road, boxes, signs(road))
    assert [sorted(set(of[rows].tolist())) for rows in groups] == [[1], [2]]
    assert [len(rows) for rows in groups] == [np.count_nonzero(of == 1), np.count_nonzero(of == 2)]
    tracks = [as_track(900 + number, boxes, rows) for number, rows in enumerate(groups)]
    placement = place_tracks([*signs(road), *tracks], road.way())
    found = [row.place for row in placement.placed if row.track.is_gathered]
    assert [place is not None and abs(place.side_m + 12.0) < 1.5 for place in found] == [True, True]


def test_what_moves_with_the_picture_is_no_object() -> None:
    road = PlainRoad()
    sign = road.seen(1, road.beside(240.0, -14.0))
    dirt = replace(sign, box_xyxy_px=np.tile([500.0, 330.0, 520.0, 350.0], (len(sign.score), 1)))
    boxes, _ = loose(dirt)
    tracks = [as_track(900, boxes, rows) for rows in gathered_rows(road, boxes, signs(road))]
    placement = place_tracks([*signs(road), *tracks], road.way())
    assert not any(row.track.is_gathered for row in placement.placed)


def test_what_was_seen_by_moments_and_only_from_afar_waits_for_another_drive() -> None:
    road = PlainRoad()
    sign = road.seen(1, road.beside(240.0, 4.0), from_m=110.0)
    boxes, _ = loose(every(3, sign, to_box=40))
    tracks = [as_track(900, boxes, rows) for rows in gathered_rows(road, boxes, signs(road))]
    placement = place_tracks([*signs(road), *tracks], road.way())
    assert [row.reason for row in placement.candidates] == [FAR]
    assert not any(row.track.is_gathered for row in placement.placed)


def test_what_a_detector_takes_for_something_else_at_times_is_one_object() -> None:
    road = PlainRoad()
    sign = road.seen(1, road.beside(240.0, 4.0))
    mistaken = every(2, road.seen(2, road.beside(240.0, 4.0), score=0.6))
    boxes, _ = loose(mistaken)
    tracks = [as_track(900, boxes, rows, "light") for rows in gathered_rows(road, boxes, signs(road))]
    kept = np.isin(sign.time_unix_s, mistaken.time_unix_s, invert=True)
    held = replace(sign, time_unix_s=sign.time_unix_s[kept], box_xyxy_px=sign.box_xyxy_px[kept], score=sign.score[kept])
    placement = place_tracks([*signs(road), held, *tracks], road.way())
    assert [row.reason for row in placement.left_out] == [SHADOW]
    assert len(placement.placed) == len(SIGNS) + 1


def test_a_piece_of_something_else_does_not_spoil_what_the_tracker_held() -> None:
    road = PlainRoad()
    sign = road.seen(1, road.beside(240.0, 4.0), name="light")
    other = every(3, road.seen(2, road.beside(225.0, -9.0), name="light"))
    piece = replace(other, track_id=900, is_gathered=True)
    placement = place_tracks([*signs(road), sign, piece], road.way())
    row = next(row for row in placement.placed if row.track.track_id == 1)
    assert [part.track_id for part in row.parts] == [1]
    assert row.place is not None


def test_without_a_way_or_an_identity_nothing_is_gathered() -> None:
    road = PlainRoad()
    boxes, _ = loose(every(3, road.seen(1, road.beside(240.0, -14.0))))
    assert gathered_rows(road, boxes, []) == []
    nothing = LooseBoxes(np.empty(0), np.empty((0, 4)), np.empty(0), np.empty(0, np.int32), PICTURE_PX)
    assert gathered_rows(road, nothing, signs(road)) == []
