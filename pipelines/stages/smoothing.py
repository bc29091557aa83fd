"""The stages that take the trembling out of keypoints and of the classes of whole pictures."""

from __future__ import annotations

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.keypoint_smoother import KeypointSmoother
from pipelines.stages.score_smoother import ScoreSmoother
from streamvision.core.frame import Result
from streamvision.inference.model_card import OBJECT_TASKS


class KeypointSmoothing(FrameStage):
    """Smooths the keypoints of each identity."""

    name = "smooth"

    def __init__(self, smoother: KeypointSmoother) -> None:
        self._smoother = smoother

    def process(self, result: Result) -> None:
        """Smooth the keypoints."""
        result.detections = self._smoother.update(result.detections, pts_s=result.frame.pts_s)

    def reset(self) -> None:
        """Forget all identities."""
        self._smoother.reset()


class ScoreSmoothing(FrameStage):
    """Averages the scores of the classes of whole pictures over time."""

    name = "smooth"

    def __init__(self, smoother: ScoreSmoother) -> None:
        self._smoother = smoother

    def process(self, result: Result) -> None:
        """Average the scores."""
        if result.image_result is not None:
            result.image_result = self._smoother.update(result.image_result, pts_s=result.frame.pts_s)

    def reset(self) -> None:
        """Forget earlier scores."""
        self._smoother.reset()


def smooth_keypoints(context: StageContext) -> KeypointSmoothing | None:
    """Return the stage of one stream; ``None`` where the model finds no keypoints, or they are wanted as they are."""
    tracker = context.config.tracker
    if context.card.keypoints is None or not tracker.smooth_keypoints:
        return None
    return KeypointSmoothing(KeypointSmoother(memory_s=tracker.memory_s))


def smooth_scores(context: StageContext) -> ScoreSmoothing | None:
    """Return the stage of one stream; ``None`` where the model finds objects, or scores are wanted as they are."""
    over_s = context.config.model.smoothing_s
    if not over_s or context.card.task in OBJECT_TASKS:
        return None
    return ScoreSmoothing(ScoreSmoother(over_s=over_s))
