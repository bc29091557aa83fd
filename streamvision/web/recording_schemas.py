"""What the routes of recordings take and give, in the terms of :mod:`streamvision.web.openapi`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from streamvision.core.config.section import Section
from streamvision.core.recordings import Motion, RecordedFrame, RecordedSpan, Recording, RecordingKind
from streamvision.web.openapi import Schema

LATEST_UNIX_S = 32503680000.0
"""The year 3000: what lies behind it is a mistake, in milliseconds most often."""
_TEXT = r"^[^\x00]*$"
_SINCE = "Where it begins, in seconds since 1970 UTC."
_UNTIL = "Where it ends, in seconds since 1970 UTC."


class RecordingList(Schema):
    """What was recorded in a time."""

    recordings: list[Recording]
    """Each file, the oldest first, at most 5000."""
    summary: dict[str, Any]
    """How much there is, to those who may see all streams; empty else."""


class Stretch(Schema):
    """A time without a gap of which a stream was recorded."""

    stream: str
    """Of which stream."""
    kind: RecordingKind
    """Why it is kept."""
    start_unix_s: float
    """Where it begins."""
    end_unix_s: float
    """Where it ends."""


class Stretches(Schema):
    """When there is something to be seen."""

    stretches: list[Stretch]
    """Each of them, those of a stream in the order of time."""
    next: float | None
    """What `since` is to be for those that follow; null where none do."""


class BoxFrames(Schema):
    """What was found on recorded frames."""

    frames: list[RecordedFrame]
    """Each frame, the oldest first."""


class MotionFound(Schema):
    """When something moved in a region."""

    moments: list[Motion]
    """How much changed, key frame by key frame."""
    until: float
    """How far it was looked in the time that a request has; ask on from there."""


class SpanChange(Section):
    """A span of a stream."""

    stream: str = Field(pattern=_TEXT, description="The stream's id.")
    since: float = Field(ge=0, le=LATEST_UNIX_S, description=_SINCE)
    until: float = Field(ge=0, le=LATEST_UNIX_S, description=_UNTIL)

    def span(self) -> RecordedSpan:
        """Return the span."""
        return RecordedSpan(self.stream, self.since, self.until)


class KeepChange(SpanChange):
    """What is to be kept for good, or no longer."""

    kept: bool = Field(description="Whether it is kept for good.")


class FilesChanged(Schema):
    """How many files a change was about."""

    files: int
    """Their number."""


class RecordingsQuery(Section):
    """What is asked for."""

    streams: str = Field("", pattern=_TEXT, description="Ids, separated by commas; empty: all.")
    since: float = Field(ge=0, le=LATEST_UNIX_S, description=_SINCE)
    until: float = Field(ge=0, le=LATEST_UNIX_S, description=_UNTIL)


class StretchesQuery(RecordingsQuery):
    """When it is asked about, and how closely."""

    gap_s: float = Field(1.0, ge=0, le=86400, description="Gaps up to this length, in seconds, are looked over.")


class SpanQuery(SpanChange):
    """Which span of a stream."""


class ExportQuery(SpanQuery):
    """Which span of a stream, and how."""

    annotated: Literal["0", "1"] = Field("0", description="1: with the boxes drawn into it, which takes its time.")


class MotionQuery(SpanQuery):
    """Which span of a stream, and where."""

    polygon: str = Field(
        max_length=4000, description="The region: x,y,x,y,… in fractions of the picture, three to 64 points."
    )


class ThumbnailQuery(Section):
    """Which moment of a stream."""

    stream: str = Field(pattern=_TEXT, description="The stream's id.")
    at: float = Field(ge=0, le=LATEST_UNIX_S, description="The moment, in seconds since 1970 UTC.")
    width: int = Field(320, ge=32, le=1920, description="Width of the picture, in pixels.")
