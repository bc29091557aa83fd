"""What user code may hand back to the pipeline, and the check that keeps nonsense out of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections

Rgb = tuple[int, int, int]
"""Red, green and blue, 0..255."""
MAX_MARKS = 1000
MAX_EVENTS = 100
_YELLOW: Rgb = (246, 255, 125)


@dataclass(frozen=True)
class Outline:
    """A line through points of the picture, drawn over everything else."""

    points_px: tuple[tuple[float, float], ...]
    """x and y of each point, in the picture's pixels."""
    color: Rgb = _YELLOW
    """Its colour."""
    closed: bool = True
    """Whether the last point is joined to the first."""


@dataclass(frozen=True)
class Note:
    """A piece of text on the picture."""

    text: str
    """What is written; at most 48 characters are."""
    at_px: tuple[float, float]
    """Its left top corner, in the picture's pixels."""
    color: Rgb = _YELLOW
    """Colour of its ground."""


Mark = Outline | Note
"""What a stage may draw."""


@dataclass(frozen=True)
class StageEvent:
    """Something that a stage wants to be told, in the results of its frame."""

    name: str
    """What happened."""
    track_id: int | None = None
    """Whose doing it was, where it was an object's."""
    values: dict[str, str | float | int | bool | None] = field(default_factory=dict)
    """What else belongs to it, with units in the names."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class StageOutput:
    """What a stage changes; what is ``None`` or empty stays as it was."""

    detections: Detections | None = None
    """The objects that take the place of those found."""
    picture: NDArray[np.uint8] | None = None
    """(H, W, 3) uint8 BGR of the same size, which takes the place of the picture, in files and outputs, too."""
    marks: tuple[Mark, ...] = ()
    """What is drawn in addition."""
    events: tuple[StageEvent, ...] = ()
    """What is told."""


def checked_output(given: object, *, shape: tuple[int, int], classes: int) -> StageOutput:
    """Return what a stage gave back, if it makes sense.

    Args:
        given: ``None``, :class:`Detections`, a picture or a :class:`StageOutput`.
        shape: (height, width) of the picture that the stage was given, in pixels.
        classes: how many classes the model has.

    Raises:
        TypeError: when it is of another type, or one of its parts is.
        ValueError: when a picture has another size, a box is no box, a class is not known, or there is too much.
    """
    output = _wrapped(given)
    if output.detections is not None:
        _check_detections(output.detections, classes)
    if output.picture is not None:
        _check_picture(output.picture, shape)
    _check_marks(output.marks)
    _check_events(output.events)
    return output


def _wrapped(given: object) -> StageOutput:
    if given is None:
        return StageOutput()
    if isinstance(given, StageOutput):
        return given
    if isinstance(given, Detections):
        return StageOutput(detections=given)
    if isinstance(given, np.ndarray):
        return StageOutput(picture=given)
    raise TypeError(f"it returned {type(given).__name__}; a stage returns None, Detections, a picture or a StageOutput")


def _check_detections(found: object, classes: int) -> None:
    if not isinstance(found, Detections):
        raise TypeError(f"its detections are {type(found).__name__}, not streamvision.Detections")
    if not np.isfinite(found.box_xyxy_px).all() or not np.isfinite(found.score).all():
        raise ValueError("its detections have boxes or scores that are no numbers")
    if len(found) and not 0 <= int(found.class_id.min()) <= int(found.class_id.max()) < classes:
        raise ValueError(f"its detections have classes outside of 0..{classes - 1}")


def _check_picture(picture: object, shape: tuple[int, int]) -> None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape != (*shape, 3):
        what = f"{picture.shape} {picture.dtype}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise ValueError(f"its picture is {what}, not {(*shape, 3)} uint8 as the one that it was given")


def _check_marks(marks: object) -> None:
    if not isinstance(marks, (tuple, list)) or not all(isinstance(mark, (Outline, Note)) for mark in marks):
        raise TypeError("its marks must be a tuple of Outline and Note")
    if len(marks) > MAX_MARKS:
        raise ValueError(f"it draws {len(marks)} marks; {MAX_MARKS} are allowed")
    for mark in marks:
        places = np.asarray(mark.points_px if isinstance(mark, Outline) else (mark.at_px,), np.float64)
        if places.ndim != 2 or places.shape[1] != 2 or not (np.abs(places) < 1e6).all():
            raise ValueError(f"a mark is at {places.tolist()}, which are no points of a picture")
        if len(mark.color) != 3 or not all(0 <= int(level) <= 255 for level in mark.color):
            raise ValueError(f"a mark has the colour {mark.color}; give red, green and blue, 0..255")


def _check_events(events: object) -> None:
    if not isinstance(events, (tuple, list)) or not all(isinstance(event, StageEvent) for event in events):
        raise TypeError("its events must be a tuple of StageEvent")
    if len(events) > MAX_EVENTS:
        raise ValueError(f"it tells {len(events)} events on one frame; {MAX_EVENTS} are allowed")
    for event in events:
        json.dumps(event.to_json(), allow_nan=False)
