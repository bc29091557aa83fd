"""One identity of one stream, as far as it was seen: the row of tables and of a service's memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from streamvision.core.cells import Cells
from streamvision.core.frame import FilePlace, WallTime
from streamvision.core.picture import Picture


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """When and where a frame was."""

    frame: int
    """Its position in the stream, from 0."""
    pts_s: float
    """Its time in the stream's own clock."""
    captured_unix_s: float
    """When it arrived, by this machine's clock, in seconds since 1970 UTC."""
    wall_time: WallTime | None
    """When it was taken; ``None`` where nobody knows."""
    place: FilePlace | None
    """Where it stands in a file; ``None`` for cameras and what else is no file."""


@dataclass(frozen=True, eq=False)
class Tracklet:
    """One identity, from the first frame that showed it to the last one so far."""

    key: int
    """Its number among all that this process has seen."""
    stream: str
    """The stream's id."""
    track_id: int
    """The identity."""
    class_name: str
    """What it was on most of its frames; of two equal ones, what it was first."""
    first: Moment
    """The first frame."""
    last: Moment
    """The last one so far."""
    best: Moment
    """The frame with the highest score."""
    best_score: float
    """That score, 0 to 1."""
    best_box_xyxy_px: tuple[float, float, float, float]
    """Where it was on that frame: left, top, right, bottom in the picture's pixels."""
    picture_px: tuple[int, int]
    """Width and height of that frame's picture."""
    frames: int
    """How many frames showed it."""
    cells: Cells
    """Where it was, all frames together (:mod:`streamvision.core.cells`)."""
    crop: Picture | None
    """A view of it that is clearer than those that were told before; ``None`` where there is none."""
    is_over: bool
    """Whether nothing more will be told of it."""
    global_id: int | None = None
    """The newest identity that it had in all cameras; ``None`` where nobody gave it one."""


def majority(counts: Counter[int]) -> int:
    """Return what was counted most often; of equal ones, what was counted first."""
    return max(counts, key=lambda one: counts[one])
