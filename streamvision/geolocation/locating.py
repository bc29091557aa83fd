"""From fitted numbers to places on earth: covariance, whether it is good enough, and where the road is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamvision.geolocation.adjustment import DELAY, LOG_SIZE, RISE, USUAL_LOG_SIZE, Eye, Fit, Scene, fit
from streamvision.geolocation.observations import observe
from streamvision.geolocation.records import PlacedTrack, PlaceOnEarth, TrackBoxes
from streamvision.geolocation.way import F64, Way

RESTLESS = "it does not stand still"
VAGUE = "it was seen from too far away, or too shortly, to be placed"
_VAGUE_M = 12.0
"""What may be farther off than this, along the line of sight in one of three cases, has no place."""
_SURE_LOG_SIZE, _ENOUGH_SIZES, _LEAST_LOG_SIZE_SPREAD = 0.15, 5, 0.12
"""Sizes that are this sure, as logarithms, tell what is usual in their class when there are so many; few classes have
only one size."""
_MOST_MISFIT = 9.0
"""Mean squared misfit, in variances, from which on it did not stand still."""
_ABREAST_S, _ABREAST_STEP_S = 60.0, 0.25
"""How long after the last box the car is looked for beside the object."""


def located(
    tracks: Sequence[TrackBoxes], parts: Sequence[tuple[TrackBoxes, ...]], way: Way, eye: Eye
) -> list[PlacedTrack]:
    """Return each track with its place, or with the reason why it has none.

    Args:
        tracks: one an object.
        parts: for each the identities that it was joined from.
        way: of the drive.
        eye: the camera.
    """
    scene = Scene(observe(tracks, [way.driven_m(track.time_unix_s) for track in tracks]), way, eye)
    found = fit(scene, eye.numbers, camera_known=True)
    scene = replace(scene, log_size=_usual_sizes(tracks, found, eye))
    found = fit(scene, eye.numbers, found.tracks, camera_known=True)
    covariances = found.equations.track_covariances(eye.covariance)
    own_m2 = scene.place_covariances_m2(found.tracks, covariances)
    own_m2 *= np.maximum(found.equations.misfit, 1.0)[:, None, None]
    by_boxes_m2 = scene.place_covariances_m2(
        found.tracks, found.equations.track_covariances(np.zeros_like(eye.covariance))
    )
    by_boxes_m2 *= np.maximum(found.equations.misfit, 1.0)[:, None, None]
    places_m = scene.places_m(found.tracks)
    last_s = np.array([track.time_unix_s[-1] for track in tracks]) + eye.numbers[DELAY]
    common_m2 = way.error_m(last_s) ** 2
    rows = []
    for index, track in enumerate(tracks):
        rise_m = float(found.tracks[index, RISE])
        place = _place(places_m[index], own_m2[index], common_m2[index], last_s[index], way, rise_m)
        reason = None
        if found.equations.misfit[index] > _MOST_MISFIT:
            reason = RESTLESS
        elif math.sqrt(max(np.linalg.eigvalsh(own_m2[index]))) > _VAGUE_M:
            reason = VAGUE
        rows.append(
            PlacedTrack(
                track,
                place if reason is None else None,
                reason,
                parts=parts[index],
                rough_place=place if reason == VAGUE else None,
                size_m=float(np.exp(found.tracks[index, LOG_SIZE])),
                unshared_covariance_m2=_as_triple(own_m2[index]),
                by_boxes_covariance_m2=_as_triple(by_boxes_m2[index]),
            )
        )
    return rows


def _usual_sizes(tracks: Sequence[TrackBoxes], found: Fit, eye: Eye) -> F64:
    """Return (T, 2) mean and spread of the logarithm of the height that objects of each track's class have.

    What is well seen tells how large things of its class are, and this how far away those are that are seen badly.
    """
    error = np.sqrt(found.equations.track_covariances(eye.covariance)[:, LOG_SIZE, LOG_SIZE])
    log_size = found.tracks[:, LOG_SIZE]
    names = np.array([track.class_name for track in tracks], object)
    usual = np.tile(USUAL_LOG_SIZE, (len(tracks), 1))
    for name in set(names.tolist()):
        sure = log_size[(names == name) & (error < _SURE_LOG_SIZE)]
        if len(sure) >= _ENOUGH_SIZES:
            middle = float(np.median(sure))
            spread = max(1.5 * float(np.median(np.abs(sure - middle))), _LEAST_LOG_SIZE_SPREAD)
            usual[names == name] = middle, spread
    return usual


def _place(place_m: F64, own_m2: F64, common_m2: float, last_s: float, way: Way, rise_m: float) -> PlaceOnEarth:
    latitude_deg, longitude_deg = way.plane.to_degrees(place_m)
    poses = way.at(np.arange(last_s, last_s + _ABREAST_S, _ABREAST_STEP_S))
    away = place_m - poses.position_m
    nearest = int(np.argmin((away**2).sum(axis=1)))
    heading = float(poses.heading_rad[nearest])
    right = np.array([math.cos(heading), -math.sin(heading)])
    return PlaceOnEarth(
        latitude_deg,
        longitude_deg,
        _as_triple(own_m2 + common_m2 * np.eye(2)),
        bearing_deg=math.degrees(heading) % 360,
        side_m=float(away[nearest] @ right),
        side_error_m=math.sqrt(float(right @ own_m2 @ right)),
        rise_m=rise_m,
    )


def _as_triple(covariance_m2: F64) -> tuple[float, float, float]:
    return float(covariance_m2[0, 0]), float(covariance_m2[0, 1]), float(covariance_m2[1, 1])
