"""What the routes of the page's API take and give, in the terms of :mod:`streamvision.web.openapi`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from streamvision.core.analysis import AnalyticsEvent
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.status import StreamStatus
from streamvision.web.openapi import Schema


class StreamList(Schema):
    """Every stream, and the model that they share."""

    model: str
    """The model in words: file, backend, device, precision."""
    streams: list[StreamStatus]
    """Each stream, in the order of the configuration."""
    faults: list[str]
    """What is wrong beside the streams, one sentence each."""


class DetectedObject(Schema):
    """An object on a frame; further values depend on the model's task."""

    model_config = ConfigDict(extra="allow")

    track_id: int | None
    """Its identity; null where it is not confirmed."""
    class_id: int
    """Number of its class."""
    class_name: str
    """Name of its class."""
    score: float
    """How sure the model is, 0 to 1."""
    box_xyxy_px: list[float]
    """Left, top, right and bottom, in pixels of the frame."""


class FrameDetections(Schema):
    """What was found on a frame; further values depend on the model's task and on the source."""

    model_config = ConfigDict(extra="allow")

    stream: str
    """The stream's id."""
    sequence: int
    """Number of the frame among those that were shown, from 1."""
    frame: int
    """Number of the frame in its stream, from 0."""
    pts_s: float
    """Its time in the stream's own clock."""
    age_s: float
    """Seconds since it was captured."""
    width_px: int
    """Width of the picture."""
    height_px: int
    """Height of the picture."""
    objects: list[DetectedObject]
    """What was found."""


class StreamAnalytics(Schema):
    """What is counted in a stream, and what was."""

    stream: str
    """The stream's id."""
    config: AnalyticsConfig
    """Lines, zones and the rest, as in the configuration."""
    classes: list[str]
    """Names of the classes that the model knows."""
    lines: dict[str, Any]
    """By line and direction, how many crossed."""
    zones: dict[str, Any]
    """By zone, who is inside and who was."""
    events: list[AnalyticsEvent]
    """The newest, the newest last."""


class ChangedAnalytics(Schema):
    """What is counted from now on."""

    stream: str
    """The stream's id."""
    config: AnalyticsConfig
    """Lines, zones and the rest, with their defaults."""


class Alive(Schema):
    """That the process answers."""

    alive: Literal[True]
    """Always."""


class Readiness(Schema):
    """Whether all is as it should be."""

    ready: bool
    """Whether nothing is missing."""
    missing: list[str] = Field(default_factory=list)
    """What is, one sentence each; this and what follows is told to those who may see all streams."""
    newest_age_s: dict[str, float | None] = Field(default_factory=dict)
    """By stream, the age of its newest finished frame; null before the first."""


class SnapshotQuery(Schema):
    """How large the picture is."""

    width: str = ""
    """Width in pixels; the next larger step (160, 320, 480, 640, 960, 1280) is taken. Empty: full size."""


class MjpegQuery(SnapshotQuery):
    """How large pictures are, and how they follow each other."""

    adapt: Literal["0", "1"] = "1"
    """0: pictures of one size, to slow viewers too."""

    boundary: Literal["plain", "early"] = "plain"
    """early: with the next boundary behind each picture, which Chromium shows sooner."""


class StreamsQuery(Schema):
    """Which streams are meant."""

    streams: str = ""
    """Ids, separated by commas; empty: all."""


class LiveQuery(StreamsQuery):
    """Which streams are meant, how they come, and how large their pictures are."""

    width: str = ""
    """Width in pixels as of a snapshot: one for all streams, or one for each, separated by commas."""
    layer: str = ""
    """jpeg: drawn pictures; source: the camera's own packets; h264: video encoded here; auto: source where that can be
    passed on, else h264. One for all streams, or one for each, separated by commas; empty: jpeg."""
    results: Literal["0", "1"] = "0"
    """1: with what was found on each frame, and what is drawn beside it."""
    adapt: Literal["0", "1"] = "1"
    """0: pictures of one size, to slow viewers too."""


class EventsQuery(StreamsQuery):
    """What is told."""

    detections: str = "0"
    """1: with the objects of each frame."""


class AnalyticsQuery(Schema):
    """In which form."""

    form: Literal["json", "yaml"] = "json"
    """yaml: as a configuration file has it."""


class ReadinessQuery(Schema):
    """What counts as ready."""

    max_age_s: float | None = Field(None, gt=0)
    """Oldest that the newest frame of a live stream may be; default: as the configuration says."""
