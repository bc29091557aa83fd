"""What analytics make of the objects of a stream: events, counts at lines and in zones, and speeds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import uuid4

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from streamvision.core.config.analytics import AnalyticsConfig, LineConfig, ZoneConfig

EventKind = Literal["line", "zone_entered", "zone_left", "stay", "crowding", "wrong_way", "idle", "speeding"]
TimeSource = Literal["gps", "rtcp", "container", "file_name", "arrival"]
"""Who says what time it was: satellites, the camera's RTCP reports, the container, a file's name, or our own clock."""
_HEAT_BLUR_CELLS = 1.5


@dataclass(frozen=True, kw_only=True)
class AnalyticsEvent:
    """Something that happened at a line or in a zone, once; the same keys in files, the API, MQTT and webhooks."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True, extra="allow")

    schema: Literal[1] = 1
    """Version of these keys: what is new in a version may be ignored by who reads an older one."""
    id: str = field(default_factory=lambda: uuid4().hex)
    """32 hexadecimal digits that no other event has: who is told of one twice knows it by them."""
    kind: EventKind
    """What happened."""
    stream: str
    """Where: the stream's id."""
    time_unix_s: float | None
    """When the frame was taken, on the wall clock, in seconds since 1970 UTC; null where nobody knows."""
    time_source: TimeSource | None = None
    """Who says when it was: rtcp, container, file_name or arrival; null where nobody does."""
    captured_unix_s: float = field(default_factory=time.time)
    """When the frame reached this machine, by this machine's clock; recordings are placed by it."""
    frame: int
    """On which frame of the stream it was noticed, from 0."""
    pts_s: float
    """The frame's time in the stream's own clock."""
    track_id: int | None
    """The identity that it is about; null for crowding."""
    class_name: str | None
    """The class that this identity had most of the time; null for crowding."""
    region: str
    """Name of the line or zone; ground for speed."""
    direction: str | None = None
    """Name of the direction in which a line was crossed; null for what is no line."""
    box: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom of the object, as fractions of the picture; null where it is not on the frame."""
    score: float | None = None
    """How sure the model was of it, 0 to 1; null where it is not on the frame."""
    values: dict[str, float | bool] = field(default_factory=dict)
    """Numbers that belong to it, with their units in their names."""
    caption: str | None = None
    """The sentence that a model last said of the stream; null where there is none."""
    file: str | None = None
    """Name of the file that the frame is from; null where it is from none."""
    file_frame: int | None = None
    """The frame's number in that file, from 0."""
    picture: str | None = None
    """Address of its picture, from the root of the page unless it is a whole one; null where there is none."""
    clip: str | None = None
    """Address of what was recorded around it, in the same form; null where nothing was, or is not kept any more."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class LineTally:
    """One line and its counts, at one moment."""

    name: str
    """The line's name."""
    points: tuple[tuple[float, float], tuple[float, float]]
    """Its ends, in fractions of the picture."""
    directions: tuple[str, str]
    """Names of both directions; the first is from left to right, seen from the first point to the second."""
    counts: tuple[dict[str, int], dict[str, int]]
    """For each direction, how many crossed, by class; never changed once it is here."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain values, by direction."""
        return {
            direction: {"total": sum(counts.values()), "classes": dict(sorted(counts.items()))}
            for direction, counts in zip(self.directions, self.counts, strict=True)
        }


@dataclass(frozen=True)
class ZoneTally:
    """One zone and its counts, at one moment."""

    name: str
    """The zone's name."""
    points: tuple[tuple[float, float], ...]
    """Its corners, in fractions of the picture."""
    inside: int
    """Objects inside now; one that is out of sight for a moment counts."""
    entered: int
    """How many came in, or were first seen inside."""
    left: int
    """How many went out, or were lost inside; ``entered - left`` are inside."""
    most: int
    """Most inside at one time."""
    dwell_mean_s: float | None
    """Mean time that those who left had been inside; ``None`` before the first."""
    dwell_longest_s: float | None
    """Longest of these times."""
    alarms: dict[str, int]
    """How often crowding, stay, idle and wrong_way were reported."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain values."""
        found = asdict(self)
        del found["name"], found["points"]
        return found


@dataclass(frozen=True, eq=False)
class Analysis:
    """What analytics say after one frame; nothing in it changes afterwards."""

    events: tuple[AnalyticsEvent, ...] = ()
    """What happened on this frame."""
    lines: tuple[LineTally, ...] = ()
    """All lines, in the order of the configuration."""
    zones: tuple[ZoneTally, ...] = ()
    """All zones, in the order of the configuration."""
    speed_kmh: NDArray[np.float64] | None = None
    """(N,) speed of each detection, NaN where it is not known; ``None`` where none is measured."""
    heat: NDArray[np.float32] | None = None
    """(h, w) seconds that objects spent in each cell; ``None`` where it is not to be shown."""

    def to_json(self) -> dict[str, Any]:
        """Return counts, without events, as plain values."""
        return {
            "lines": {line.name: line.to_json() for line in self.lines},
            "zones": {zone.name: zone.to_json() for zone in self.zones},
        }


class AnalyticsControl(Protocol):
    """What the web page shows and changes of one stream's analytics. Safe to use from any thread."""

    @property
    def config(self) -> AnalyticsConfig:
        """What is counted and measured now, or will be from the next frame on."""

    def apply(self, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a line or zone that stays as it was keeps its counts."""

    def report(self) -> dict[str, Any]:
        """Return the counts so far as plain values."""

    def recent(self) -> list[AnalyticsEvent]:
        """Return the newest events, the newest last."""

    def heat_map_png(self) -> bytes | None:
        """Return the heat map as a PNG file; ``None`` where there is none."""


@runtime_checkable
class CountingAnalytics(AnalyticsControl, Protocol):
    """Analytics whose counts are written down and go on after a restart."""

    def saved_counts(self) -> list[tuple[LineConfig | ZoneConfig, dict[str, Any]]]:
        """Return each line and zone that counts, with what :meth:`restore_counts` takes, as plain values."""

    def restore_counts(self, saved: Iterable[tuple[LineConfig | ZoneConfig, Mapping[str, Any]]]) -> None:
        """Add what lines and zones had counted in an earlier run; one that is not the same any more counts from nought.

        Args:
            saved: as :meth:`saved_counts` gave it.
        """


def heat_levels(seconds: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a grid of seconds as smooth levels, 0 for never and 255 for where most time was spent.

    The square root keeps a lane visible beside a parking place.
    """
    smooth = np.sqrt(cv2.GaussianBlur(seconds, (0, 0), _HEAT_BLUR_CELLS))
    most = float(smooth.max())
    levels: NDArray[np.uint8] = np.rint(smooth * (255 / most if most > 0 else 0)).astype(np.uint8)
    return levels
