"""The objects of all drives: placed drive by drive, and those that several drives saw put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from streamvision.geolocation.records import KnownObject, PlacedTrack, TrackBoxes
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.following import BestPicture
from streamvision.trip.records import ObjectView, SeenObject

LEAST_LOOKS = 3
"""An identity of fewer looks is taken for nothing, where no place can tell."""
LEAST_BEST_SCORE = 0.5
"""And so is one that the model was never this sure of."""
MAX_LIMIT_KMH = 150
_NUMBER = re.compile(r"\d{1,3}")


@dataclass(eq=False)
class ObjectViews:
    """All that drives saw of one object."""

    known: KnownObject | None
    """Where it stands, all drives together; ``None`` where none could tell."""
    class_name: str
    """What it is."""
    text: str | None = None
    """What was read on it."""
    seen: list[tuple[DriveResult, PlacedTrack]] = field(default_factory=list)
    """By each drive, in order."""

    @property
    def tracks(self) -> list[TrackBoxes]:
        """The identities that it had."""
        return [track for _, placed in self.seen for track in (placed.parts or (placed.track,))]

    @property
    def first_seen(self) -> list[str]:
        """Where each identity was seen first: names that stay."""
        return [str(track.details["first_seen"]) for track in self.tracks]

    @property
    def best(self) -> BestPicture:
        """Where it is seen best."""
        found: BestPicture = max((one.details["best"] for one in self.tracks), key=lambda best: best.clearness)
        return found


def unplaced(result: DriveResult) -> list[ObjectViews]:
    """Return one object for each identity of a drive that has no positions."""
    objects = []
    for track in result.tracks:
        if len(track.score) >= LEAST_LOOKS and track.score.max() >= LEAST_BEST_SCORE:
            placed = PlacedTrack(track, None, "no positions")
            objects.append(ObjectViews(None, track.class_name, track.text, [(result, placed)]))
    return objects


def seen_object(views: ObjectViews, number: int, picture: str | None) -> SeenObject:
    """Return an object as the outputs have it."""
    scores = np.concatenate([track.score for track in views.tracks])
    times = [(result.drive.id, placed.track.time_unix_s) for result, placed in views.seen]
    known = views.known
    place = known.place if known is not None else None
    text = (known.text if known is not None else None) or views.text
    by_drive = _views(times)
    return SeenObject(
        id=number,
        class_name=views.class_name,
        text=text,
        first_unix_s=min(one.first_unix_s for one in by_drive),
        last_unix_s=max(one.last_unix_s for one in by_drive),
        frames=len(scores),
        best_score=float(scores.max()),
        mean_score=float(scores.mean()),
        picture=picture,
        latitude_deg=place.latitude_deg if place else None,
        longitude_deg=place.longitude_deg if place else None,
        error_m=place.error_m if place else None,
        bearing_deg=place.bearing_deg if place else None,
        drives=tuple(one.drive for one in by_drive),
        state="gone" if known is not None and known.gone else "seen",
        speed_limit_kmh=speed_limit_kmh(text),
        views=by_drive,
        covariance_m2=place.covariance_m2 if place else None,
    )


def _views(times: Sequence[tuple[str, np.typing.NDArray[np.float64]]]) -> tuple[ObjectView, ...]:
    """Return when each drive saw an object, one row a drive."""
    views: dict[str, ObjectView] = {}
    for drive, at in times:
        first, last = float(at[0]), float(at[-1])
        if (known := views.get(drive)) is not None:
            first, last = min(first, known.first_unix_s), max(last, known.last_unix_s)
        views[drive] = ObjectView(drive, first, last)
    return tuple(views.values())


def speed_limit_kmh(text: str | None) -> float | None:
    """Return the limit that a sign's text sets; ``None`` where it sets none.

    >>> speed_limit_kmh("50"), speed_limit_kmh("STOP"), speed_limit_kmh(None), speed_limit_kmh("3.5 t")
    (50.0, None, None, None)
    """
    found = _NUMBER.fullmatch(text.strip()) if text else None
    limit = int(found[0]) if found else 0
    return float(limit) if limit and limit % 5 == 0 and limit <= MAX_LIMIT_KMH else None
