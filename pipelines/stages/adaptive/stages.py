"""The two stages of adaptive inference: before the tracker, and behind it."""

from __future__ import annotations

from pipelines.stages.adaptive.adaptive import AdaptiveInference
from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.frame import Result


class CompletePrediction(FrameStage):
    """Before the tracker: adds what is known of the part that the network was not shown."""

    name = "adaptive"

    def __init__(self, adaptive: AdaptiveInference) -> None:
        self._adaptive = adaptive

    def process(self, result: Result) -> None:
        """Complete the result."""
        self._adaptive.complete(result)

    def reset(self) -> None:
        """Forget earlier pictures."""
        self._adaptive.reset()


class LearnMotion(FrameStage):
    """Behind the tracker: learns what the next plans can rely on."""

    name = "adaptive"

    def __init__(self, adaptive: AdaptiveInference) -> None:
        self._adaptive = adaptive

    def process(self, result: Result) -> None:
        """Learn from the result."""
        self._adaptive.learn(result)


def complete(context: StageContext) -> CompletePrediction | None:
    """Return the stage before the tracker; ``None`` where the network is shown every frame."""
    return CompletePrediction(context.adaptive) if context.adaptive is not None else None


def learn(context: StageContext) -> LearnMotion | None:
    """Return the stage behind the tracker; ``None`` where the network is shown every frame."""
    return LearnMotion(context.adaptive) if context.adaptive is not None else None
