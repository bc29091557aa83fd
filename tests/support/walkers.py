"""Objects that walk where a test says, with identities, through real analytics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipelines.stages.analytics import Analytics
from streamvision.core.analysis import Analysis, AnalyticsEvent
from streamvision.core.config.app import parse_analytics
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture

NAMES = ("car", "bus")
Walker = tuple[int | None, float, float]
"""Identity, and the bottom centre of the box in fractions of the picture; no identity before confirmation."""


def analytics(memory_s: float = 1.0, **config: Any) -> Analytics:
    """Return analytics of a configuration as it stands in a file."""
    return Analytics(parse_analytics(config, origin="test"), NAMES, memory_s=memory_s)


def result(
    walkers: Sequence[Walker],
    *,
    index: int = 0,
    pts_s: float = 0.0,
    size_px: tuple[int, int] = (400, 200),
    box_px: tuple[float, float] = (40.0, 20.0),
    class_id: int | Sequence[int] = 0,
    score: float = 0.9,
    segment: int = 0,
) -> Result:
    """Return a frame with a box for each walker."""
    foot = np.array([[x, y] for _, x, y in walkers], np.float64).reshape(-1, 2) * size_px
    half = box_px[0] / 2
    box = np.stack([foot[:, 0] - half, foot[:, 1] - box_px[1], foot[:, 0] + half, foot[:, 1]], axis=1)
    identity = np.ma.MaskedArray(
        np.array([who or 0 for who, _, _ in walkers], np.int64), mask=[who is None for who, _, _ in walkers]
    )
    classes = np.broadcast_to(np.asarray(class_id, np.int32), len(walkers)).copy()
    found = Detections(box.astype(np.float32), np.full(len(walkers), score, np.float32), classes, identity)
    picture = BgrPicture(np.zeros((size_px[1], size_px[0], 3), np.uint8))
    return Result(Frame("gate", index, pts_s, 0.0, picture, segment), found)


def walk(subject: Analytics, frames: Iterable[Sequence[Walker]], *, fps: float = 10.0, **more: Any) -> list[Analysis]:
    """Update the analytics with frames at a steady rate; return what they say of each."""
    said = []
    for index, walkers in enumerate(frames):
        analysis = subject.update(result(walkers, index=index, pts_s=index / fps, **more))
        assert analysis is not None
        said.append(analysis)
    return said


def events(said: Iterable[Analysis]) -> list[AnalyticsEvent]:
    """Return all events in order."""
    return [event for analysis in said for event in analysis.events]


def kinds(said: Iterable[Analysis]) -> list[str]:
    """Return the kinds of all events in order."""
    return [event.kind for event in events(said)]
