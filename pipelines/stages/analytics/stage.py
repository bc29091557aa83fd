"""The stage that counts and measures what identities do."""

from __future__ import annotations

from pipelines.stages.analytics.analytics import Analytics
from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.frame import Result


class Analysing(FrameStage):
    """Adds to each result what the analytics say of it; a fault of theirs ends them, not the stream."""

    name = "analytics"
    optional = True

    def __init__(self, analytics: Analytics) -> None:
        self.analytics = analytics
        """What counts; any thread may ask it."""

    def process(self, result: Result) -> None:
        """Count and measure."""
        result.analysis = self.analytics.update(result)


def analyse(context: StageContext) -> Analysing:
    """Return the stage of one stream; regions can be drawn at any time, so there always is one."""
    config = context.config.analytics if context.stream.analytics is None else context.stream.analytics
    return Analysing(Analytics(config, context.names, memory_s=context.config.tracker.memory_s))
