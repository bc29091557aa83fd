"""The pipeline's side of drawing: cheap to take along with every frame, whether or not anybody looks."""

from __future__ import annotations

from pipelines.rendering.frame_annotation import FrameAnnotation
from pipelines.rendering.trails import Trails, TrailSnapshot
from streamvision.core.config.app import OverlayConfig
from streamvision.core.frame import Result


class Overlay:
    """Plans the drawing of one stream's results, in order, from one thread.

    Args:
        config: what is wanted.
        names: class names by class id.
        skeleton: pairs of keypoints to draw a line between.
    """

    def __init__(
        self, config: OverlayConfig, names: tuple[str, ...], *, skeleton: tuple[tuple[int, int], ...] = ()
    ) -> None:
        self._skeleton = skeleton
        self._config = config
        self._names = names
        self._trails = Trails(config.trails_s) if config.trails_s > 0 else None

    def plan(self, result: Result, *, fps: float) -> FrameAnnotation:
        """Return what is to be drawn on this result; drawing itself is :meth:`FrameAnnotation.draw`, on any thread.

        Args:
            result: the stream's next result.
            fps: the stream's present rate, for the status line; 0 where it is not known yet.
        """
        snapshot = TrailSnapshot()
        if self._trails is not None:
            frame = result.frame
            self._trails.update(result.detections, pts_s=frame.pts_s, segment=frame.segment)
            snapshot = self._trails.snapshot()
        return FrameAnnotation(result, self._config, self._names, snapshot, fps, self._skeleton)
