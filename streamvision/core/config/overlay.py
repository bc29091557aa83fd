"""What is drawn into a picture: the section ``overlay``."""

from __future__ import annotations

from pydantic import Field

from streamvision.core.config.section import Section


class OverlayConfig(Section):
    """What is drawn."""

    boxes: bool = Field(True, description="Boxes around objects.")
    labels: bool = Field(True, description="Class, identity and score beside each box.")
    trails_s: float = Field(2.0, ge=0, le=30, description="Length of the trail behind an object, in seconds; 0: none.")
    status: bool = Field(
        False,
        description="A small line with id, fps and age of the frame when it was drawn; the page says them itself.",
    )
    analytics: bool = Field(True, description="Lines and zones with their counts, speeds, and the heat map if shown.")
