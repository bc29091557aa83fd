"""Whether two places are that of one object: by where they are, and by what else is known of the objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.records import KnownObject, PlacedTrack, PlaceOnEarth
from streamvision.geolocation.way import Plane

F64 = NDArray[np.float64]
Placeable = PlacedTrack | KnownObject
MOST_APART = 20.0
"""Disagreement of one object with itself stays below this, all but once in two thousand times: chi squared with five
degrees of freedom."""
_BEARING_DEG = 75.0
"""Signs face those that come: what was seen from another direction is another one."""
_SIDE_ERROR_M = 1.5
"""Cars do not keep to one line."""
_RISE_ERROR_M = 0.6
_SIZE_ERROR = 0.3
"""Of the logarithm of the height."""
_USUAL_VARIANCE_M2 = 36.0
"""Places that are less sure than this together agree with much, by chance: that counts against them, by likelihood."""


def place_of(row: Placeable) -> PlaceOnEarth | None:
    """Return where a row is, roughly at least."""
    return row.place or row.rough_place


def disagreement(rows: Sequence[Placeable], others: Sequence[Placeable]) -> F64:
    """Return (N, M) how much each row and each of the others disagree in being one object, as chi squared.

    Infinite where they cannot be one: of different classes or texts, seen from different directions, without a place,
    or places of a hundred kilometres apart.
    """
    apart = np.full((len(rows), len(others)), np.inf)
    first, second = _Traits(rows), _Traits(others)
    for name in first.class_name.keys() & second.class_name.keys():
        i, j = np.array(first.class_name[name]), np.array(second.class_name[name])
        apart[np.ix_(i, j)] = _disagreement(first, second, i, j)
    return apart


class _Traits:
    """What is compared, of N rows."""

    def __init__(self, rows: Sequence[Placeable]) -> None:
        self.class_name: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            name = row.track.class_name if isinstance(row, PlacedTrack) else row.class_name
            if place_of(row) is not None:
                self.class_name.setdefault(name, []).append(index)
        self.text = np.array([row.track.text if isinstance(row, PlacedTrack) else row.text for row in rows], object)
        self.numbers = np.array([_numbers(row) for row in rows]).reshape(-1, 10)


def _numbers(row: Placeable) -> tuple[float, ...]:
    place = place_of(row)
    if place is None:
        return (np.nan,) * 10
    rise_m = np.nan if place.rise_m is None else place.rise_m
    log_size = np.nan if row.size_m is None or row.place is None else float(np.log(row.size_m))
    at = place.latitude_deg, place.longitude_deg
    return (*at, *place.covariance_m2, place.bearing_deg, place.side_m, place.side_error_m, rise_m, log_size)


def _disagreement(first: _Traits, second: _Traits, i: NDArray[np.intp], j: NDArray[np.intp]) -> F64:
    one, other = first.numbers[i][:, None], second.numbers[j][None]
    plane = Plane(float(one[0, 0, 0]), float(one[0, 0, 1]))
    off_m = plane.to_metres(one[..., 0], one[..., 1]) - plane.to_metres(other[..., 0], other[..., 1])
    east, both, north = (one[..., k] + other[..., k] for k in (2, 3, 4))
    determinant = np.maximum(east * north - both**2, 1e-9)
    x, y = off_m[..., 0], off_m[..., 1]
    apart = (north * x**2 - 2 * both * x * y + east * y**2) / determinant
    apart = apart + np.maximum(np.log(determinant / _USUAL_VARIANCE_M2**2), 0)
    side_m2 = _SIDE_ERROR_M**2 + one[..., 7] ** 2 + other[..., 7] ** 2
    apart = apart + (one[..., 6] - other[..., 6]) ** 2 / side_m2
    apart = apart + np.nan_to_num((one[..., 8] - other[..., 8]) / _RISE_ERROR_M) ** 2
    apart = apart + np.nan_to_num((one[..., 9] - other[..., 9]) / _SIZE_ERROR) ** 2
    turned_deg = np.abs((one[..., 5] - other[..., 5] + 180) % 360 - 180)
    text, other_text = first.text[i][:, None], second.text[j][None]
    unlike = (text != other_text) & (text != None) & (other_text != None)  # noqa: E711
    return np.where((turned_deg > _BEARING_DEG) | unlike.astype(bool), np.inf, apart)
