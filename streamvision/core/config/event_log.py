"""What a service keeps of the events."""

from __future__ import annotations

from pydantic import Field

from streamvision.core.config.section import Section


class EventLogConfig(Section):
    """What `streamvision serve` keeps of what happens at lines and in zones; the oldest make room."""

    kept: int = Field(100_000, ge=1, le=10_000_000, description="Most events.")
    days: float = Field(30.0, gt=0, le=3650, description="How long they are kept, in days.")
    pictures: bool = Field(True, description="Keep the annotated picture of each frame on which something happened.")
    pictures_kept: int = Field(5_000, ge=1, le=1_000_000, description="Most pictures, about 100 kB each.")
