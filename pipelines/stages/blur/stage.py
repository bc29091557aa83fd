"""The stage that hides faces and plates; behind it nothing sees the picture as it was taken.

A fault of it costs the frame: a picture that could not be searched is not shown.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.blur.mosaic import hide
from pipelines.stages.blur.parts import F64, widened
from pipelines.stages.blur.private_regions import PrivateRegions
from streamvision.core.frame import Result

HOLD_S = 0.5
"""What was found is hidden for so long more: detectors lose a face for a frame or two, and one is enough to read it."""
HELD_MARGIN = 0.1
"""What is held is that much larger on each side, since it may have moved."""
MAX_HELD = 256


class Blur(FrameStage):
    """Hides what is private on each picture.

    Args:
        regions: finds it; closed with the stage.
        names: class names of the model that found the frame's objects.
    """

    name = "blur"
    waits = True

    def __init__(self, regions: PrivateRegions, names: tuple[str, ...]) -> None:
        self._regions = regions
        self._names = names
        self._held: list[tuple[float, F64]] = []

    def process(self, result: Result) -> None:
        """Put a picture with unreadable parts in place of the frame's."""
        frame = result.frame
        found = self._regions.find(frame.picture, result.detections, self._names)
        held = [boxes for since_s, boxes in self._held if 0 <= frame.pts_s - since_s <= HOLD_S]
        boxes = np.concatenate([found, *(widened(one, HELD_MARGIN) for one in held)])[:MAX_HELD]
        result.frame = replace(frame, picture=hide(frame.picture, boxes))
        self._held = [one for one in self._held if 0 <= frame.pts_s - one[0] <= HOLD_S]
        if len(found):
            self._held.append((frame.pts_s, found))

    def reset(self) -> None:
        """Forget what earlier frames showed."""
        self._held.clear()

    def use_names(self, names: tuple[str, ...]) -> None:
        """Call classes by these names, by class id, from the next frame on."""
        self._names = names

    def close(self) -> None:
        """Release the detector."""
        self._regions.close()


def blur(context: StageContext) -> Blur | None:
    """Return the stage of one stream; ``None`` where nothing is to be hidden.

    Raises:
        StreamVisionError: when the detector that is set is not there, cannot be run, or knows nothing private.
    """
    privacy = context.config.privacy
    return Blur(PrivateRegions.open(privacy.blur_model), context.names) if privacy.blur else None
