"""Identities that are one object: a tracker that lost it and found it again must not make two of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamvision.geolocation.adjustment import Eye, Fit, Scene, fit
from streamvision.geolocation.matching import MOST_APART, disagreement
from streamvision.geolocation.observations import observe
from streamvision.geolocation.records import PlacedTrack, TrackBoxes
from streamvision.geolocation.way import Way

_GAP_S = 20.0
"""Longest time without a box of an object that was not passed yet."""
_FAR_M = 60.0
"""Places that lie farther apart than this are not even compared; what is seen for moments lies somewhere on a ray."""
_WORSE = 9.0
"""By how much two tracks may fit worse as one object than as two, in the unit of chi squared with four degrees."""
_MOST_OFF = 4.0
"""Mean squared misfit, in variances, of a part's boxes to the object that it is said to belong to."""
_MOST_OFF_GATHERED = 3.0
"""The same of what no tracker held together."""
_SAME_BOX_IOU, _SAME_BOX_SHARE = 0.6, 0.5
"""Boxes that overlap so much are one; tracks of which so many do are one, under two names."""
_APART_FRAMES = 2
"""Two boxes in so many frames are two objects."""
_AT_A_TIME = 256
"""So many tracks, or pairs of them, are compared at once: memory does not grow with the length of a drive."""


def joined(tracks: Sequence[TrackBoxes]) -> TrackBoxes:
    """Return one track with the boxes of all; of a frame in which several have one, the surest."""
    if len(tracks) == 1:
        return tracks[0]
    longest = max(tracks, key=lambda track: len(track.score))
    time_s, box, score = (
        np.concatenate([getattr(track, name) for track in tracks]) for name in ("time_unix_s", "box_xyxy_px", "score")
    )
    order = np.lexsort((-score, time_s))
    kept = order[np.diff(time_s[order], prepend=-np.inf) > 0]
    text = next((track.text for track in [longest, *tracks] if track.text is not None), None)
    return replace(longest, time_unix_s=time_s[kept], box_xyxy_px=box[kept], score=score[kept], text=text)


def joined_identities(
    tracks: Sequence[TrackBoxes], way: Way, eye: Eye
) -> tuple[list[list[TrackBoxes]], list[tuple[TrackBoxes, TrackBoxes]]]:
    """Return the tracks in groups, one an object, and those whose boxes are another's, each with that.

    Args:
        tracks: of one drive.
        way: of the drive.
        eye: the camera.
    """
    doubles = _doubles(tracks)
    own = [track for index, track in enumerate(tracks) if index not in doubles]
    scene, alone = _fitted(own, way, eye)
    places_m = scene.places_m(alone.tracks)
    pairs = [
        (a, b)
        for a, b in _near_in_time(own, _GAP_S)
        if _alike(own[a], own[b])
        and float(np.hypot(*(places_m[a] - places_m[b]))) < _FAR_M
        and not _seen_apart(own[a], own[b])
    ]
    if not pairs:
        return [[track] for track in own], [(tracks[a], tracks[b]) for a, b in doubles.items()]
    worse: list[float] = []
    fits: list[bool] = []
    for begin in range(0, len(pairs), _AT_A_TIME):
        some = pairs[begin : begin + _AT_A_TIME]
        both, together = _fitted([joined([own[a], own[b]]) for a, b in some], way, eye)
        first, second = np.array(some).T
        worse += (together.equations.cost - alone.equations.cost[first] - alone.equations.cost[second]).tolist()
        off = both.misfits(eye.numbers, together.tracks)
        fits += [_fits([own[a], own[b]], *_rows_of(both, index, off)) for index, (a, b) in enumerate(some)]
    order = [pairs[index] for index in np.argsort(worse, kind="stable") if worse[index] < _WORSE and fits[index]]
    groups = _grouped(len(own), order, lambda a, b: not _seen_apart(own[a], own[b]))
    found = [one for group in groups for one in _without_strangers([own[index] for index in group], way, eye)]
    return found, [(tracks[a], tracks[b]) for a, b in doubles.items()]


def _without_strangers(parts: list[TrackBoxes], way: Way, eye: Eye) -> list[list[TrackBoxes]]:
    """Return a group without what was gathered and does not fit the whole of it, that which fits worst first.

    Two parts that say little fit in many ways, and so do chains of such pairs.
    """
    strangers: list[TrackBoxes] = []
    while len(parts) > 1 and any(part.is_gathered for part in parts):
        scene, together = _fitted([joined(parts)], way, eye)
        off = _offs(parts, *_rows_of(scene, 0, scene.misfits(eye.numbers, together.tracks)))
        worst = max((at for at, part in enumerate(parts) if part.is_gathered), key=lambda at: off[at])
        if off[worst] < _MOST_OFF_GATHERED:
            break
        strangers.append(parts.pop(worst))
    return [parts, *([part] for part in strangers)]


def joined_passes(rows: Sequence[PlacedTrack]) -> list[PlacedTrack]:
    """Return the rows, those that a drive saw again when it came back joined to one: the best placed of them."""
    tracks = [row.track for row in rows]
    placed = [index for index, row in enumerate(rows) if row.place is not None]
    apart: dict[tuple[int, int], float] = {}
    for begin in range(0, len(placed), _AT_A_TIME):
        left = placed[begin:]
        some = disagreement([rows[index] for index in left[:_AT_A_TIME]], [rows[index] for index in left])
        apart |= {(left[a], left[b]): float(some[a, b]) for a, b in np.argwhere(some < MOST_APART) if a < b}
    pairs = sorted(apart, key=lambda pair: apart[pair])
    groups = _grouped(len(rows), pairs, lambda a, b: _gap_s(tracks[a], tracks[b]) > _GAP_S)
    return [_one_of([rows[index] for index in group]) for group in groups]


def _one_of(rows: Sequence[PlacedTrack]) -> PlacedTrack:
    if len(rows) == 1:
        return rows[0]
    best = min(rows, key=lambda row: row.place.error_m if row.place else np.inf)
    parts = tuple(part for row in rows for part in row.parts)
    return replace(best, track=joined([row.track for row in rows]), parts=parts)


def _fitted(tracks: Sequence[TrackBoxes], way: Way, eye: Eye) -> tuple[Scene, Fit]:
    scene = Scene(observe(tracks, [way.driven_m(track.time_unix_s) for track in tracks]), way, eye)
    return scene, fit(scene, eye.numbers, camera_known=True)


def _rows_of(scene: Scene, index: int, off: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and misfits of a track's observations."""
    rows = scene.observations.track == index
    return scene.observations.time_s[rows], off[rows]


def _fits(parts: Sequence[TrackBoxes], time_s: NDArray[np.float64], off: NDArray[np.float64]) -> bool:
    """Say whether the boxes of each part, not only most boxes together, fit what was fitted to all."""
    return max(_offs(parts, time_s, off)) < _MOST_OFF


def _offs(parts: Sequence[TrackBoxes], time_s: NDArray[np.float64], off: NDArray[np.float64]) -> list[float]:
    """Return how much the boxes of each part are off, in the middle; infinite where none of them tells."""
    away_s = np.array([np.abs(time_s[:, None] - part.time_unix_s).min(axis=1) for part in parts])
    part_of = away_s.argmin(axis=0)
    told = np.isfinite(off)
    own = [off[told & (part_of == index)] for index in range(len(parts))]
    return [float(np.median(one)) if len(one) else np.inf for one in own]


def _grouped(count: int, pairs: Sequence[tuple[int, int]], may_be_one: Callable[[int, int], bool]) -> list[list[int]]:
    """Return the indices in groups: pair by pair, unless two members cannot be one object."""
    group_of = [[index] for index in range(count)]
    for a, b in pairs:
        one, other = group_of[a], group_of[b]
        if one is not other and all(may_be_one(i, j) for i in one for j in other):
            one.extend(other)
            for index in other:
                group_of[index] = one
    return [sorted(group) for index, group in enumerate(group_of) if min(group) == index]


def _near_in_time(tracks: Sequence[TrackBoxes], gap_s: float) -> Iterator[tuple[int, int]]:
    order = sorted(range(len(tracks)), key=lambda index: float(tracks[index].time_unix_s[0]))
    open_tracks: list[int] = []
    for index in order:
        begin_s = float(tracks[index].time_unix_s[0])
        open_tracks = [other for other in open_tracks if tracks[other].time_unix_s[-1] >= begin_s - gap_s]
        yield from ((other, index) for other in open_tracks)
        open_tracks.append(index)


def _gap_s(a: TrackBoxes, b: TrackBoxes) -> float:
    """Return how long neither was seen between the two; negative where they overlap."""
    return float(max(a.time_unix_s[0], b.time_unix_s[0]) - min(a.time_unix_s[-1], b.time_unix_s[-1]))


def _alike(a: TrackBoxes, b: TrackBoxes) -> bool:
    return a.class_name == b.class_name and (a.text is None or b.text is None or a.text == b.text)


def _shared_iou(a: TrackBoxes, b: TrackBoxes) -> NDArray[np.float64]:
    """Return (F,) the overlap of the two boxes in each of the F frames that show both."""
    _, in_a, in_b = np.intersect1d(a.time_unix_s, b.time_unix_s, return_indices=True)
    one, other = a.box_xyxy_px[in_a], b.box_xyxy_px[in_b]
    size = np.clip(np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2]), 0, None)
    both = size.prod(axis=1)
    area = (one[:, 2:] - one[:, :2]).prod(axis=1) + (other[:, 2:] - other[:, :2]).prod(axis=1) - both
    return np.asarray(both / np.maximum(area, 1e-9))


def _seen_apart(a: TrackBoxes, b: TrackBoxes) -> bool:
    """Say whether frames show two objects."""
    return bool(np.count_nonzero(_shared_iou(a, b) < 0.2) >= _APART_FRAMES)


def _doubles(tracks: Sequence[TrackBoxes]) -> dict[int, int]:
    """Return the tracks whose boxes are mostly those of a stronger one, and that one."""
    found: dict[int, int] = {}
    strength = [float(track.score.sum()) for track in tracks]
    for a, b in _near_in_time(tracks, 0.0):
        weak, strong = (a, b) if strength[a] < strength[b] else (b, a)
        same = np.count_nonzero(_shared_iou(tracks[a], tracks[b]) > _SAME_BOX_IOU)
        if same >= _SAME_BOX_SHARE * len(tracks[weak].score) and weak not in found and strong not in found:
            found[weak] = strong
    return found
