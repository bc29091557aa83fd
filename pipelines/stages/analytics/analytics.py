"""One stream's analytics: takes its results in order, and answers those who watch and edit from other threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import numpy as np

from pipelines.stages.analytics.heat_map import HeatMap
from pipelines.stages.analytics.lines import Lines
from pipelines.stages.analytics.regions import check_classes
from pipelines.stages.analytics.speed import Speeds
from pipelines.stages.analytics.track_table import Change, Float, Rows, Sighting, TrackTable
from pipelines.stages.analytics.zones import Incident, Zones
from streamvision.core.analysis import Analysis, AnalyticsEvent, EventKind
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.detections import class_name
from streamvision.core.frame import Frame, Result

RECENT_EVENTS = 100
"""How many of the newest events are remembered for those who ask."""


class Analytics:
    """Counts and measures what one stream's identities do; see :class:`streamvision.core.analysis.AnalyticsControl`.

    Args:
        config: what to count and measure.
        names: class names by class id.
        memory_s: how long the tracker remembers an identity out of sight.

    Raises:
        ConfigError: when a line or zone asks for a class that the network does not know.
    """

    def __init__(self, config: AnalyticsConfig, names: tuple[str, ...], *, memory_s: float) -> None:
        check_classes(config, names)
        self._names = names
        self._lock = threading.Lock()
        self._config = config
        self._recent: deque[AnalyticsEvent] = deque(maxlen=RECENT_EVENTS)
        self._picture_px = (16, 9)
        self._segment: int | None = None
        self._roster = TrackTable(memory_s)
        self._lines, self._zones = Lines(config.lines, names), Zones(config.zones, names)
        self._speeds = Speeds(config.speed) if config.speed else None
        self._heat = HeatMap(config.heat_map) if config.heat_map else None

    @property
    def config(self) -> AnalyticsConfig:
        """What is counted and measured."""
        with self._lock:
            return self._config

    def apply(self, config: AnalyticsConfig) -> None:
        """Count and measure this from the next frame on; a place that stays as it was keeps its counts.

        Raises:
            ConfigError: when a line or zone asks for a class that the network does not know; nothing changes then.
        """
        check_classes(config, self._names)
        with self._lock:
            rows = len(self._roster)
            self._config = config
            self._lines = Lines(config.lines, self._names, before=self._lines, rows=rows)
            self._zones = Zones(config.zones, self._names, before=self._zones, rows=rows)
            if config.speed != (self._speeds.config if self._speeds else None):
                self._speeds = Speeds(config.speed, rows=rows) if config.speed else None
            if config.heat_map is None:
                self._heat = None
            elif self._heat is None or not self._heat.goes_on(config.heat_map):
                self._heat = HeatMap(config.heat_map)

    def update(self, result: Result) -> Analysis | None:
        """Take the stream's next result, with identities, and return what happened; ``None`` with nothing to do."""
        with self._lock:
            if not (self._config.lines or self._config.zones or self._speeds or self._heat):
                return None
            return self._analyse(result)

    def _analyse(self, result: Result) -> Analysis:
        frame, detections = result.frame, result.detections
        self._picture_px = (frame.picture.width_px, frame.picture.height_px)
        events = list(self._start_segment(frame))
        seen = self._roster.see(detections, pts_s=frame.pts_s, picture_px=self._picture_px)
        self._carry(seen.arrival)
        speed_kmh = self._speeds.update(seen) if self._speeds else None
        events += self._crossed(frame, seen, speed_kmh)
        events += self._told(frame, self._zones.update(seen))
        events += self._let_go(frame, self._roster.departing(frame.pts_s))
        events += self._told(frame, self._zones.crowds())
        if self._heat:
            self._heat.update(seen)
        self._recent.extend(events)
        shown = self._heat is not None and self._config.heat_map is not None and self._config.heat_map.show
        return Analysis(
            events=tuple(events),
            lines=self._lines.tallies,
            zones=self._zones.tallies,
            speed_kmh=None if speed_kmh is None else _spread(speed_kmh, seen, len(detections)),
            heat=self._heat.seconds() if self._heat and shown else None,
        )

    def _start_segment(self, frame: Frame) -> list[AnalyticsEvent]:
        """Let go of everybody where the stream began anew: their identities will not come again."""
        new = self._segment is not None and frame.segment != self._segment
        self._segment = frame.segment
        return self._let_go(frame, np.arange(len(self._roster))) if new else []

    def _crossed(self, frame: Frame, seen: Sighting, speed_kmh: Float | None) -> list[AnalyticsEvent]:
        """Return the events of lines and of speeds."""
        events = []
        for crossing in self._lines.update(seen):
            values = _speed_of(crossing.row, seen, speed_kmh)
            events.append(
                self._event("line", frame, crossing.row, crossing.line.name, values, direction=crossing.direction)
            )
        if self._speeds and speed_kmh is not None:
            for column in self._speeds.speeding(seen, speed_kmh):
                row = int(seen.row[column])
                events.append(self._event("speeding", frame, row, "ground", _speed_of(row, seen, speed_kmh)))
        return events

    def _let_go(self, frame: Frame, departing: Rows) -> list[AnalyticsEvent]:
        if not len(departing):
            return []
        events = self._told(frame, self._zones.lose(self._roster, departing))
        self._carry(self._roster.forget(departing))
        return events

    def _carry(self, change: Change) -> None:
        self._lines.carry(change)
        self._zones.carry(change)
        if self._speeds:
            self._speeds.carry(change)

    def _told(self, frame: Frame, incidents: list[Incident]) -> list[AnalyticsEvent]:
        return [self._event(found.kind, frame, found.row, found.zone.name, found.values) for found in incidents]

    def _event(
        self,
        kind: EventKind,
        frame: Frame,
        row: int | None,
        place: str,
        values: dict[str, float | bool],
        *,
        direction: str | None = None,
    ) -> AnalyticsEvent:
        return AnalyticsEvent(
            kind=kind,
            stream=frame.stream_id,
            frame=frame.index,
            pts_s=round(frame.pts_s, 6),
            time_unix_s=round(time.time() - frame.age_s(), 3),
            track_id=None if row is None else int(self._roster.identity[row]),
            class_name=None if row is None else class_name(int(self._roster.class_id[row]), self._names),
            place=place,
            direction=direction,
            values=values,
        )

    def report(self) -> dict[str, Any]:
        """Return the counts so far as plain values."""
        with self._lock:
            return Analysis(lines=self._lines.tallies, zones=self._zones.tallies).to_json()

    def recent(self) -> list[AnalyticsEvent]:
        """Return the newest events, the newest last."""
        with self._lock:
            return list(self._recent)

    def heat_map_png(self) -> bytes | None:
        """Return the heat map as a PNG file; ``None`` where there is none."""
        with self._lock:
            return self._heat.png(self._picture_px) if self._heat else None


def _speed_of(row: int, seen: Sighting, speed_kmh: Float | None) -> dict[str, float | bool]:
    """Return the speed of a row of the table as an event's values; nothing where it is not known."""
    if speed_kmh is None:
        return {}
    speed = float(speed_kmh[np.flatnonzero(seen.row == row)[0]])
    return {"speed_kmh": round(speed, 1)} if np.isfinite(speed) else {}


def _spread(values: Float, seen: Sighting, detections: int) -> Float:
    """Return the values of those with identity as values of all detections; NaN for the others."""
    spread = np.full(detections, np.nan)
    spread[seen.place] = values
    return spread
