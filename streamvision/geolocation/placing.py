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
from streamvision.geolocation.evidence import doubt
from streamvision.geolocation.joining import joined, joined_identities, joined_passes
from streamvision.geolocation.locating import VAGUE, located
from streamvision.geolocation.observations import observe
from streamvision.geolocation.records import Camera, Estimated, PlacedTrack, Placement, TrackBoxes
from streamvision.geolocation.way import Way
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
NO_POSITION = "no position is known while it was seen"


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
    rows = [_doubted(row) for row in sorted(rows, key=lambda row: float(row.track.time_unix_s[0]))]
    left_out = [row for row in rows if row.reason not in (None, VAGUE, NO_POSITION)]
    return Placement(tuple(row for row in rows if row not in left_out), (*left_out, *doubles), camera)


def _doubted(row: PlacedTrack) -> PlacedTrack:
    """Return the row, with the reason where it is not believed."""
    why = doubt(row.track)
    return row if why is None else replace(row, place=None, rough_place=None, reason=why)


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
