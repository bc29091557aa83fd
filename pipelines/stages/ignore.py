"""The stage that drops objects in areas that are masked out, before anything else knows of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.stages.analytics.regions import ANCHOR_OFFSET, Polygons
from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.config.analytics import Polygon
from streamvision.core.frame import Result


class IgnoreAreas(FrameStage):
    """Drops each object the middle of whose lower edge lies in one of several areas.

    Args:
        areas: the corners of each, in fractions of the picture.
    """

    name = "ignore"
    waits = False

    def __init__(self, areas: Sequence[Polygon]) -> None:
        self._polygons = Polygons(areas)

    def apply(self, areas: Sequence[Polygon]) -> None:
        """Drop what is in these areas, from the next frame on; any thread may ask for it."""
        self._polygons = Polygons(areas)

    def process(self, result: Result) -> None:
        """Drop what is not to be seen."""
        detections, picture = result.detections, result.frame.picture
        polygons = self._polygons
        if not len(detections) or not len(polygons):
            return
        box = detections.box_xyxy_px.astype(float)
        size_px = box[:, 2:] - box[:, :2]
        anchor_px = box[:, :2] + size_px * (0.5 + ANCHOR_OFFSET["bottom"][0], 0.5 + ANCHOR_OFFSET["bottom"][1])
        inside, _ = polygons.locate(anchor_px[None], (picture.width_px, picture.height_px))
        dropped = np.logical_or.reduce(inside, axis=0)
        if dropped.any():
            result.detections = detections[np.flatnonzero(~dropped)]


def ignore(context: StageContext) -> IgnoreAreas | None:
    """Return the stage of one stream; ``None`` where nothing is masked."""
    return IgnoreAreas(context.stream.ignore) if context.stream.ignore else None
