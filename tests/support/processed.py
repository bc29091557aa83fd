"""One result through one stage."""

from __future__ import annotations

from pipelines.stages.base import FrameStage
from streamvision.core.frame import Result


def processed(stage: FrameStage, result: Result) -> Result:
    """Return the result as the stage leaves it."""
    stage.process(result)
    return result
