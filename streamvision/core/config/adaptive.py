"""How much of each frame the network is shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from streamvision.core.config.section import Section

EffortMode = Literal["full", "adaptive"]


class AdaptiveConfig(Section):
    """How much of each frame the network is shown."""

    mode: EffortMode = Field(
        "full",
        description="full: every frame, whole; adaptive: what has changed since the last look, for cameras that stand "
        "still. What the network is not shown stays as it was, or is carried on by the tracker.",
    )
    refresh_s: float = Field(
        2.0, gt=0, le=60, description="In adaptive mode, how often the whole frame is looked at in any case."
    )
    looks_per_s: float | None = Field(
        None,
        gt=0,
        description="In adaptive mode, most whole frames a second that all live streams share by need; default: as "
        "many as keep frames from being dropped.",
    )
