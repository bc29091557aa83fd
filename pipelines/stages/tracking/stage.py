"""The stage that gives identities."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.tracking import Tracker
from streamvision.core.boxes import cut_at_edges
from streamvision.core.detections import class_name
from streamvision.core.frame import Result


class Tracking(FrameStage):
    """Gives the objects of one stream their identities, and counts these.

    Args:
        tracker: gives the identities.
        names: class names by class id.
    """

    name = "track"
    waits = False

    def __init__(self, tracker: Tracker, names: tuple[str, ...]) -> None:
        self.identities: Counter[str] = Counter()
        """Confirmed identities since the start, by class name."""
        self._tracker = tracker
        self._names = names
        self._highest_identity = -1

    def process(self, result: Result) -> None:
        """Give identities; on a frame that the network was not shown, predict where the objects are.

        Boxes that a tracker has filtered or predicted end at the edges of the picture, as those of the network do.
        """
        frame = result.frame
        picture_px = frame.picture.width_px, frame.picture.height_px
        if result.plan.kind == "predicted":
            found = self._tracker.predict(pts_s=frame.pts_s, picture_px=picture_px)
        else:
            result.found = result.detections
            found = self._tracker.update(result.detections, pts_s=frame.pts_s, picture=frame.picture)
        box = cut_at_edges(found.box_xyxy_px, picture_px)
        result.detections = found if np.array_equal(box, found.box_xyxy_px) else found.with_columns(box_xyxy_px=box)
        self._count(result)

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracker.reset()

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def _count(self, result: Result) -> None:
        known = self._highest_identity
        for identity, class_id in zip(result.detections.identities(), result.detections.class_id.tolist(), strict=True):
            if identity is not None and identity > known:
                self.identities[class_name(class_id, self._names)] += 1
                self._highest_identity = max(self._highest_identity, identity)


def track(context: StageContext) -> Tracking | None:
    """Return the stage of one stream; ``None`` where nobody gives identities."""
    return Tracking(context.tracker, context.names) if context.tracker is not None else None
