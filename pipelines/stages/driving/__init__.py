"""The stage of networks that drive; other streams load nothing of the drawn drive for it."""

from __future__ import annotations

from pipelines.stages.base import FrameStage, StageContext
from streamvision.core.errors import ConfigError


def driving(context: StageContext) -> FrameStage | None:
    """Return the stage where the model may be a network that drives.

    Raises:
        ConfigError: when limits are to be read, and the only model gives no numbers.
        StreamVisionError: when what reads them is not there, or cannot be run.
    """
    settings = context.config.driving
    if context.card.head != "several":
        if settings.limit_detector is not None and not context.config.models:  # of which another stream's may drive
            raise ConfigError(
                "driving.limit_detector is for networks that drive, and this model gives no numbers; leave it out"
            )
        return None
    from pipelines.stages.driving.limits import LimitWatch
    from pipelines.stages.driving.stage import DrivingStage

    if settings.limit_detector is None:
        return DrivingStage()
    return DrivingStage(LimitWatch.open(settings, waits=not context.live))
