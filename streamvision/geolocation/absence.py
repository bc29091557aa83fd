"""Objects that are no longer there: a drive that should have seen one and did not says so, several prove it.

One miss proves nothing: a truck may have hidden it. A drive counts for an object only where its camera looked at the
place long enough, from near enough and in daylight, while it found others; and an object that was missed before and
seen again needs more misses than one that each drive saw.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.records import Camera, KnownObject, PlaceOnEarth
from streamvision.geolocation.way import MOVING_M_S, Poses, Way
from streamvision.gps.track import GpsTrack

F64 = NDArray[np.float64]
FEWEST_MISSES = 3
"""So many drives, one after the other, must have missed it."""
_STILL_THERE = 0.05
"""It is gone when that many misses would be less likely than this if it were still there."""
_IN_VIEW_S = 0.5
"""It must have been in the picture for so long."""
_TALL_SHARE = 1 / 30
"""How high it must have been in the picture: share of the picture's height; detectors find that."""
_USUAL_SIZE_M = 0.8
_INSIDE_SHARE = 0.9
"""Share of the picture, across, that counts: places are not known to the pixel."""
_FACING_DEG = 60.0
_HALF_SEEN = 0.5
"""A drive that did not see at least such a share of what it passed was not looking: fog, dirt, another model."""
_SUN_DEG = 0.0
"""Lowest height of the sun."""
_STEP_S = 0.1


def absent(
    objects: Sequence[KnownObject],
    *,
    seen: Collection[int],
    way: GpsTrack,
    camera: Camera | None,
    looked_unix_s: F64,
) -> tuple[KnownObject, ...]:
    """Return the objects with what one drive did not see counted, and those that are gone marked.

    Args:
        objects: what is known after the drive's own rows were merged.
        seen: numbers of the objects that the drive saw.
        way: the positions of the drive, as they were read.
        camera: the drive's camera; without one nothing is counted.
        looked_unix_s: (N,) times of the frames in which the detector looked, growing.
    """
    if camera is None or len(looked_unix_s) == 0 or len(way.smoothed()) < 2:
        return tuple(objects)
    views = _Views(Way(way), camera, looked_unix_s)
    passed = {known.id for known in objects if known.place is not None and views.shows(known, known.place)}
    proven = passed & {known.id for known in objects if known.is_proven}
    if len(proven & set(seen)) < _HALF_SEEN * len(proven):
        return tuple(objects)
    return tuple(_missed(known) if known.id in passed and known.id not in seen else known for known in objects)


def _missed(known: KnownObject) -> KnownObject:
    misses, passed = known.misses + 1, known.times_passed + 1
    usually_seen = (known.times_seen + 1) / (passed - misses + 2)
    proven = misses >= FEWEST_MISSES and (1 - usually_seen) ** misses < _STILL_THERE
    return replace(known, misses=misses, times_passed=passed, gone=known.gone or proven)


class _Views:
    """What a drive's camera looked at."""

    def __init__(self, way: Way, camera: Camera, looked_unix_s: F64) -> None:
        self._way, self._camera = way, camera
        kept = np.flatnonzero(np.diff(np.floor(looked_unix_s / _STEP_S), prepend=-1))
        self._time_s = looked_unix_s[kept]
        poses = way.at(self._time_s + camera.delay_s.value)
        moving = np.hypot(*poses.velocity_m_s.T) >= MOVING_M_S
        usable = moving & np.isfinite(way.error_m(self._time_s))
        self._time_s = self._time_s[usable]
        self._poses = Poses(*(values[usable] for values in poses))

    def shows(self, known: KnownObject, place: PlaceOnEarth) -> bool:
        """Say whether the object must have been in plain view."""
        plane, camera = self._way.plane, self._camera
        at_m = plane.to_metres(np.array(place.latitude_deg), np.array(place.longitude_deg))
        size_m = known.size_m or _USUAL_SIZE_M
        farthest_m = camera.focal_px.value * size_m / (_TALL_SHARE * camera.picture_px[1])
        away = at_m - self._poses.position_m
        near = np.flatnonzero((np.abs(away) < farthest_m).all(axis=1))
        if not len(near):
            return False
        axis = self._poses.heading_rad[near] + math.radians(camera.yaw_deg.value)
        x = away[near, 0] * np.cos(axis) - away[near, 1] * np.sin(axis)
        z = away[near, 0] * np.sin(axis) + away[near, 1] * np.cos(axis)
        reach = _INSIDE_SHARE * camera.picture_px[0] / 2 / camera.focal_px.value
        turned = (np.degrees(self._poses.heading_rad[near]) - place.bearing_deg + 180) % 360 - 180
        # It is where it is known to be give or take its error; the whole of that must be in view.
        margin_m = place.error_m
        inside = (z > margin_m) & (z < farthest_m) & (np.abs(x) + margin_m < reach * z) & (np.abs(turned) < _FACING_DEG)
        times_s = self._time_s[near][inside]
        if not len(times_s) or sun_height_deg(times_s[0], place.latitude_deg, place.longitude_deg) < _SUN_DEG:
            return False
        return float(np.minimum(np.diff(times_s, prepend=times_s[0] - _STEP_S), 0.5).sum()) >= _IN_VIEW_S


def sun_height_deg(unix_s: float, latitude_deg: float, longitude_deg: float) -> float:
    """Return how high the sun stands above the horizon, to about half a degree (Meeus, *Astronomical Algorithms*, 25).

    >>> round(sun_height_deg(1782043200.0, 48.2, 11.6))  # noon in summer, Munich
    65
    """
    days = unix_s / 86400 - 10957.5  # from 2000-01-01, noon
    anomaly = math.radians(357.529 + 0.98560028 * days)
    longitude = math.radians(280.459 + 0.98564736 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439)
    declination = math.asin(math.sin(tilt) * math.sin(longitude))
    right_ascension = math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))
    sidereal = math.radians(280.46062 + 360.98564737 * days + longitude_deg)
    latitude = math.radians(latitude_deg)
    return math.degrees(
        math.asin(
            math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(sidereal - right_ascension)
        )
    )
