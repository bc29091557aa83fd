"""Places the objects of a drive: camera and objects are fitted to all boxes, identities of one object are joined.

The idea is that of Chawla et al., *Monocular Vision based Crowdsourced 3D Traffic Sign Positioning with Unknown Camera
Intrinsics and Distortion Coefficients* (IV 2020, https://arxiv.org/abs/2007.04592): the signs themselves tell what the
camera is like. Here it needs no pictures, only boxes and positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamvision.geolocation.adjustment import DELAY, HORIZON, LOG_FOCAL, YAW, Eye, Scene, fit
from streamvision.geolocation.evidence import doubt, sureness
from streamvision.geolocation.gathering import FEWEST_BOXES, LooseBoxes, Rows, gathered
from streamvision.geolocation.joining import joined, joined_identities, joined_passes
from streamvision.geolocation.locating import RESTLESS, VAGUE, located
from streamvision.geolocation.matching import place_of
from streamvision.geolocation.observations import observe
from streamvision.geolocation.records import Camera, Estimated, PlacedTrack, Placement, TrackBoxes, as_matrix
from streamvision.geolocation.way import Plane, Way
from streamvision.gps.track import GpsTrack

_FOCAL_PER_WIDTH, _FOCAL_SPREAD = 0.7, 0.35
"""Dashcams see from 55 to 115 degrees across; the logarithm of the focal length spreads so much."""
_KNOWN_SPREAD = 0.02
_FIRST_GUESSES = (-0.45, 0.0, 0.35)
"""Where the search for the focal length begins, in its logarithm."""
_YAW_SPREAD_RAD = math.radians(5.0)
_DELAY_SPREAD_S = 0.7
_HORIZON_SPREAD = 0.15
"""Of the picture's height."""
_ALIKE = 1.5
"""By how much the variance of the camera's numbers is larger than if errors of heading and way did not last; on the
drawn drive, with tracks that are seen at once counted as one, estimates then err as they say."""
_MOST_FOR_CAMERA = 300
"""Tracks that the camera is estimated from: those with the most boxes."""
_NEAR_M = 5.0
"""What may by its boxes be farther off than this was not seen until it was passed."""
_SURE_FROM_AFAR = 0.65
"""Something that was not, but that a tracker held, needs such a score at its best moments."""
_SHADOW_M, _SHADOW_APART = 2.0, 9.0
"""How far signs on one post may be apart; disagreement (chi squared) below which two rows are on one post."""
NO_POSITION = "no position is known while it was seen"
SHADOW = "something that is seen better stands there"
FAR = "it was only seen from afar"


def place_tracks(tracks: Sequence[TrackBoxes], way: GpsTrack, *, field_of_view_deg: float | None = None) -> Placement:
    """Return what one drive saw, and where: one row for each physical object.

    Args:
        tracks: the identities of one camera, all in pictures of one size.
        way: the positions of the drive, as they were read.
        field_of_view_deg: how wide the camera sees, from the left to the right edge; by default it is estimated.
    """
    road = Way(way) if len(way) >= 2 else None
    seen = [track for track in tracks if road is not None and _is_covered(track, road)]
    covered = {id(track) for track in seen}
    rows = [PlacedTrack(track, None, NO_POSITION, parts=(track,)) for track in tracks if id(track) not in covered]
    doubles: list[PlacedTrack] = []
    camera = None
    if road is not None and seen:
        placed, doubles, camera = _placed(seen, road, field_of_view_deg)
        rows += placed
    firm: list[PlacedTrack] = []
    candidates: list[PlacedTrack] = []
    left_out: list[PlacedTrack] = []
    for row in sorted(rows, key=lambda row: float(row.track.time_unix_s[0])):
        why = row.reason if row.reason == RESTLESS else doubt(row.track) or _doubt_of_place(row, rows)
        if why is None:
            firm.append(row)
        elif why in (RESTLESS, SHADOW) or place_of(row) is None or len(row.track.score) < FEWEST_BOXES:
            left_out.append(replace(row, place=None, rough_place=None, reason=why))
        else:
            candidates.append(replace(row, reason=why))
    return Placement(tuple(firm), (*left_out, *doubles), camera, tuple(candidates))


def gathered_tracks(loose: LooseBoxes, tracks: Sequence[TrackBoxes], way: GpsTrack) -> list[Rows]:
    """Return the rows of boxes without an identity that are one object each, by the camera that the tracks show.

    Args:
        loose: the boxes.
        tracks: the identities of the drive; without any, nothing is known of the camera.
        way: the positions of the drive, as they were read.
    """
    road = Way(way) if len(way) >= 2 else None
    seen = [track for track in tracks if road is not None and _is_covered(track, road)]
    if road is None or not seen or not len(loose.score):
        return []
    return gathered(loose, road, _estimated_eye(seen, road, _expected_camera(seen[0].picture_px, None)))


def _doubt_of_place(row: PlacedTrack, rows: Sequence[PlacedTrack]) -> str | None:
    """Return why what was not seen from near, or not held by a tracker, proves no object; ``None`` where it does."""
    if sum(len(part.score) for part in row.parts or (row.track,) if not part.is_gathered) >= FEWEST_BOXES:
        is_sure = (row.place is None and row.reason != VAGUE) or sureness(row.track) >= _SURE_FROM_AFAR
        return None if is_sure or row.by_boxes_m <= _NEAR_M else FAR
    if row.by_boxes_m > _NEAR_M:
        return FAR
    return SHADOW if any(_is_shadow(row, other) for other in rows if other is not row) else None


def _is_shadow(row: PlacedTrack, other: PlacedTrack) -> bool:
    """Say whether a row stands where another one does that is seen better: what a detector doubles or mistakes."""
    here, there = place_of(row), other.place
    if here is None or there is None or row.track.score.sum() >= other.track.score.sum():
        return False
    plane = Plane(here.latitude_deg, here.longitude_deg)
    off_m = plane.to_metres(np.array(there.latitude_deg), np.array(there.longitude_deg))
    spread_m2 = _SHADOW_M**2 * np.eye(2)
    for one in (row, other):
        if one.by_boxes_covariance_m2 is not None:
            spread_m2 += as_matrix(one.by_boxes_covariance_m2)
    return float(off_m @ np.linalg.solve(spread_m2, off_m)) < _SHADOW_APART


def _is_covered(track: TrackBoxes, way: Way) -> bool:
    return len(track.score) > 0 and bool(np.isfinite(way.error_m(track.time_unix_s)).all())


def _placed(
    tracks: Sequence[TrackBoxes], way: Way, field_of_view_deg: float | None
) -> tuple[list[PlacedTrack], list[PlacedTrack], Camera]:
    """Return the objects, the tracks that are none of their own, and the camera."""
    expected = _expected_camera(tracks[0].picture_px, field_of_view_deg)
    eye = _estimated_eye(tracks, way, expected)
    groups, doubles = joined_identities(tracks, way, eye)
    rows = joined_passes(located([joined(group) for group in groups], [tuple(group) for group in groups], way, eye))
    left_out = [
        PlacedTrack(double, None, f"its boxes are those of the {of.class_name} {of.track_id}") for double, of in doubles
    ]
    return rows, left_out, _camera(eye, tracks[0].picture_px)


def _expected_camera(picture_px: tuple[int, int], field_of_view_deg: float | None) -> Eye:
    width_px, height_px = picture_px
    focal_px, focal_spread = _FOCAL_PER_WIDTH * width_px, _FOCAL_SPREAD
    if field_of_view_deg is not None:
        focal_px, focal_spread = width_px / 2 / math.tan(math.radians(field_of_view_deg) / 2), _KNOWN_SPREAD
    spread = np.array([focal_spread, _YAW_SPREAD_RAD, _DELAY_SPREAD_S, _HORIZON_SPREAD * height_px])
    return Eye(np.array([math.log(focal_px), 0.0, 0.0, 0.0]), np.diag(spread**2))


def _estimated_eye(tracks: Sequence[TrackBoxes], way: Way, expected: Eye) -> Eye:
    """Return the camera that fits the tracks best."""
    believed = [track for track in tracks if doubt(track) is None] or tracks
    chosen = sorted(believed, key=lambda track: -len(track.score))[:_MOST_FOR_CAMERA]
    scene = Scene(observe(chosen, [way.driven_m(track.time_unix_s) for track in chosen]), way, expected)
    reach = 2 * math.sqrt(expected.covariance[LOG_FOCAL, LOG_FOCAL])
    guesses = [expected.numbers + np.array([step, 0, 0, 0]) for step in _FIRST_GUESSES if abs(step) < reach]
    best = min((fit(scene, guess) for guess in guesses), key=lambda found: found.equations.total)
    return Eye(best.camera, best.equations.camera_covariance() * _ALIKE * _seen_at_once(chosen))


def _seen_at_once(tracks: Sequence[TrackBoxes]) -> float:
    """Return how many tracks there are at a time, in the mean: they share the errors of heading and way."""
    spans = sorted((float(track.time_unix_s[0]), float(track.time_unix_s[-1])) for track in tracks)
    any_s, end_s = 0.0, -math.inf
    for begin, end in spans:
        any_s += max(end - max(begin, end_s), 0.0)
        end_s = max(end_s, end)
    return max(sum(end - begin for begin, end in spans) / any_s, 1.0) if any_s > 0 else 1.0


def _camera(eye: Eye, picture_px: tuple[int, int]) -> Camera:
    numbers, error = eye.numbers, eye.spread
    focal_px = math.exp(numbers[LOG_FOCAL])
    return Camera(
        Estimated(focal_px, focal_px * float(error[LOG_FOCAL])),
        Estimated(math.degrees(numbers[YAW]), math.degrees(error[YAW])),
        Estimated(float(numbers[DELAY]), float(error[DELAY])),
        Estimated(picture_px[1] / 2 + float(numbers[HORIZON]), float(error[HORIZON])),
        picture_px,
    )
