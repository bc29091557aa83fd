"""What a service records of the cameras' own packets, and how long it keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from streamvision.core.config.section import Section

RecordingMode = Literal["off", "events", "continuous"]
"""off: nothing; events: what was around each event; continuous: all of it."""


class RetentionConfig(Section):
    """How long recordings of one kind are kept; the oldest go first."""

    days: float | None = Field(None, gt=0, le=3650, description="For how many days; default: until there is no room.")
    gb: float | None = Field(None, gt=0, le=1_000_000, description="At most so many gigabytes; default: no bound.")


class ContinuousRetentionConfig(RetentionConfig):
    """How long what is continuous is kept."""

    days: float | None = Field(3, gt=0, le=3650, description="For how many days; null: until there is no room.")


class EventRetentionConfig(RetentionConfig):
    """How long what was around events is kept."""

    days: float | None = Field(14, gt=0, le=3650, description="For how many days; null: until there is no room.")


class RecordingConfig(Section):
    """What `streamvision serve` records of the cameras' own packets, which are not encoded again."""

    mode: RecordingMode = Field("off", description="off, events (what was around each event) or continuous.")
    pre_s: float = Field(5.0, ge=0, le=120, description="How far the recording of an event reaches back, in seconds.")
    post_s: float = Field(10.0, ge=0, le=600, description="How long it goes on behind the event, in seconds.")
    sound: bool = Field(True, description="Record the sound, too, where the camera sends some.")
    segment_s: float = Field(60.0, ge=2, le=3600, description="Length of a file, in seconds.")
    ring_mb: float = Field(
        64.0, gt=0, le=4096, description="Most memory of one stream for what came before an event, in megabytes."
    )
    folder: Path | None = Field(None, description="Where to; default: `recordings` in the state folder.")
    gb: float = Field(20.0, gt=0, le=1_000_000, description="Most that recordings may take in all, in gigabytes.")
    min_free_gb: float = Field(1.0, ge=0, le=100_000, description="What is left free on that disk, in gigabytes.")
    continuous: ContinuousRetentionConfig = Field(
        ContinuousRetentionConfig(), description="How long what is continuous is kept."
    )
    events: EventRetentionConfig = Field(EventRetentionConfig(), description="How long what was around events is kept.")

    def of_stream(self, own: StreamRecordingConfig | None) -> RecordingConfig:
        """Return what counts for a stream, given what is set for it alone."""
        given = own.model_dump(exclude_none=True) if own is not None else {}
        return self.model_copy(update=given)


class StreamRecordingConfig(Section):
    """What is recorded of one stream; what is left out is as the file says."""

    mode: RecordingMode | None = Field(None, description="off, events or continuous.")
    pre_s: float | None = Field(None, ge=0, le=120, description="How far an event's recording reaches back.")
    post_s: float | None = Field(None, ge=0, le=600, description="How long it goes on behind the event.")
    sound: bool | None = Field(None, description="Whether sound is recorded.")
