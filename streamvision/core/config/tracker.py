"""Who gives identities: the section ``tracker``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from streamvision.core.config.section import Section, listed_in


class TrackerConfig(Section):
    """Who gives identities."""

    name: str = Field(
        "steady",
        description="Tracker: steady is our own, botsort also follows a moving camera; none: no identities.",
        json_schema_extra=listed_in("pipelines.stages.tracking.registry:TRACKERS"),
    )
    memory_s: float = Field(
        1.0, gt=0, le=60, description="How long an object may be out of sight and keep its identity."
    )
    class_agnostic: bool = Field(True, description="Keep an identity though the class of the object changes.")
    appearance: Path | None = Field(
        None,
        description="For botsort: an embedding model that describes objects, so that their appearance counts, too.",
    )
    appearance_head: str | None = Field(
        None, description="Layout of that model's output, for files that do not say it: embed."
    )
    smooth_keypoints: bool = Field(True, description="Smooth the keypoints of each identity, the slow ones the most.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Settings of its own of a tracker that another package brings."
    )
