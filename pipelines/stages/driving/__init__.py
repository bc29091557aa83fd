"""The stage of networks that drive; other streams load nothing of the drawn drive for it."""

from __future__ import annotations

from pipelines.stages.base import FrameStage, StageContext


def driving(context: StageContext) -> FrameStage | None:
    """Return the stage where the model may be a network that drives."""
    if context.card.head != "several":
        return None
    from pipelines.stages.driving.stage import DrivingStage

    return DrivingStage()
