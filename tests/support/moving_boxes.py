"""Detections of boxes whose true motion is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.tracking import Tracker
from streamvision.core.detections import Detections

Box = tuple[float, float, float, float]


def found(*boxes: Box, score: float | Iterable[float] = 0.9, class_id: int | Iterable[int] = 0) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.broadcast_to(np.asarray(score, np.float32), count).copy(),
        np.broadcast_to(np.asarray(class_id, np.int32), count).copy(),
    )


def walker(t_s: float, *, start_px: float = 100, speed_px_s: float = 90, top_px: float = 200) -> Box:
    """A box 60 by 160 pixels that moves along the x axis."""
    left = start_px + speed_px_s * t_s
    return (left, top_px, left + 60, top_px + 160)


def watch(tracker: Tracker, times_s: Iterable[float], scene: Callable[[float], Detections]) -> list[list[int | None]]:
    """Return the identities of each frame."""
    return [tracker.update(scene(t_s), pts_s=t_s).identities() for t_s in times_s]


def at(fps: float, seconds: float, *, begin_s: float = 0.0) -> NDArray[np.float64]:
    """Return the times of the frames of a source."""
    return begin_s + np.arange(round(fps * seconds)) / fps
