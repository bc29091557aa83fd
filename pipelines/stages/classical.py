"""The stage that finds objects where there is no network, in the place of one: before all that knows of objects."""

from __future__ import annotations

from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.config.model import ModelConfig
from streamvision.core.frame import Result
from streamvision.core.model_location import is_without_network
from streamvision.inference.classical.detector import Detector, reported
from streamvision.inference.score_limits import ScoreLimits


class ClassicalDetection(FrameStage):
    """Finds the objects of one stream, whose background and frame before it keeps.

    Args:
        config: the steps, and how many objects are reported at most.
    """

    name = "detect"
    waits = False

    def __init__(self, config: ModelConfig) -> None:
        self._detector = Detector(config)
        self._max_detections = config.max_detections
        self.limits: ScoreLimits | None = None
        """Which objects are reported, from the next frame on; any thread may change it. ``None``: all."""

    def use(self, config: ModelConfig) -> None:
        """Find objects by other steps from the next frame on; those that are the same go on with what they learned.

        Raises:
            ConfigError: when they make no sense; nothing changes then.
        """
        self._detector = Detector(config, before=self._detector)

    def process(self, result: Result) -> None:
        """Find them, unless somebody has switched detection off or nothing has changed."""
        if result.plan.kind == "off":
            self._detector.reset()
        elif result.plan.uses_network:
            found = self._detector.find(result.frame.picture)
            lowest = None if self.limits is None else self.limits.lowest
            result.detections = reported(found, lowest, max_detections=self._max_detections)

    def reset(self) -> None:
        """Forget earlier pictures."""
        self._detector.reset()


def classical(context: StageContext) -> ClassicalDetection | None:
    """Return the stage of one stream; ``None`` where a network finds the objects."""
    model = context.config.model
    return ClassicalDetection(model) if is_without_network(model.path) else None
