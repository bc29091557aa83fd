"""Whether what was found must be drawn into a picture, since a page that draws by itself could not show it.

A page draws what results tell as plain values: boxes, oriented boxes, masks, keypoints, labels, trails, lines and
zones with their counts, classes and numbers of the picture, words of slow models, and what users' stages draw. Maps of
classes and distances, heat maps and pictures that a network made exist as pixels alone.
"""

from __future__ import annotations

from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.frame import Result
from streamvision.core.image_result import ImageResult

HOLD_S = 10.0
"""How long all pictures are drawn after the last one that needed it, in the stream's time: a change begins the video
anew, and maps may come and go."""


def needs_drawing(result: Result, config: OverlayConfig) -> bool:
    """Return whether a result has anything that must be drawn into its picture.

    Args:
        result: the frame and what was found on it.
        config: what is to be drawn.
    """
    image, analysis = result.image_result, result.analysis
    if image is not None and (image.picture is not None or _has_map(image)):
        return True
    if config.analytics and analysis is not None and analysis.heat is not None:
        return True
    return any(_has_map(one.image_result) for one in result.key_frames)


def _has_map(image: ImageResult) -> bool:
    return image.class_map is not None or image.depth_map is not None


class DrawingNeed:
    """Says it of one stream's frames, in order, so that it does not change from one to the next and back."""

    def __init__(self) -> None:
        self._needed_at_s: float | None = None

    def update(self, result: Result, config: OverlayConfig) -> bool:
        """Return whether the next frame's picture must be drawn."""
        pts_s = result.frame.pts_s
        if needs_drawing(result, config):
            self._needed_at_s = pts_s
        return self._needed_at_s is not None and pts_s - self._needed_at_s < HOLD_S
