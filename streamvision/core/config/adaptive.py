"""Adaptive inference: which part of each frame the network is shown."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from streamvision.core.config.section import Section

AdaptiveMode = Literal["full", "adaptive"]


class AdaptiveConfig(Section):
    """Which part of each frame the network is shown."""

    renamed_keys: ClassVar[dict[str, str]] = {"looks_per_s": "full_frames_per_s"}

    mode: AdaptiveMode = Field(
        "full",
        description="full: all of every frame; adaptive: what has changed since the network last saw it, for cameras "
        "that do not move. Objects elsewhere keep their last result, or are predicted by the tracker.",
    )
    refresh_s: float = Field(
        2.0, gt=0, le=60, description="In adaptive mode, longest time between two inferences on the full frame."
    )
    full_frames_per_s: float | None = Field(
        None,
        gt=0,
        description="In adaptive mode, most full frames a second, shared among all live streams by need; default: as "
        "many as the network can run without frames being dropped.",
    )
