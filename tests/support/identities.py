"""Frames whose objects and identities are given by hand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np

from streamvision.core.detections import Detections
from streamvision.core.frame import FilePlace, Frame, Result, WallTime
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

WIDTH_PX, HEIGHT_PX = 320, 180
Seen = tuple[int | None, Sequence[float], float, int]
"""Identity, box, score, class."""


def seen_on(
    index: int,
    *objects: Seen,
    pts_s: float | None = None,
    stream: str = "gate",
    segment: int = 0,
    place: FilePlace | None = None,
    wall_time: WallTime | None = None,
    age_s: float = 0.0,
    level: int | None = None,
) -> Result:
    """Return a result; the picture's grey level is its index, or ``level``."""
    picture = BgrPicture(np.full((HEIGHT_PX, WIDTH_PX, 3), index % 256 if level is None else level, np.uint8))
    identity = [one[0] for one in objects]
    detections = Detections(
        np.array([one[1] for one in objects], np.float32).reshape(-1, 4),
        np.array([one[2] for one in objects], np.float32),
        np.array([one[3] for one in objects], np.int32),
        np.ma.array([one or 0 for one in identity], mask=[one is None for one in identity], dtype=np.int64),
    )
    captured_at_s = time.monotonic() - age_s
    pts_s = index / 25 if pts_s is None else pts_s
    frame = Frame(stream, index, pts_s, captured_at_s, picture, segment, place, wall_time)
    return Result(frame, detections)


def rendered(results: Iterable[Result]) -> list[RenderedFrame]:
    """Return results as sinks take them."""
    return [RenderedFrame(one, draw=one.frame.picture.to_canvas, encode=lambda canvas: b"") for one in results]
